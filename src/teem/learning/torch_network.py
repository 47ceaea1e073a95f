"""The networks torch runs: ready-made ones, or a user's `torch.nn.Module` named 'package.module:Class'."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, vmap

from teem.config.settings import LearningSettings
from teem.errors import UsageError
from teem.learning.attention import AttentionQ
from teem.learning.attention_layout import Widths, attention_layout
from teem.learning.networks import ActorCriticMLP, BranchingMLP, DuelingMLP
from teem.learning.sharing import Initial
from teem.learning.stack import Layout
from teem.worlds.tokens import Tokens

_REMEDY = "give mlp, attention, or 'package.module:Class' of a torch.nn.Module(inputs, outputs)"


@dataclass(frozen=True, slots=True)
class Network:
    """A module that is only ever called with parameters from outside, and how these are laid out."""

    module: nn.Module
    layout: Layout
    initial: Initial | None  # None: the stack's own draws
    shape: tuple[int, ...] = ()  # of one agent's action values; (): of one's policy
    heads: int = 1  # modules at the end that stay an agent's own where all share an encoder

    def values(self, parameters: dict[str, Tensor], observation: Tensor) -> Tensor:
        """The action values of one agent, `[..., D]` to `[..., *shape]`."""
        out: Tensor = functional_call(self.module, parameters, (observation,))
        return out.reshape(*observation.shape[:-1], *self.shape)

    def policy(self, parameters: dict[str, Tensor], observation: Tensor) -> tuple[Tensor, Tensor]:
        """The logits `[..., A]` and the value `[...]` of one agent's observations `[..., D]`."""
        out = functional_call(self.module, parameters, (observation,))
        if isinstance(out, tuple):
            return out
        return out[..., 1:], out[..., 0]


def q_network(
    inputs: int, actions: int, settings: LearningSettings, branches: int = 1, tokens: Tokens | None = None
) -> Network:
    """The network of action values that `learning.network` names; of several branches, each has its own.

    A user's module is made with (inputs, outputs) and maps `[n, inputs]` to `[n, outputs]`: the actions' values,
    of several branches one branch after the other. UsageError says what doesn't fit.
    """
    shape = (branches, actions) if branches > 1 else (actions,)
    if settings.network == "mlp":
        layout = Layout.mlp(inputs, settings.hidden, 1 + branches * actions)
        ready = partial(BranchingMLP, inputs, branches) if branches > 1 else partial(DuelingMLP, inputs)
        return Network(ready(actions, settings.hidden).eval(), layout, None, shape)
    if settings.network == "attention":
        assert tokens is not None
        widths = Widths(**msgspec.structs.asdict(settings.attention))
        module, layout = AttentionQ(tokens, actions, widths).eval(), attention_layout(tokens, widths, actions)
        return Network(module, layout, None, shape, heads=2)  # advantages and value
    return users_network(inputs, branches * actions, settings, shape)


def policy_network(inputs: int, actions: int, settings: LearningSettings) -> Network:
    """The network of a policy and its value that `learning.network` names.

    A user's module is made with (inputs, outputs) and maps `[n, inputs]` to `[n, outputs]`: the value and then the
    actions' logits. UsageError says what doesn't fit.
    """
    if settings.network == "mlp":
        layout = Layout.mlp(inputs, settings.hidden, 1 + actions)
        return Network(ActorCriticMLP(inputs, actions, settings.hidden).eval(), layout, None)
    return users_network(inputs, 1 + actions, settings)


def users_network(inputs: int, outputs: int, settings: LearningSettings, shape: tuple[int, ...] = ()) -> Network:
    """The module that 'package.module:Class' names, once it is known to fit."""
    made = _find_class(settings.network)

    def make() -> nn.Module:
        module = made(inputs, outputs)
        if not isinstance(module, nn.Module):
            raise UsageError(f"learning.network is '{settings.network}', not a torch.nn.Module: {_REMEDY}")
        return module.float().eval()

    module = _first(make, settings.network)
    _check(module, inputs, outputs, settings.network)
    named = ((name, tuple(each.shape)) for name, each in module.named_parameters())
    return Network(module, Layout.of(named), _initial(make), shape)


def _find_class(path: str) -> Callable[[int, int], object]:
    """What 'package.module:Class' names."""
    place, colon, name = path.partition(":")
    if not (place and colon and name):
        raise UsageError(f"learning.network is '{path}', which names nothing: {_REMEDY}")
    try:
        found: Callable[[int, int], object] = getattr(importlib.import_module(place), name)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"learning.network is '{path}', which can't be imported ({error}): {_REMEDY}") from error
    if not callable(found):
        raise UsageError(f"learning.network is '{path}', which is no class: {_REMEDY}")
    return found


def _first(make: Callable[[], nn.Module], path: str) -> nn.Module:
    """The first module, made without touching torch's own random state."""
    with torch.random.fork_rng(devices=[]):
        try:
            return make()
        except TypeError as error:
            raise UsageError(
                f"learning.network is '{path}', which can't be made with (inputs, outputs) ({error}): {_REMEDY}"
            ) from error


def _check(module: nn.Module, inputs: int, outputs: int, path: str) -> None:
    """Raise UsageError unless the module is stateless, has parameters, and gives the right shape."""
    if any(True for _ in module.buffers()):
        name = next(iter(module.named_buffers()))[0]
        raise UsageError(
            f"learning.network is '{path}', whose '{name}' is a buffer that all agents would share: "
            "use layers without running statistics, as LayerNorm"
        )
    if not any(True for _ in module.parameters()):
        raise UsageError(f"learning.network is '{path}', which has no parameters to learn: add a layer")
    try:
        with torch.no_grad():
            out = module(torch.zeros(2, inputs))
    except RuntimeError as error:
        raise UsageError(
            f"learning.network is '{path}', which can't read observations [n, {inputs}] ({error}): "
            f"its first layer must take {inputs} inputs"
        ) from error
    shape = list(out.shape) if isinstance(out, Tensor) else type(out).__name__
    if shape != [2, outputs]:
        raise UsageError(
            f"learning.network is '{path}', which makes {shape} of observations [2, {inputs}]: "
            f"it must return [2, {outputs}]"
        )
    try:
        _stacked(module, inputs)
    except RuntimeError as error:
        raise UsageError(
            f"learning.network is '{path}', which torch.vmap can't stack ({error}): "
            "leave out .item(), branches on values and changes in place"
        ) from error


def _stacked(module: nn.Module, inputs: int) -> None:
    """Call two agents' networks at once, as every step will."""
    two = {name: torch.stack([each.detach()] * 2) for name, each in module.named_parameters()}
    vmap(lambda one, x: functional_call(module, one, (x,)))(two, torch.zeros(2, 1, inputs))


def _initial(make: Callable[[], nn.Module]) -> Initial:
    """How the user's module initialises itself, as a function of the seed and the agent's id."""

    def tensors(seed: int, agent: int) -> dict[str, NDArray[np.float32]]:
        with torch.random.fork_rng(devices=[]):
            key = np.random.SeedSequence((seed, agent)).generate_state(1, np.uint64)[0]
            torch.manual_seed(int(key >> np.uint64(1)))
            return {name: each.detach().numpy() for name, each in make().named_parameters()}

    return tensors


def pick_device(wanted: str, threads: int) -> str:
    """'cpu' or 'cuda', as wanted and present; torch gets as many threads as everything else, at most."""
    torch.set_num_threads(threads)
    present = torch.cuda.is_available()
    if wanted == "cuda" and not present:
        raise UsageError("learning.device is cuda, but torch finds no GPU here: choose auto or cpu")
    return "cuda" if present and wanted != "cpu" else "cpu"
