"""A policy of one's own, played as a plain loop would play it, from the same seed each time."""

from __future__ import annotations

import cloudpickle
import gymnasium

from teem.training.gym_player import GymPlayer, write_policy


def make():
    return gymnasium.make("CartPole-v1")


def leaning(observation):
    return int(observation[2] + observation[3] > 0)


def by_hand(seed, episodes):
    env, rewards = make(), []
    for episode in range(episodes):
        observation, _ = env.reset(seed=seed if episode == 0 else None)
        gained, over = 0.0, False
        while not over:
            observation, reward, terminated, truncated, _ = env.step(leaning(observation))
            gained, over = gained + reward, terminated or truncated
        rewards.append(gained)
    return rewards


def test_episodes_are_those_of_a_plain_loop_and_the_same_each_time(tmp_path):
    write_policy(leaning, tmp_path / "version")
    player = GymPlayer(make, 4, seed=9)
    first, lengths = player.play(tmp_path / "version")
    assert first == by_hand(9, 4) == lengths
    assert player.play(tmp_path / "version")[0] == first
    assert GymPlayer(make, 4, seed=10).play(tmp_path / "version")[0] != first
    player.keep(tmp_path / "kept")
    assert cloudpickle.loads((tmp_path / "kept").read_bytes())([0, 0, 1, 1]) == 1
    player.close()


def test_a_policy_travels_as_it_was_when_it_was_written(tmp_path):
    weights = {"right": 0}

    def act(observation):
        return weights["right"]

    write_policy(act, tmp_path / "before")
    weights["right"] = 1
    assert cloudpickle.loads((tmp_path / "before").read_bytes())(None) == 0
