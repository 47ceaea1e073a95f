"""The picture: a panel a metric, a line a group of runs, written at once or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from teem.config.names import nearest
from teem.errors import UsageError
from teem.plots.curve import Curve, DrawnLine, Grid, apart, line
from teem.plots.groups import Group, groups
from teem.plots.sources import Source, open_sources
from teem.plots.tracked import EVALUATION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg")
PANELS = 12  # at most, unless metrics are named
PANEL = (5.6, 3.2)  # inches
HINT = "teem plot needs matplotlib: pip install 'teem[plots]'"


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture that was written, and what is in it."""

    path: Path
    metrics: list[str]
    lines: dict[str, list[Path]]  # folders by the name of their line
    left: list[str]  # metrics there are besides
    repeated: list[Path]  # runs that are left out, since others of the same settings and seed are there

    def as_dict(self) -> dict[str, Any]:
        """The same, as JSON takes it."""
        lines = {name: [str(folder) for folder in folders] for name, folders in self.lines.items()}
        repeated = [str(folder) for folder in self.repeated]
        return {
            "file": str(self.path), "metrics": self.metrics, "lines": lines, "left": self.left, "repeated": repeated,
        }  # fmt: skip

    def in_words(self) -> str:
        """The same, as a person reads it."""
        lines = [f"drawn: {self.path}, {', '.join(self.metrics)} of {'; '.join(self.lines)}"]
        lines += [f"left out: {folder}, since its settings and seed are there already" for folder in self.repeated]
        lines += [f"besides there are {', '.join(self.left)}: --metric NAME"] if self.left else []
        return "\n".join(lines)


def draw(
    folders: Sequence[str | Path], out: str | Path, metrics: Sequence[str] | None = None, *, average: bool = False
) -> Drawn:
    """Draw what agents of these runs, sweeps or tracked trainings achieved into a .png or .svg file.

    `average`: the tracked trainings become one line, their mean.

    Raises UsageError with everything that is wrong, before anything is written.
    """
    path = Path(out)
    faults = refuse_out(path)
    sources: list[Source] = []
    try:
        sources = open_sources([Path(one) for one in folders])
        chosen = choose(sources, metrics)
    except UsageError as error:
        faults += error.faults
    if faults:
        raise UsageError(faults)
    drawn = groups(sources, average=average)
    write(figure_of(drawn, chosen), path)
    left = dict.fromkeys(name for one in sources for name in one.extents if name not in chosen)
    lines = {one.name: [source.folder for source in one.sources] for one in drawn}
    return Drawn(path, chosen, lines, list(left), [folder for one in drawn for folder in one.repeated])


def refuse_out(out: Path) -> list[str]:
    """Why no picture can be written there, as far as looking can tell."""
    if out.suffix.lower() not in FORMATS:
        return [f"--out {out} is no picture: give a file that ends with {' or '.join(FORMATS)}"]
    if out.is_dir() or not out.parent.is_dir() or not os.access(out.parent, os.W_OK | os.X_OK):
        return [f"--out {out} can't be written: give a file in a folder that is there and can be written to"]
    return []


def choose(sources: Sequence[Source], metrics: Sequence[str] | None) -> list[str]:
    """What is drawn: what is asked for, or what is usual of each source."""
    known = list(dict.fromkeys(name for one in sources for name in one.extents))
    if metrics:
        unknown = [name for name in dict.fromkeys(metrics) if name not in known]
        if unknown:
            raise UsageError(
                [f"--metric {name} is recorded in none of them: {nearest(name, known)}" for name in unknown]
            )
        return list(dict.fromkeys(metrics))
    usual = dict.fromkeys(name for one in sources for name in one.usual if name in one.extents)
    return list(usual or known)[:PANELS]


def figure_of(drawn: Sequence[Group], metrics: Sequence[str]) -> Figure:
    """The picture as matplotlib has it; no pyplot, so no state but its own."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError(HINT) from error
    columns = min(2, len(metrics))
    rows = -(-len(metrics) // columns)
    figure = Figure(figsize=(PANEL[0] * columns, PANEL[1] * rows + 0.5), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel, metric in zip(panels, metrics, strict=False):
        _draw_panel(panel, drawn, metric)
    for panel in panels[len(metrics) :]:
        panel.set_axis_off()
    named = {name: handle for panel in panels for handle, name in zip(*panel.get_legend_handles_labels(), strict=True)}
    if len(named) > 1:
        figure.legend(list(named.values()), list(named), loc="outside upper left", ncols=2, fontsize="small")
    elif named:
        figure.suptitle(next(iter(named)), fontsize="medium")
    return figure


def _draw_panel(panel: Axes, drawn: Sequence[Group], metric: str) -> None:
    """All lines of one metric, over one grid."""
    having = [[one for one in group.sources if metric in one.extents] for group in drawn]
    grid, curves = _curves(having, metric)
    for number, (group, some) in enumerate(zip(drawn, curves, strict=True)):
        if some:
            _draw_line(panel, line(grid, some), group.name, f"C{number % 10}")
    several = any(len(some) > 1 for some in having)
    panel.set_title(next(one.label(metric) for some in having for one in some), fontsize="medium")
    panel.set_xlabel(f"step{''.join(_explained(grid, several, metric == EVALUATION))}", fontsize="small")
    panel.locator_params("x", nbins=7)  # so that long numbers stay apart
    panel.grid(alpha=0.3)
    panel.margins(x=0.01)


def _curves(having: Sequence[Sequence[Source]], metric: str) -> tuple[Grid, list[list[Curve]]]:
    """The curves of each group, over a grid on which those of a group lie together."""
    grid = Grid.over([one.extents[metric] for some in having for one in some])
    curves = [[one.curve(metric, grid) for one in some] for some in having]
    if not any(apart(some) for some in curves):
        return grid, curves
    grid = Grid.shared([one.extents[metric] for some in having for one in some if len(some) > 1])
    return grid, [[one.curve(metric, grid) for one in some] for some in having]


def _explained(grid: Grid, several: bool, evaluated: bool) -> Iterator[str]:
    """What a point and a band are."""
    if grid.width > 1:
        yield f"; a point is {grid.width} steps"
    if several:
        yield "; bands of means: 95% interval over runs"
    elif evaluated and grid.width == 1:
        yield "; band: 95% interval over episodes"
    elif grid.width > 1:
        yield ", its band least to most"


def _draw_line(panel: Axes, curve: DrawnLine, name: str, colour: str) -> None:
    known = np.isfinite(curve.mean)
    beside = np.concatenate([[False], known, [False]])
    alone = np.flatnonzero(known & ~beside[:-2] & ~beside[2:])  # between two gaps: no line leads there
    points: dict[str, Any] = {"marker": ".", "markevery": alone.tolist()} if len(alone) else {}
    panel.plot(curve.step, curve.mean, color=colour, label=name, linewidth=1.2, **points)
    if (curve.high > curve.low).any():
        panel.fill_between(curve.step, curve.low, curve.high, color=colour, alpha=0.2, linewidth=0)


def write(figure: Figure, path: Path) -> None:
    """Put the picture where it belongs, whole: whoever looks meanwhile sees the one before."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    kind = path.suffix.lower().removeprefix(".")
    canvas = FigureCanvasSVG(figure) if kind == "svg" else FigureCanvasAgg(figure)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    same: Any = {"svg.hashsalt": "teem", "svg.fonttype": "none"}  # the same picture is the same bytes; its text is text
    try:
        with partial.open("wb") as file, rc_context(same):
            canvas.print_figure(file, format=kind, dpi=120, metadata={"Date": None} if kind == "svg" else None)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
