"""What training reports, in fixed memory however long it takes, and all of it on disk if that is wanted."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from teem.errors import TeemError, UsageError
from teem.training.evaluation import Evaluation
from teem.training.history import HistoryFile
from teem.training.series import Points, Series
from teem.training.stopping import REMEMBERED


class PerformanceTracker:
    """Metrics by name, each a curve over steps: the latest values exact, older ones decimated.

    An update costs the same however many there were, and memory is bounded: `most` metrics of up to
    `recent + older` points. With a `folder` every value is also written to `history.db` there.
    """

    def __init__(self, folder: str | Path | None = None, recent: int = 1024, older: int = 512, most: int = 64) -> None:
        Series(recent, older)  # refuses sizes that don't do
        self.series: dict[str, Series] = {}
        self.results: deque[Evaluation] = deque(maxlen=REMEMBERED)  # evaluations that were done
        self.episodes = 0
        self.refused: set[str] = set()  # metrics for which there was no room, the first of them by name
        self.not_finite = 0  # values that were no number, or not a finite one
        self._sizes, self._most = (recent, older), most
        self.history = HistoryFile(writable(folder)) if folder is not None else None

    def take_up(self) -> None:
        """Go on from what is in the folder: its evaluations count as if they had been made now."""
        if self.history is not None:
            self.results.extend(self.history.results())

    def update(self, step: int, **values: float) -> None:
        """Take in the values of some metrics at a step; steps don't fall."""
        for name, value in values.items():
            self.add(name, step, value)

    def add(self, name: str, step: int, value: float) -> None:
        """Take in a value of one metric."""
        if (series := self._series(name)) is None:
            return
        value = float(value)
        if not isfinite(value):
            self.not_finite += 1
            value = float("nan")
        series.add(step, value)
        if self.history is not None:
            self.history.add(name, step, time.time(), value)

    def extend(self, steps: ArrayLike, **values: ArrayLike) -> None:
        """Take in many values of some metrics, with the steps `[n]` that they are of."""
        for name, some in values.items():
            if (series := self._series(name)) is None:
                continue
            known = np.asarray(some, np.float64)
            if not (finite := np.isfinite(known)).all():
                self.not_finite += int((~finite).sum())
                known = np.where(finite, known, np.nan)
            series.extend(steps, known)
            if self.history is not None:
                self.history.extend(name, np.asarray(steps).tolist(), time.time(), known.tolist())

    def episode(self, step: int, reward: float, length: int) -> None:
        """Take in an episode that ended at this step."""
        self.episodes += 1
        self.update(step, reward=reward, length=length)

    def evaluated(self, found: Evaluation) -> None:
        """Take in an evaluation; one that failed is counted and written down, and is no result."""
        if found.done:
            self.results.append(found)
            for name, value in (("evaluation_reward", found.mean), ("evaluation_length", found.length)):
                if (series := self._series(name)) is not None:
                    series.add(found.step, value)
        if self.history is not None:  # which has a table of them
            self.history.evaluated(found, time.time())

    def latest(self, name: str) -> float:
        """The last value of a metric; NaN where there is none."""
        return self.series[name].latest if name in self.series else float("nan")

    def mean(self, name: str, last: int = 100) -> float:
        """The mean of the last values of a metric, as far as they are known and kept; NaN where none is."""
        if name not in self.series:
            return float("nan")
        values = self.series[name].recent()[1][-last:]
        known = values[~np.isnan(values)]
        return float(known.mean()) if len(known) else float("nan")

    def curve(self, name: str) -> Points:
        """A metric over the whole training."""
        if name not in self.series:
            raise UsageError(f"nothing was told of {name!r}: there are {', '.join(self.series) or 'no metrics yet'}")
        return self.series[name].points()

    def table(self, names: Sequence[str] = ()) -> dict[str, NDArray[Any]]:
        """Curves below each other as columns: metric, first and last step, count, minimum, mean, maximum."""
        chosen = tuple(names) or tuple(self.series)
        curves = [self.curve(name) for name in chosen]
        metric = np.repeat(np.array(chosen, np.str_), [len(curve.first) for curve in curves])
        columns: Mapping[str, Any] = {
            field: np.concatenate([getattr(curve, field) for curve in curves] or [np.empty(0)])
            for field in Points._fields
        }
        return {"metric": metric, **columns}

    def frame(self, names: Sequence[str] = ()) -> Any:
        """The same as a Polars frame."""
        try:
            import polars
        except ImportError as error:
            raise TeemError("frames need Polars: pip install 'teem[frames]', or take table()") from error
        return polars.DataFrame({name: column.tolist() for name, column in self.table(names).items()})

    def close(self) -> None:
        """Have the history written."""
        if self.history is not None:
            self.history.close()

    def _series(self, name: str) -> Series | None:
        """A metric's curve, begun if there is none; None where there is no room."""
        if name in self.series:
            return self.series[name]
        if len(self.series) == self._most:
            if len(self.refused) < self._most:
                self.refused.add(name)
            return None
        self.series[name] = Series(*self._sizes)
        return self.series[name]


def writable(folder: str | Path) -> Path:
    """The folder, made if need be; UsageError where nothing can be written there."""
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".teem-probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UsageError(f"log_dir {path} can't be written to ({error.strerror}): give a folder that can") from error
    return path
