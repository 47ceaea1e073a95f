"""Kernels that Python can't call are named by kernels alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("src", "tests", "benchmarks", "examples")


def compiled_by(node: ast.AST) -> str | None:
    """How a function is compiled, as it is written; None where it isn't."""
    for each in getattr(node, "decorator_list", ()):
        if ast.unparse(each.func if isinstance(each, ast.Call) else each) == "njit":
            return ast.unparse(each)
    return None


def kernels(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The names of a module's kernels, and how each is compiled."""
    for node in ast.walk(tree):
        how = compiled_by(node)
        if how is not None and isinstance(node, ast.FunctionDef):
            yield node.name, how


def names_in_python(node: ast.AST) -> Iterator[str]:
    """All names that stand outside of kernels, but for what an object calls its own."""
    if compiled_by(node) is not None:
        return
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute) and ast.unparse(node.value) != "self":
        yield node.attr
    for child in ast.iter_child_nodes(node):
        yield from names_in_python(child)


def wrongly_named(sources: dict[str, str]) -> set[tuple[str, str]]:
    """Inner kernels that Python might call, by file and name; a private name means that of its own file, if any."""
    trees = {path: ast.parse(text) for path, text in sources.items()}
    made = {path: dict(kernels(tree)) for path, tree in trees.items()}
    inner = {(path, name) for path, each in made.items() for name, how in each.items() if "INNER" in how}
    found = set()
    for path, tree in trees.items():
        for name in set(names_in_python(tree)):
            own = name.startswith("_") and name in made[path]
            found |= {(home, one) for home, one in inner if one == name and (home == path or not own)}
    return found


def test_inner_kernels_are_named_by_kernels_alone() -> None:
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    assert wrongly_named({str(path.relative_to(ROOT)): path.read_text() for path in paths}) == set()


KERNELS = """
@njit(**INNER)
def within(x): return x
@njit(nogil=True)
def outer(x): return within(x)
"""


@pytest.mark.parametrize(
    ("python", "named"),
    [
        ("outer(1)", False),
        ("within(1)", True),
        ("kernels.within(1)", True),
        ("self.within(1)", False),
        ("class Some:\n    def step(self): self.go(within)", True),
        ("@njit(forceinline=True, **INNER)\ndef other(x): return within(x)", False),
    ],
)
def test_one_that_python_calls_is_seen(python: str, named: bool) -> None:
    for sources in ({"a": KERNELS, "b": python}, {"a": KERNELS + python}):
        assert wrongly_named(sources) == ({("a", "within")} if named else set())
