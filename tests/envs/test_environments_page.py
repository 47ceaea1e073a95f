"""What the guide's page on environments says in Python runs as it stands, but for how long."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "environments.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


SHORTER = {"steps=200": "steps=5", "steps=600": "steps=60", "agents=100": "agents=10", "=800": "=80", "60_000": "640"}


@pytest.mark.parametrize("code", BLOCKS, ids=["parallel", "sb3", "single"])
def test_the_python_of_the_page_runs(code: str) -> None:
    for long, short in SHORTER.items():
        code = code.replace(long, short)
    exec(code, {})
