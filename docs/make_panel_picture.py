"""Draw docs/panel.svg anew: the terminal panel of a farm that has run for a while.

    python docs/make_panel_picture.py [--steps 1500] [--out docs/panel.svg]

The speeds in the picture are those of the machine that drew it.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import teem
from teem.record.folder import RunFolder
from teem.runtime.panel import snapshot
from teem.runtime.vitals import Vitals

HERE = Path(__file__).parent
MOST_BYTES = 200_000


def draw(steps: int) -> str:
    """Run a farm for so many steps and return its panel as SVG."""
    config = teem.load_config("farm", {"steps": 20_000, "checkpoint.at_end": False})
    with tempfile.TemporaryDirectory() as folder:
        run = teem.Run.create(config, RunFolder.create(Path(folder) / "farm-7", "farm-7"))
        vitals = Vitals(run)
        for _ in range(steps):
            vitals.count(run.advance())
            if run.step % 100 == 0:
                vitals.sample()
        picture = snapshot(run, vitals, width=94, height=26)
        run.finish("steps")
    return without_web_fonts(picture)


def without_web_fonts(svg: str) -> str:
    """Drop rich's @font-face rules, so that showing the picture fetches nothing."""
    while "@font-face" in svg:
        start = svg.index("@font-face")
        svg = svg[:start] + svg[svg.index("}", start) + 1 :].lstrip()
    return svg


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--out", type=Path, default=HERE / "panel.svg")
    given = parser.parse_args()
    picture = draw(given.steps)
    if len(picture.encode()) > MOST_BYTES:
        raise SystemExit(f"the picture takes {len(picture.encode())} bytes, {MOST_BYTES} at most")
    given.out.write_text(picture, encoding="utf-8")
    print(f"{given.out}: {len(picture.encode()) // 1000} kB")


if __name__ == "__main__":
    main()
