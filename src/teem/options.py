"""The command line's grammar: every verb, and an option for every setting."""

from __future__ import annotations

import argparse
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

from teem.config.describe import Setting, settings, tables, worlds
from teem.config.dump import written
from teem.config.load import world_of
from teem.config.names import alike
from teem.config.ready import ready_worlds
from teem.errors import UsageError
from teem.version import __version__

SHORT = {"population.founders": "agents", "runtime.mode": "runtime"}  # settings that have a second, shorter name
PHASES = ("macro", "component", "line", "memory", "system")  # of `profile`
_SETTING = "setting:"  # how their destinations begin, so that `world.size` is not taken for `world`


class Parser(ArgumentParser):
    """A parser that raises UsageError instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise UsageError(f"{message}: see `{self.prog} --help`")


def parse(arguments: Sequence[str]) -> Namespace:
    """Read the command line; the settings that were given are in `.settings`, as texts by path.

    Raises UsageError; but what is wrong with a `run` or a `sweep` of a named world waits in `.faults`, since its
    settings may be wrong too.
    """
    parser, verbs = build_parser("")
    first = next((argument for argument in arguments if not argument.startswith("-")), None)
    if first not in verbs:
        if first is None:
            parser.parse_args(arguments)  # --help or --version end here
        raise UsageError(_unknown_verb(first, list(verbs)))
    known, faults = _join_values(arguments, verbs[first])
    plays = first in ("run", "sweep")
    if plays:
        named = [argument for argument in known if not argument.startswith("-")][1:2]
        parser, verbs = build_parser(world_of(named[0]) if named else None)
        known, faults = _join_values(arguments, verbs[first])  # once more: now the options of this world are told
    given, extra = parser.parse_known_args(known)
    faults += [f"{text} is one too many: see `teem {first} --help`" for text in extra]
    if plays and given.world is None:
        faults = faults or [f"which world? give one of {', '.join(ready_worlds())}, or a TOML file"]
    given.settings = _settings_of(given)
    given.faults = faults  # of `run` and `sweep`, to be told together with those of their settings
    if faults and (not plays or given.world is None):
        raise UsageError(faults)
    return given


def _unknown_verb(given: str | None, verbs: list[str]) -> str:
    if given is None:
        return f"what shall be done? give one of {', '.join(verbs)}; see `teem --help`"
    close = get_close_matches(given, verbs, n=1)
    remedy = f"did you mean {close[0]}?" if close else f"known are {', '.join(verbs)}"
    return f"{given} is no verb: {remedy}"


def _join_values(arguments: Sequence[str], verb: ArgumentParser) -> tuple[list[str], list[str]]:
    """The arguments, each option joined to its value; unknown ones become faults instead."""
    options = {name: action for action in verb._actions for name in action.option_strings}
    joined: list[str] = []
    faults: list[str] = []
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if not name.startswith("--"):
            joined.append(name + equals + value)
        elif name not in options:
            faults.append(_unknown_option(name, verb))
            if not equals and rest and not rest[0].startswith("--"):
                rest.pop(0)  # most likely its value
        elif options[name].nargs == 0 or equals:
            joined.append(name + equals + value)
        elif rest and not rest[0].startswith("--"):
            joined.append(f"{name}={rest.pop(0)}")
        else:
            faults.append(f"{name} needs a value: {options[name].metavar or 'see --help'}")
    return joined, faults


def _unknown_option(name: str, verb: ArgumentParser) -> str:
    """What is wrong with an option, and the one that was meant, if the help shows such a one."""
    actions = [action for action in verb._actions if action.help != argparse.SUPPRESS or verb.epilog]
    shown = [option.removeprefix("--") for action in actions for option in action.option_strings]
    meant = alike(name.removeprefix("--"), shown)
    return f"{name} is no option: " + (f"did you mean --{meant}?" if meant else f"see `{verb.prog} --help`")


def _settings_of(given: Namespace) -> dict[str, str]:
    return {
        name.removeprefix(_SETTING): value
        for name, value in vars(given).items()
        if name.startswith(_SETTING) and value is not None
    }


def build_parser(world: str | None = None) -> tuple[ArgumentParser, dict[str, ArgumentParser]]:
    """The whole parser, and the parser of each verb by name.

    The help of `run` is on the settings of one world, of all, or, for "", on those alone that every run has.
    """
    parser = Parser(prog="teem", description="Worlds that teem with learning agents.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"teem {__version__}")
    inner = parser.add_subparsers(dest="verb", metavar="VERB")
    verbs: dict[str, ArgumentParser] = {}

    def verb(name: str, about: str) -> ArgumentParser:
        verbs[name] = inner.add_parser(
            name, help=about[0].lower() + about[1:], description=about + ".", allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        return verbs[name]

    _describe_run(verb("run", "Run a world from its beginning"), world)
    resume = verb("resume", "Go on with a run from its newest checkpoint")
    resume.add_argument("run", type=Path, metavar="RUN", help="the run's folder, such as runs/farm-7")
    resume.add_argument("--steps", metavar="N", help="steps in all, instead of those it was begun with")
    _add_view(resume)
    _describe_sweep(verb("sweep", "Play every setting with every seed, and say which can be told apart"), world)
    evaluate = verb("evaluate", "Compare what runs have learnt with random, resting and scripted agents")
    evaluate.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folders of runs")
    evaluate.add_argument("--seeds", type=int, default=5, metavar="N", help="fresh worlds to compare in (default: 5)")
    evaluate.add_argument(
        "--steps", type=int, metavar="N", help="steps in each of them (default: 1000, and 30 s of crawlers)"
    )
    evaluate.add_argument(
        "--agents",
        type=int,
        metavar="N",
        help="founders in each of them (default: as many as the run had, at most 64 crawlers)",
    )
    evaluate.add_argument("--json", action="store_true", help="print the result as one line of JSON")
    doctor = verb("doctor", "Examine a run for what can't be true; exit 1 if something is found")
    doctor.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    doctor.add_argument(
        "--steps", type=int, default=50, metavar="N", help="steps played on from its checkpoint (default: 50)"
    )
    doctor.add_argument("--json", action="store_true", help="print the findings as JSON")
    _describe_profile(verb("profile", "Show why a world or a run is as fast, and as large, as it is"))
    _describe_bench(verb("bench", "Measure named scenarios; exit 1 if one is slower than its baseline allows"))
    _describe_plot(verb("plot", "Draw learning curves of runs, sweeps or tracked trainings"))
    listing = verb("worlds", "List the ready-made worlds")
    listing.add_argument("--json", action="store_true", help="print them as JSON")
    return parser, verbs


def _describe_sweep(parser: ArgumentParser, world: str | None) -> None:
    """The options of `sweep`: its own; those of `run` that are settings hold for all its runs."""
    parser.usage = "teem sweep WORLD|FILE --set NAME=A,B,... [--seeds N] [--steps N] [--workers N] [--out DIR] ..."
    parser.add_argument("world", nargs="?", metavar="WORLD|FILE", help="a ready-made world's name, or a TOML file")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=A,B,...",
        help="values of a setting to play with; may be given again: every combination is played. Of a setting that is "
        "a list, values are set apart by semicolons",
    )  # fmt: skip
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="seeds of each, from --seed on (default: 5)")
    parser.add_argument(
        "--search", type=int, metavar="N", help="try N settings that Optuna chooses, instead of every combination"
    )
    parser.add_argument(
        "--range", action="append", default=[], metavar="NAME=LOW..HIGH",
        help="where the search looks for a setting; LOW..HIGH:log on a logarithmic scale; may be given again",
    )  # fmt: skip
    parser.add_argument("--minimise", action="store_true", help="search for the least of the metric, not the most")
    parser.add_argument("--workers", type=int, metavar="N", help="runs side by side (default: as the cores allow)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR",
        help="the sweep's folder; one that was begun is gone on with (default: sweeps/WORLD-PLAN)",
    )  # fmt: skip
    parser.add_argument(
        "--metric", default="feats.per_step", metavar="NAME",
        help="the number of a run's report.json to compare by (default: feats.per_step)",
    )  # fmt: skip
    parser.add_argument(
        "--test", choices=("t", "wilcoxon", "permutation"), default="t", metavar="NAME",
        help="how pairs are tested, over seeds that both have: t, wilcoxon or permutation (default: t)",
    )  # fmt: skip
    _add_view(parser)
    _add_options(parser, _once(settings(world)), shown=False)
    parser.epilog = "Every setting of `teem run` is an option too, and holds for all runs: --steps 2000."


def _once(rows: Iterable[Setting]) -> Iterable[Setting]:
    """A setting a path, where worlds share one."""
    return {row.path: row for row in rows}.values()


def _describe_profile(parser: ArgumentParser) -> None:
    """The options of `profile`."""
    parser.add_argument("subject", metavar="WORLD|FILE|RUN", help="a ready-made world, a TOML file, or a run's folder")
    parser.add_argument("--phase", choices=(*PHASES, "all"), default="all", metavar="NAME",
                        help=f"one of {', '.join(PHASES)}, all (default: all)")  # fmt: skip
    parser.add_argument("--agents", type=int, metavar="N", help="founders (default: as the settings say)")
    parser.add_argument("--steps", type=int, default=200, metavar="N", help="steps of each play (default: 200)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the reports (default: profiles/NAME-N)")
    parser.add_argument(
        "--function", action="append", default=[], metavar="M:F",
        help="what `line` looks at, package.module:function or :Class.method; may be given again (default: the loop)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the summary as one line of JSON")


def _describe_bench(parser: ArgumentParser) -> None:
    """The options of `bench`."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="suites, scenarios or TOML files (default: all)")
    parser.add_argument("--list", action="store_true", help="list what there is")
    parser.add_argument("--quick", action="store_true", help="smaller and shorter: hints, not figures")
    parser.add_argument("--repeats", type=int, metavar="N", help="rounds of each case (default: 25, or 9 if quick)")
    parser.add_argument("--launches", type=int, metavar="N", help="how often everything is begun anew (default: 1)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="keep the results, as JSON")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw what was swept, as SVG")
    parser.add_argument("--results", type=Path, metavar="FILE", help="take kept results instead of measuring")
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="compare with kept results, or a baseline")
    parser.add_argument(
        "--save-baseline", type=Path, metavar="FILE", help="keep the results as this processor's in a baseline"
    )
    parser.add_argument("--before", type=Path, metavar="DIR", help="measure another checkout in turn with this one")
    parser.add_argument("--counts", action="store_true", help="count instructions under valgrind instead of timing")
    parser.add_argument("--json", action="store_true", help="print everything as one line of JSON")


def _describe_plot(parser: ArgumentParser) -> None:
    """The options of `plot`."""
    parser.add_argument(
        "folders", type=Path, nargs="+", metavar="RUN",
        help="folders of runs, of sweeps, or of trackers; runs that differ in their seeds alone become one line",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("curves.png"), metavar="FILE",
                        help="the picture, .png or .svg (default: curves.png)")  # fmt: skip
    parser.add_argument(
        "--metric", action="append", default=[], metavar="NAME",
        help="what to draw, a panel each; may be given again (default: feats, reward, loss, population, or all that "
        "was tracked)",
    )  # fmt: skip
    parser.add_argument("--average", action="store_true", help="draw the mean of all tracked trainings, as one line")
    parser.add_argument("--json", action="store_true", help="print the picture's path and what is in it as JSON")


def _describe_run(parser: ArgumentParser, world: str | None) -> None:
    """The options of `run`: its own, then one a setting, a group a table; those of other worlds are not shown."""
    parser.usage = "teem run WORLD|FILE [--agents N] [--steps N] [--seed N] [--out DIR] [--headless] [--json] ..."
    parser.add_argument("world", nargs="?", metavar="WORLD|FILE", help="a ready-made world's name, or a TOML file")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the run's folder (default: runs/WORLD-SEED)")
    _add_view(parser)
    groups: dict[str, Any] = {}
    shown = settings(world or "")
    for setting in shown:
        if setting.table not in groups:
            title = f"[{setting.table}]" if setting.table else "the whole run"
            groups[setting.table] = parser.add_argument_group(title, tables()[setting.world, setting.table])
        _add_options(groups[setting.table], [setting])
    others = {setting.path: setting for setting in settings()}
    for setting in shown:
        others.pop(setting.path, None)
    _add_options(parser, others.values(), shown=False)
    if world is None:
        parser.epilog = "\n".join(_help_on(name) for name in worlds())


def _add_options(to: Any, rows: Iterable[Setting], shown: bool = True) -> None:
    """An option a setting, but for lists of tables, which only a file can give."""
    for setting in rows:
        if not setting.is_tables:
            names = [f"--{setting.path}", *([f"--{SHORT[setting.path]}"] if setting.path in SHORT else [])]
            text = _help(setting) if shown else argparse.SUPPRESS
            to.add_argument(*names, dest=_SETTING + setting.path, metavar=_placeholder(setting), help=text)


def _help_on(world: str) -> str:
    """The help on a world's own settings, under its name; several worlds may have one of the same path."""
    listing = ArgumentParser(usage=argparse.SUPPRESS, add_help=False)
    group = listing.add_argument_group(f"[world] of {world}", tables()[world, "world"])
    _add_options(group, [setting for setting in settings(world) if setting.world])
    return listing.format_help()


def _add_view(parser: ArgumentParser) -> None:
    parser.add_argument("--headless", action="store_true", help="plain progress lines instead of the panel")
    parser.add_argument("--json", action="store_true", help="print the report as the last line, in JSON")


def _placeholder(setting: Setting) -> str:
    """What stands for an option's value in the help."""
    if setting.allowed == "true or false":
        return "BOOL"
    for start, word in (("a whole", "N"), ("a number", "X"), ("one of", "NAME"), ("a list", "A,B,...")):
        if setting.allowed.startswith(start):
            return word
    return "TEXT"


def _help(setting: Setting) -> str:
    default = written(setting.default)
    return f"{setting.meaning} [{setting.allowed}] (default: {default})".replace("%", "%%")
