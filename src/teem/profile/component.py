"""Component: each part of the engine on its own, and how much of a step it is."""

from __future__ import annotations

from collections.abc import Callable

from teem.profile.components.bench import Bench, Part
from teem.profile.components.decisions import measure_decisions
from teem.profile.components.observation import measure_observation
from teem.profile.components.record import measure_record
from teem.profile.components.resources import measure_resources
from teem.profile.components.space import measure_space
from teem.profile.play import Played
from teem.profile.report import Cost, Report, Table
from teem.profile.stage import Stage
from teem.runtime import words

PARTS: dict[str, Callable[[Bench], Part]] = {
    "space": measure_space,
    "observation": measure_observation,
    "record": measure_record,
    "resources": measure_resources,
    "decisions": measure_decisions,
}
SPANS = {
    "spatial index": ("world.index",),
    "observation": ("world.look",),
    "decisions": ("act",),
    "replay": ("remember",),
    "learning": ("learn",),
    "inheritance": ("inherit",),
    "record": ("record",),
    "checkpoints": ("checkpoint",),
    "resources": ("world.regrow", "world.grow"),
}
"""By component: the spans of a step that are its own. What is left of `world` and `observe` is the world's rules."""


def profile_component(stage: Stage) -> Report:
    """How much of a step each part is, then each part on its own, in this process and in one thread."""
    report = Report("component", "Component: each part on its own")
    plain = stage.plain
    parts = of_a_step(plain)
    report.costs = [
        Cost(
            name, seconds / plain.spans["step"]["total_s"], "a step", f"{words.number(seconds / plain.steps * 1e3)} ms"
        )
        for name, seconds in parts.items()
    ]
    rows = [(one.what, words.percent(one.share), one.amount) for one in report.costs]
    report.tables = [Table("Of a step", ("component", "share", "mean"), rows, "By the engine's own spans.")]
    bench = Bench(stage.subject.config, stage.scratch)
    report.missing += filter(None, [bench.note])
    for name, measure in PARTS.items():
        stage.say(f"{name} on its own; what it compares with may have to be compiled, once")
        part = measure(bench)
        report.tables += part.tables
        report.figures[name] = part.figures
        report.missing += part.absent
    report.figures["of_a_step_s"] = parts
    return report


def of_a_step(plain: Played) -> dict[str, float]:
    """Seconds of all steps by component, most first."""
    seconds = {name: one["total_s"] for name, one in plain.spans.items()}
    parts = {name: sum(seconds.get(span, 0.0) for span in spans) for name, spans in SPANS.items()}
    within = parts["spatial index"] + parts["observation"] + parts["resources"]
    parts["rules of the world"] = seconds["world"] + seconds["observe"] - within
    return dict(sorted(parts.items(), key=lambda item: -item[1]))
