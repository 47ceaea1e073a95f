from __future__ import annotations

import numpy as np
import pytest
import torch

from teem.learning.attention import AttentionQ
from teem.learning.attention_layout import Widths
from teem.worlds.tokens import TokenKind, Tokens

TOKENS = Tokens((TokenKind("self", 1, 2), TokenKind("joint", 3, 2, optional=True), TokenKind("ray", 2, 1)))


def test_a_layout_says_where_everything_lies() -> None:
    assert (TOKENS.size, TOKENS.count, TOKENS.branches, TOKENS.queries) == (10, 6, 3, 4)
    assert TOKENS.begins == (0, 2, 8)
    assert len(TOKENS.names) == TOKENS.size
    assert TOKENS.names[:4] == ("self.0", "self.1", "joint.0.0", "joint.0.1")
    assert TOKENS.names[-1] == "ray.1.0"


def test_only_optional_tokens_can_be_absent() -> None:
    observation = np.zeros((2, 10), np.float32)
    observation[1, [4, 6]] = 1
    assert TOKENS.present(observation).tolist() == [
        [True, False, False, False, True, True],
        [True, False, True, True, True, True],
    ]
    assert TOKENS.branches_present(observation[1]).tolist() == [False, True, True]


def test_the_module_finds_the_same_tokens_present() -> None:
    observation = np.random.default_rng(0).integers(0, 2, (20, 10)).astype(np.float32)
    module = AttentionQ(TOKENS, 3, Widths())
    assert np.array_equal(module.present(torch.from_numpy(observation)).numpy(), TOKENS.present(observation))


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        ((TokenKind("self", 1, 2),), "1 kinds: the first is the agent itself"),
        ((TokenKind("self", 2, 2), TokenKind("joint", 3, 2)), "self, is the agent itself: exactly one"),
        ((TokenKind("self", 1, 2, optional=True), TokenKind("joint", 3, 2)), "never absent"),
        ((TokenKind("self", 1, 2), TokenKind("joint", 0, 2)), "joint has 0 tokens"),
        ((TokenKind("self", 1, 2), TokenKind("self", 1, 2)), "each name once"),
    ],
)
def test_a_layout_that_makes_no_sense_is_refused(kinds: tuple[TokenKind, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Tokens(kinds)


def test_widths_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one layer of context and of trunk"):
        Widths(trunk=())
    with pytest.raises(ValueError, match="all at least 1"):
        Widths(heads=0)
