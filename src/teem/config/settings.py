"""Every setting that is not a world's own: once, with its default, its range and its meaning."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from teem.config.crawlers import CrawlersSettings
from teem.config.evaluation import EvaluationSettings
from teem.config.farm import FarmSettings
from teem.config.governor import GovernorSettings, WatchdogSettings
from teem.config.population import PopulationSettings
from teem.config.treasure import TreasureSettings
from teem.execution import Execution

WorldSettings = FarmSettings | CrawlersSettings | TreasureSettings  # of a run; the first is the default
Count = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]


class ReplaySettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an agent remembers to learn from."""

    length: Annotated[int, Meta(ge=16, le=1_000_000, description="decisions an agent remembers")] = 512
    warmup: Annotated[int, Meta(ge=1, description="decisions remembered before the first update")] = 32
    prioritised: Annotated[bool, Meta(description="draw by TD error (Schaul 2016) instead of uniformly")] = False
    alpha: Annotated[float, Meta(ge=0, le=1, description="how strongly priority counts")] = 0.6
    beta: Annotated[float, Meta(ge=0, le=1, description="how fully the bias of priority is corrected")] = 0.4


class EpsilonSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How often an agent tries something at random; counted in its own decisions."""

    start: Annotated[float, Meta(ge=0, le=1, description="a founder's first epsilon")] = 1.0
    newborn: Annotated[float, Meta(ge=0, le=1, description="first epsilon of an agent with inherited weights")] = 0.2
    end: Annotated[float, Meta(ge=0, le=1, description="epsilon it ends at")] = 0.02
    decay: Annotated[int, Meta(ge=1, description="decisions from epsilon 1 down to the end")] = 250


class PpoSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Proximal policy optimisation (Schulman 2017)."""

    horizon: Annotated[int, Meta(ge=2, le=4096, description="decisions in a rollout")] = 64
    epochs: Annotated[int, Meta(ge=1, le=64, description="passes over a rollout")] = 4
    minibatches: Annotated[int, Meta(ge=1, le=64, description="parts a rollout is cut into")] = 2
    clip: Annotated[float, Meta(gt=0, le=1, description="clip coefficient of the ratio")] = 0.2
    gae_lambda: Annotated[float, Meta(ge=0, le=1, description="lambda of the advantage estimate")] = 0.95
    entropy: Annotated[float, Meta(ge=0, description="weight of the entropy bonus")] = 0.01
    value: Annotated[float, Meta(ge=0, description="weight of the value loss")] = 0.5
    deviation: Annotated[
        float, Meta(gt=0, le=2, description="standard deviation that continuous actions begin with")
    ] = 0.5


class QuantileSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Distributional Q-learning: iqn (Dabney 2018) and qrdqn (Dabney 2017)."""

    online: Annotated[
        int, Meta(ge=1, le=256, description="quantiles compared in an update, N; of qrdqn, all that its network has")
    ] = 8
    target: Annotated[int, Meta(ge=1, le=256, description="quantiles of the target in an update, N'; of iqn")] = 8
    acting: Annotated[int, Meta(ge=1, le=256, description="quantiles an action's value is the mean of, K; of iqn")] = 8
    cosines: Annotated[int, Meta(ge=1, le=256, description="cosines that a fraction is embedded by; of iqn")] = 16
    kappa: Annotated[float, Meta(gt=0, le=1000, description="where the quantile Huber loss turns straight")] = 1.0
    noisy: Annotated[bool, Meta(description="noise in the last layers while learning (Fortunato 2018)")] = True
    explore: Annotated[
        Literal["noise", "epsilon"],
        Meta(description="of noisy networks: act with their noise and without epsilon, or the other way round"),
    ] = "noise"
    sigma: Annotated[
        float, Meta(ge=0, le=10, description="first standard deviation of that noise, times 1/sqrt(inputs)")
    ] = 0.5


class AttentionSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How wide the attention network is; an update costs parameters times the tokens they are applied to."""

    token: Annotated[int, Meta(ge=1, le=256, description="of a token")] = 32
    heads: Annotated[int, Meta(ge=1, le=16, description="ways of looking at the tokens")] = 2
    head: Annotated[int, Meta(ge=1, le=64, description="of a head's queries, keys and values")] = 8
    context: Annotated[
        tuple[int, ...], Meta(min_length=1, max_length=4, description="of the layers over the agent's own token")
    ] = (64, 64)
    trunk: Annotated[
        tuple[int, ...], Meta(min_length=1, max_length=4, description="of the layers over each branch and the context")
    ] = (64,)


class PolicySettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How agents decide and learn: networks, algorithm and schedule."""

    enabled: Annotated[bool, Meta(description="update networks at all; false: act only")] = True
    algorithm: Annotated[
        Literal["dqn", "iqn", "qrdqn", "ppo", "random", "resting", "heuristic"],
        Meta(description="how agents decide and learn"),
    ] = "dqn"
    network: Annotated[
        str,
        Meta(
            description="mlp, attention (over tokens), or 'package.module:Class' of a torch.nn.Module(inputs, outputs)"
        ),
    ] = "mlp"
    hidden: Annotated[tuple[int, ...], Meta(min_length=1, max_length=4, description="hidden layer widths of mlp")] = (
        64,
        32,
    )
    sharing: Annotated[
        Literal["own", "shared", "encoder"],
        Meta(description="each its own network, one for all, or one encoder with own heads"),
    ] = "own"
    backend: Annotated[
        Literal["auto", "kernel", "torch", "compiled"],
        Meta(
            description="kernel: fused numba (own mlp of dqn, iqn or qrdqn, attention of dqn); torch: stacked eager; "
            "compiled: torch.compile"
        ),
    ] = "auto"
    device: Annotated[Literal["auto", "cpu", "cuda"], Meta(description="where torch networks live")] = "auto"
    lr: Annotated[float, Meta(gt=0, le=1, description="Adam's learning rate")] = 1e-3
    gamma: Annotated[float, Meta(ge=0, le=1, description="discount a decision")] = 0.95
    n_step: Annotated[int, Meta(ge=1, le=16, description="rewards summed before bootstrapping")] = 3
    batch: Annotated[int, Meta(ge=1, le=4096, description="transitions a gradient is computed of at once")] = 32
    accumulate: Annotated[
        int,
        Meta(
            ge=1,
            le=1024,
            description="batches, of ppo minibatches, whose gradients are averaged before one step of Adam",
        ),
    ] = 1
    interval: Annotated[int, Meta(ge=1, description="an agent's decisions between two of its updates")] = 4
    replay_ratio: Annotated[
        float,
        Meta(ge=0, le=4096, description="dqn: transitions trained on for each decision; 0: as interval and batch say"),
    ] = 0.0
    budget: Annotated[int, Meta(ge=0, description="most updates a step; 0: no limit")] = 0
    double: Annotated[bool, Meta(description="double Q-learning (van Hasselt 2016)")] = True
    tau: Annotated[float, Meta(gt=0, le=1, description="soft target update")] = 0.02
    grad_clip: Annotated[float, Meta(ge=0, description="largest gradient norm of an agent; 0: none")] = 10.0
    newborn: Annotated[Literal["fresh", "inherited", "mutated"], Meta(description="weights a newborn starts with")] = (
        "mutated"
    )
    mutation: Annotated[float, Meta(ge=0, le=1, description="standard deviation of mutated weights' noise")] = 0.02
    replay: ReplaySettings = ReplaySettings()
    epsilon: EpsilonSettings = EpsilonSettings()
    ppo: PpoSettings = PpoSettings()
    quantiles: QuantileSettings = QuantileSettings()
    attention: AttentionSettings = AttentionSettings()

    @property
    def transitions(self) -> int:
        """What an update from a replay learns from, in all its batches."""
        return self.batch * self.accumulate


class CohortSettings(PolicySettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the agents that decides and learns in a way of its own; in a file, what it leaves out is as above."""

    name: Annotated[str, Meta(min_length=1, max_length=32, description="the cohort's name")]
    share: Annotated[float, Meta(gt=0, le=1, description="its part of the founders; a child joins its parent's")]


class LearningSettings(PolicySettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Networks, algorithm and schedule; [[learning.cohorts]] tables in a file give parts of the agents others."""

    cohorts: Annotated[
        tuple[CohortSettings, ...],
        Meta(max_length=16, description="parts of the agents with settings of their own; all else are as [learning]"),
    ] = ()


class RecordSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What goes into run.db, and how."""

    enabled: Annotated[bool, Meta(description="write run.db")] = True
    every: Annotated[int, Meta(ge=1, description="steps between two rows of steps, agent_states and actions")] = 10
    resources_every: Annotated[int, Meta(ge=1, description="steps between two pictures of the resources")] = 100
    learning_every: Annotated[int, Meta(ge=1, description="steps between two rows of learning")] = 100
    profile: Annotated[
        Literal["safety", "balanced", "performance", "memory"],
        Meta(description="SQLite settings: FULL, NORMAL, OFF, or in memory and saved at the end"),
    ] = "balanced"
    when_full: Annotated[
        Literal["wait", "drop"],
        Meta(description="when the writer lags: wait for it, or drop rows and count them"),
    ] = "wait"


class CheckpointSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When the whole run is saved."""

    every: Annotated[int, Meta(ge=0, description="steps between two checkpoints; 0: only at the end")] = 5000
    at_end: Annotated[bool, Meta(description="save one when the run ends")] = True
    keep: Annotated[int, Meta(ge=1, le=100, description="checkpoints kept")] = 3


class RuntimeSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the machine is used."""

    threads: Annotated[int, Meta(ge=0, le=256, description="threads; 0: as many as cores")] = 0
    execution: Annotated[
        Execution,
        Meta(
            description="how threads share the agents' work: not at all, a part each, several parts each, or whichever "
            "was measured to be fastest; it changes no result"
        ),
    ] = "auto"
    mode: Annotated[
        Literal["lockstep", "async", "ray"],
        Meta(
            description="lockstep: one process, the same bits every time; async: actors and learners in processes; "
            "ray: islands, or actors and learners, on a cluster"
        ),
    ] = "lockstep"
    actors: Annotated[
        int,
        Meta(
            ge=1,
            le=64,
            description="async, ray with role actors: how many act, each in a world of its own with its own seed",
        ),
    ] = 1
    learners: Annotated[
        int,
        Meta(
            ge=1,
            le=6,
            description="async, ray with role actors: how many learn, the agents split among them; of one shared "
            "network (async) all together",
        ),
    ] = 1
    policy_lag_max: Annotated[
        int, Meta(ge=1, le=4096, description="async, ray: most steps that actors are ahead of what was learnt for them")
    ] = 16
    restarts: Annotated[
        int, Meta(ge=0, le=1000, description="async, ray: how often who was lost is replaced within a minute")
    ] = 3
    patience: Annotated[
        float,
        Meta(
            gt=0,
            le=86400,
            description="async, ray: seconds that who lives may make no progress; of islands, that a slice may take",
        ),
    ] = 60.0
    collect: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="share of a step's time that Python's garbage may be collected in, between steps; "
            "0: whenever Python thinks fit",
        ),
    ] = 0.02
    panel_fps: Annotated[float, Meta(gt=0, le=30, description="pictures a second of the terminal panel")] = 4.0


class RaySettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What plays on a cluster, with `runtime.mode = "ray"`."""

    role: Annotated[
        Literal["islands", "actors"],
        Meta(
            description="islands: worlds that play on their own and exchange migrants; "
            "actors: worlds that act with what learners learn for them"
        ),
    ] = "islands"
    address: Annotated[str, Meta(description="of the cluster: auto, or host:port; empty: one on this machine")] = ""
    islands: Annotated[
        int, Meta(ge=1, le=100_000, description="worlds, each with a population and a seed of its own")
    ] = 2
    cpus: Annotated[float, Meta(gt=0, le=256, description="CPUs that an island, an actor or a learner takes")] = 1.0
    slice: Annotated[int, Meta(ge=1, le=1_000_000, description="steps an island plays before it is looked at")] = 100
    migrate_every: Annotated[int, Meta(ge=0, description="steps between two departures of migrants; 0: none")] = 500
    migrants: Annotated[int, Meta(ge=1, le=1024, description="of the living, how many leave copies at once")] = 4
    topology: Annotated[
        Literal["ring", "random"], Meta(description="where migrants go: to the next island, or to one drawn each time")
    ] = "ring"


class MetricsSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is measured of a run while it goes on, and where it is shown."""

    enabled: Annotated[bool, Meta(description="measure, and keep metrics.json in the run's folder")] = True
    every: Annotated[float, Meta(gt=0, le=3600, description="seconds between two samples")] = 2.0
    port: Annotated[
        int,
        Meta(ge=0, le=65535, description="of the page for Prometheus, http://127.0.0.1:PORT/metrics; 0: no such page"),
    ] = 0
    sinks: Annotated[
        tuple[str, ...], Meta(description="where else samples go: tensorboard, mlflow (each an extra of its own)")
    ] = ()
    trace: Annotated[
        bool, Meta(description="leave the last spans of each process as trace.json in its folder, for ui.perfetto.dev")
    ] = False


class ForecastSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is foretold of a run, and when it is an alarm."""

    enabled: Annotated[bool, Meta(description="look for what grows, and say when it will be too much")] = True
    every: Annotated[float, Meta(gt=0, le=86400, description="seconds between two looks")] = 15.0
    horizon: Annotated[float, Meta(gt=0, le=8760, description="hours ahead that a limit may be to raise an alarm")] = (
        24.0
    )
    memory_limit: Annotated[
        float, Meta(ge=0, description="megabytes that the process may take; 0: what the machine has for it")
    ] = 0.0
    frame_limit: Annotated[
        float, Meta(ge=0, description="milliseconds from one step to the next; 0: twice what they were at first")
    ] = 0.0


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A whole run."""

    seed: Annotated[int, Meta(ge=0, le=2**63 - 1, description="every random draw follows from it")] = 7
    steps: Annotated[int, Meta(ge=0, description="steps to run; 0: until stopped")] = 2000
    imports: Annotated[
        tuple[str, ...],
        Meta(description="modules of your own to import first, for the channels and rules they register"),
    ] = ()
    world: WorldSettings = FarmSettings()
    population: PopulationSettings = PopulationSettings()
    learning: LearningSettings = LearningSettings()
    record: RecordSettings = RecordSettings()
    checkpoint: CheckpointSettings = CheckpointSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    runtime: RuntimeSettings = RuntimeSettings()
    ray: RaySettings = RaySettings()
    metrics: MetricsSettings = MetricsSettings()
    forecast: ForecastSettings = ForecastSettings()
    governor: GovernorSettings = GovernorSettings()
    watchdog: WatchdogSettings = WatchdogSettings()

    @property
    def capacity(self) -> int:
        """The most agents alive at once."""
        return self.population.capacity or self.population.founders

    @property
    def growth(self) -> tuple[int, int]:
        """Agents that there is memory for at the start, and how many more a step brings; 0: all, and a quarter more."""
        return self.population.capacity_min, self.population.capacity_step

    @property
    def farm(self) -> FarmSettings:
        """The world's settings where it is a farm; TypeError where it is another."""
        if not isinstance(self.world, FarmSettings):
            raise TypeError(f"{type(self.world).__name__} are not of a farm")
        return self.world
