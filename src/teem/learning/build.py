"""The policies that the settings ask for; torch is imported only where it is needed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from math import prod
from typing import Literal

import msgspec

from teem.config.cohorts import VALUED, alone, cohorts_of
from teem.config.settings import Config, LearningSettings, PolicySettings
from teem.errors import UsageError
from teem.learning.acting import Acting, acting_of
from teem.learning.algorithms.dqn import DQN, Backend
from teem.learning.algorithms.ppo import PPO
from teem.learning.algorithms.quantiles import QuantileBackend, QuantileQ
from teem.learning.attention_layout import Widths, attention_layout
from teem.learning.cohort import Cohort
from teem.learning.kernel_attention import KernelAttention
from teem.learning.kernel_q import KernelQ
from teem.learning.kernel_quantiles import KernelQuantiles
from teem.learning.membership import Membership
from teem.learning.memory import by_small_pages
from teem.learning.policies import Policies
from teem.learning.quantile_layout import first_weights, quantile_layout, widths_of
from teem.learning.replay import MOST_ACTIONS
from teem.learning.scripted import Heuristic, Random, Resting
from teem.learning.sharing import Networks
from teem.learning.stack import Layout
from teem.threads import Threads
from teem.worlds.base import World

Algorithm = Literal["dqn", "iqn", "qrdqn", "ppo", "random", "resting", "heuristic"]


def build_policies(config: Config, world: World, threads: Threads) -> Policies:
    """The cohorts that `config.learning` says, with all the living in them; UsageError if settings disagree."""
    cohorts = build_cohorts(config, world, threads)
    return Policies(world, cohorts, threads, config.population.fame, membership=membership_of(config))


def membership_of(config: Config) -> Membership | None:
    """Who without parents belongs to which cohort; None where there is one."""
    cohorts = cohorts_of(config.learning)
    return Membership(tuple(one.share for one in cohorts), config.seed) if len(cohorts) > 1 else None


def build_cohorts(config: Config, world: World, threads: Threads) -> list[Cohort]:
    """Every cohort that `config.learning` says, with nobody in it yet; UsageError if settings disagree."""
    settings = cohorts_of(config.learning)
    if len(settings) == 1:
        return [build_cohort(alone(config, settings[0]), world, threads, settings[0].algorithm)]
    cohorts, faults = [], []
    for one in settings:
        try:
            with by_small_pages():  # each has room for everybody, and few of them
                cohorts.append(build_cohort(alone(config, one), world, threads, one.algorithm))
        except UsageError as error:
            faults += [f'in the cohort "{one.name}": {fault}' for fault in error.faults]
    if faults:
        raise UsageError(faults)
    return cohorts


def build_cohort(config: Config, world: World, threads: Threads, algorithm: Algorithm) -> Cohort:
    """A cohort of one algorithm with nobody in it yet; all else as the settings say."""
    capacity, acting = world.population.capacity, acting_of(world)
    if algorithm == "random":
        return Random(capacity, acting, config.seed, threads)
    if algorithm == "resting":
        return Resting(capacity, acting)
    if algorithm == "heuristic":
        return Heuristic(capacity, world)
    _expect_consistent(config.learning, algorithm, world)
    if algorithm == "dqn":
        return _dqn(config, world, acting, threads)
    if algorithm == "iqn" or algorithm == "qrdqn":
        return _quantiles(config, world, acting, threads, algorithm)
    return _ppo(config, capacity, prod(world.observation_shape), acting, threads)


def uses_kernels(settings: PolicySettings) -> bool:
    """Whether networks are computed by the fused kernels, without torch."""
    networks = ("mlp", "attention") if settings.algorithm == "dqn" else ("mlp",)
    able = settings.algorithm in VALUED and settings.network in networks and settings.sharing == "own"
    return settings.backend == "kernel" or (settings.backend == "auto" and able and settings.device != "cuda")


def _expect_consistent(settings: LearningSettings, algorithm: Algorithm, world: World) -> None:
    """Raise UsageError with everything in the settings that can't go together."""
    faults = list(_unfit(settings, algorithm, world))
    for what, count in (("actions", len(world.actions)), ("branches", len(world.branches))):
        if count > MOST_ACTIONS:
            faults.append(f"learning.algorithm is {algorithm} but the world has {count} {what}: {MOST_ACTIONS} at most")
    if settings.ppo.minibatches > settings.ppo.horizon:
        faults.append(
            f"learning.ppo.minibatches is {settings.ppo.minibatches} but learning.ppo.horizon is "
            f"{settings.ppo.horizon}: choose fewer minibatches"
        )
    if algorithm == "ppo" and settings.ppo.minibatches % settings.accumulate:
        faults.append(
            f"learning.accumulate is {settings.accumulate} but learning.ppo.minibatches is "
            f"{settings.ppo.minibatches}: give a multiple of it"
        )
    if settings.backend == "kernel":
        needs = {
            "algorithm": (algorithm if algorithm in VALUED else "dqn", algorithm),
            "network": ("mlp" if settings.network != "attention" else "attention", settings.network),
            "sharing": ("own", settings.sharing),
        }
        faults += [
            f"learning.backend is kernel but learning.{name} is {given}: choose {wanted}, or backend torch"
            for name, (wanted, given) in needs.items()
            if given != wanted
        ]
        if settings.device == "cuda":
            faults.append("learning.backend is kernel but learning.device is cuda: choose cpu, or backend torch")
    if settings.backend == "compiled":
        if settings.sharing != "own":
            faults.append(f"learning.backend is compiled but learning.sharing is {settings.sharing}: choose torch")
        if not any(shutil.which(compiler) for compiler in ("g++", "clang++", "c++")):
            faults.append("learning.backend is compiled but no C++ compiler was found: install g++, or choose torch")
    if faults:
        raise UsageError(faults)


def _unfit(settings: LearningSettings, algorithm: Algorithm, world: World) -> Iterator[str]:
    """What this world asks of policies that these can't."""
    if settings.network == "attention" and algorithm != "dqn":
        yield f"learning.network is attention but learning.algorithm is {algorithm}: choose mlp"
    if world.branches and not world.continuous and algorithm == "ppo":
        yield f"learning.algorithm is ppo but the {world.name} choose among speeds: choose world.control torque, or dqn"
    if world.continuous and algorithm in VALUED:
        yield (
            f"learning.algorithm is {algorithm} but the {world.name} act with torques: choose world.control speed, "
            "or ppo"
        )


def _dqn(config: Config, world: World, acting: Acting, threads: Threads) -> DQN:
    """Q-networks on the backend that suits them."""
    settings, capacity = config.learning, world.population.capacity
    inputs, actions = prod(world.observation_shape), acting.actions
    backend: Backend
    if uses_kernels(settings) and settings.network == "attention":
        assert world.tokens is not None
        widths = Widths(**msgspec.structs.asdict(settings.attention))
        networks = _own_networks(config, attention_layout(world.tokens, widths, actions), capacity)
        backend = KernelAttention(networks.own, world.tokens, actions, widths, settings, threads)
    elif uses_kernels(settings):
        layout = Layout.mlp(inputs, settings.hidden, 1 + acting.parts * actions)
        networks = _own_networks(config, layout, capacity)
        backend = KernelQ(networks.own, inputs, settings.hidden, actions, settings, threads, acting.parts)
    else:
        _before_torch()
        from teem.learning.torch_network import pick_device, q_network
        from teem.learning.torch_q import TorchQ

        device = pick_device(settings.device, threads.count)
        network = q_network(inputs, actions, settings, acting.parts, world.tokens)
        noise, compiled = _noise(settings), settings.backend == "compiled"
        networks = Networks(
            network.layout, settings.sharing, capacity, config.seed, noise, network.initial, network.heads
        )
        backend = TorchQ(network, networks, settings, inputs, device, compiled=compiled, groups=acting.turns.groups)
    return DQN(capacity, inputs, acting, settings, config.seed, threads, networks, backend)


def _quantiles(
    config: Config, world: World, acting: Acting, threads: Threads, algorithm: Literal["iqn", "qrdqn"]
) -> QuantileQ:
    """Networks of quantiles on the backend that suits them."""
    settings, capacity, inputs = config.learning, world.population.capacity, prod(world.observation_shape)
    widths = widths_of(algorithm, inputs, acting.parts, acting.actions, settings)
    backend: QuantileBackend
    if uses_kernels(settings):
        layout = quantile_layout(widths)
        initial = first_weights(layout, settings.quantiles.sigma)
        networks = Networks(layout, "own", capacity, config.seed, _noise(settings), initial)
        backend = KernelQuantiles(networks.own, widths, settings, threads)
    else:
        _before_torch()
        from teem.learning.torch_network import pick_device
        from teem.learning.torch_quantiles import TorchQuantiles, quantile_network

        device = pick_device(settings.device, threads.count)
        network = quantile_network(widths, settings)
        noise, compiled = _noise(settings), settings.backend == "compiled"
        networks = Networks(
            network.layout, settings.sharing, capacity, config.seed, noise, network.initial, network.heads
        )
        backend = TorchQuantiles(network, networks, settings, device, compiled=compiled, groups=acting.turns.groups)
    return QuantileQ(algorithm, capacity, inputs, acting, settings, config.seed, threads, networks, backend)


def _own_networks(config: Config, layout: Layout, capacity: int) -> Networks:
    """A network an agent, of this layout."""
    return Networks(layout, "own", capacity, config.seed, _noise(config.learning))


def _ppo(config: Config, capacity: int, inputs: int, acting: Acting, threads: Threads) -> PPO:
    """Policies on torch."""
    _before_torch()
    from teem.learning.torch_gaussian import gaussian_network
    from teem.learning.torch_network import pick_device, policy_network
    from teem.learning.torch_policy import torch_policy

    settings = config.learning
    device = pick_device(settings.device, threads.count)
    network = (gaussian_network if acting.continuous else policy_network)(inputs, acting.marks, settings)
    networks = Networks(
        network.layout, settings.sharing, capacity, config.seed, _noise(settings), network.initial, network.heads
    )
    compiled = settings.backend == "compiled"
    backend = torch_policy(network, networks, settings, inputs, acting, device, compiled=compiled)
    return PPO(capacity, inputs, acting, settings, config.seed, threads, networks, backend)


def _before_torch() -> None:
    """Let torch's threads sleep while they wait; spinning, they are many times slower on a busy machine."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _noise(settings: LearningSettings) -> float:
    """How strongly a newborn's weights are mutated."""
    return settings.mutation if settings.newborn == "mutated" else 0.0
