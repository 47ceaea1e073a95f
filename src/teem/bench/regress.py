"""Whether something has become slower than it was: two measurements compared, and a baseline kept.

What is compared is CPU time in calls of calibration kernels of the same kinds, run in between; so a machine that is
slow today says nothing. A case is slower when it costs more than its budget allows and the whole interval of the
change says that it costs more at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from teem.bench import results
from teem.bench.results import Results, ScenarioResult
from teem.bench.statistics import Interval, change, paired_change

Word = Literal["slower", "faster", "as before"]


class Verdict(Struct, frozen=True):
    """What came of a case since the baseline."""

    scenario: str
    case: str
    change: Interval  # cost over the baseline's cost
    budget: float
    word: Word


def judge(before: Results, after: Results, *, paired: bool = False) -> list[Verdict]:
    """A verdict on each case that both measured with the same settings; `paired` in the same rounds of one run."""
    return [
        verdict
        for name, new in after.scenarios.items()
        if name in before.scenarios
        for verdict in _judge(name, before.scenarios[name], new, paired)
    ]


def _judge(name: str, before: ScenarioResult, after: ScenarioResult, paired: bool) -> list[Verdict]:
    verdicts = []
    for case, new in after.cases.items():
        old = before.cases.get(case)
        if old and old.settings == new.settings:
            if paired:
                changed = paired_change(old.costs, new.costs)
            else:
                changed = change(old.tables(after.kinds), new.tables(after.kinds))
            verdicts.append(Verdict(name, case, changed, after.budget, word(changed, after.budget)))
    return verdicts


def word(changed: Interval, budget: float) -> Word:
    """Slower or faster where the whole interval says so, and by more than the budget."""
    if changed.low is None or changed.high is None:
        return "as before"
    if changed.low > 1 and changed.value > 1 + budget:
        return "slower"
    return "faster" if changed.high < 1 and changed.value < 1 / (1 + budget) else "as before"


def not_judged(before: Results, after: Results) -> list[str]:
    """The cases of `after` that `before` does not have, or has with other settings."""
    judged = {(one.scenario, one.case) for one in judge(before, after)}
    cases = [(name, case) for name, one in after.scenarios.items() for case in one.cases]
    return [f"{name}: {case}" for name, case in cases if (name, case) not in judged]


def of_machine(kept: Sequence[Results], cpu: object) -> Results | None:
    """The results that were measured on such a processor: on others the same kernels stand in other ratios."""
    return next((one for one in kept if one.machine.get("cpu") == cpu), None)


def keep(path: Path, new: Results) -> None:
    """Put results into a baseline file in place of those of the same processor."""
    kept = results.read(path) if path.exists() else []
    others = [one for one in kept if one.machine.get("cpu") != new.machine.get("cpu")]
    results.write(path, [*others, new])
