"""Settings searched for: Optuna's tree-structured Parzen estimator says what to try, seeds are averaged, all is kept.

Bergstra et al. 2011. Its trials lie in search.db in the sweep's folder, so that a search goes on; setting N is
trial N - 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from teem.config.dump import written
from teem.config.load import load_config
from teem.config.settings import Config
from teem.errors import UsageError
from teem.sweep.plan import Plan, Values
from teem.sweep.runs import Job
from teem.sweep.study import Study

if TYPE_CHECKING:
    import optuna

TRIALS = "search.db"
HINT = "teem sweep --search needs Optuna: pip install 'teem[optuna]'"
FIRST = 10  # settings at random, or a fourth of all if that is fewer, before the estimator has something to go by


def expect_optuna() -> Any:
    """The package; UsageError where it isn't installed."""
    try:
        import optuna
    except ImportError as error:
        raise UsageError(HINT) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


class Trials:
    """The settings of a search, tried and to be tried."""

    def __init__(self, study: Study, source: str, fixed: Values, trials: int) -> None:
        """Take up those that were tried, or begun, before."""
        package = expect_optuna()
        plan = study.plan
        assert plan.search is not None
        storage = package.storages.RDBStorage(f"sqlite:///{(study.folder / TRIALS).absolute()}")
        known = {one.study_name for one in storage.get_all_studies()}
        before = len(storage.get_all_trials(storage.get_study_id_from_name("teem"))) if "teem" in known else 0
        sampler = package.samplers.TPESampler(
            seed=(plan.seeds[0] + before) % 2**32,  # goes on with other draws than it began with
            n_startup_trials=min(FIRST, max(2, trials // 4)),
            constant_liar=True,  # of those that are tried side by side
        )
        self._trials = package.create_study(
            storage=storage, study_name="teem", sampler=sampler, load_if_exists=True,
            direction="minimize" if plan.search.minimise else "maximize",
        )  # fmt: skip
        self._space, self._choices = _space(package, plan)
        self._study, self._source, self._fixed, self._count = study, source, fixed, trials
        self._complete, self._fail = package.trial.TrialState.COMPLETE, package.trial.TrialState.FAIL
        self.open: dict[int, list[Job]] = {}  # runs of those that have no value yet, by setting
        for trial in self._trials.trials:
            self._take(trial)

    @property
    def left(self) -> int:
        """How many more are to be tried."""
        return max(0, self._count - len(self._trials.trials))

    def ask(self) -> None:
        """Have one more setting to try; one whose settings contradict each other has failed already."""
        asked = self._trials.ask(self._space)
        self._take(self._trials.trials[asked.number])

    def tell(self, metric_of: Callable[[int], float | None]) -> None:
        """Tell what came of those whose runs are all done; one that has no figure, since nobody was left, failed."""
        for number, jobs in list(self.open.items()):
            if all(job.state() == "done" for job in jobs):
                value = metric_of(number)
                state = self._complete if value is not None else self._fail
                self._trials.tell(number - 1, value, state=state)
                del self.open[number]

    def _take(self, trial: optuna.trial.FrozenTrial) -> None:
        values = {
            path: self._choices[path][value] if path in self._choices else value for path, value in trial.params.items()
        }
        try:
            config: Config | None = load_config(self._source, {**self._fixed, **values})
            why = ""
        except UsageError as error:
            config, why = None, "; ".join(error.faults)
        jobs = self._study.take(values, config, why)
        if trial.state.is_finished():
            return
        if config is None:
            self._trials.tell(trial.number, state=self._fail)
        else:
            self.open[trial.number + 1] = jobs


def _space(package: Any, plan: Plan) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """What each setting is drawn from, and the values of choices by how they are written."""
    assert plan.search is not None
    choices = {path: {written(value): value for value in values} for path, values in plan.varied.items()}
    space = {path: package.distributions.CategoricalDistribution(list(some)) for path, some in choices.items()}
    for path, one in plan.search.ranges.items():
        whole = isinstance(one.low, int) and isinstance(one.high, int)
        kind = package.distributions.IntDistribution if whole else package.distributions.FloatDistribution
        space[path] = kind(one.low, one.high, log=one.log)
    return space, choices
