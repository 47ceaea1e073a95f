"""What can be wrong with settings, as told to whoever gave them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from teem.config.names import nearest


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with which settings."""

    text: str
    path: str
    others: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Every setting it is about."""
        return (self.path, *self.others)

    def explained(self, meaning: str) -> Fault:
        """The same fault, with the setting's meaning after it."""
        return replace(self, text=f"{self.text} ({meaning})")


def name_faults(path: str, names: tuple[str, ...], known: Collection[str], what: str) -> Iterator[Fault]:
    """Names that are unknown or there twice."""
    for index, name in enumerate(names):
        if name not in known:
            yield Fault(f'{path}[{index}] is "{name}", an unknown {what}: {nearest(name, known)}', path)
        elif name in names[:index]:
            yield Fault(f'{path}[{index}] is "{name}", which is there already: give each {what} once', path)
