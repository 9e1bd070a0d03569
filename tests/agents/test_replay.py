"""The replay gives back exactly what was lived, though it keeps each observation once."""

import pickle

import numpy as np
import pytest
from gymnasium import spaces

from crossrec.agents.replay import PeopleReplay

SPACE = spaces.Dict(
    {
        "ids": spaces.Box(0, 10**6, (3,), np.int32),
        "bits": spaces.MultiBinary(5),
        "numbers": spaces.Box(0.0, 1.0, (2,), np.float32),
        "bytes": spaces.Box(0, 255, (7,), np.uint8),
    }
)
PEOPLE, GAMMA = 3, 0.5


def seen(rng):
    return {
        "ids": rng.integers(10**6, size=(PEOPLE, 3)).astype(np.int32),
        "bits": rng.integers(2, size=(PEOPLE, 5)).astype(np.int8),
        "numbers": rng.random((PEOPLE, 2)).astype(np.float32),
        "bytes": rng.integers(256, size=(PEOPLE, 7)).astype(np.uint8),
    }


def lived(replay, steps, seed=0, resets=()):
    """Steps of three people whose lives end at random; what was lived, as a plain list of transitions for each."""
    rng = np.random.default_rng(seed)
    now, transitions = seen(rng), [[] for _ in range(PEOPLE)]
    for step in range(steps):
        new, reward = seen(rng), rng.random(PEOPLE).astype(np.float32)
        actions, done, cut = rng.integers(3, size=PEOPLE), rng.random(PEOPLE) < 0.2, rng.random(PEOPLE) < 0.5
        last = {key: value.copy() for key, value in new.items()}
        for i in np.flatnonzero(done):
            for key, value in seen(rng).items():
                last[key][i] = value[i]
        replay.add(now, last, actions, reward, done, [{"TimeLimit.truncated": bool(c)} for c in cut])
        for i in range(PEOPLE):
            after = {key: value[i] for key, value in last.items()}
            before = {key: value[i] for key, value in now.items()}
            ends, left = bool(done[i]) or step in resets, bool(done[i] and not cut[i])
            transitions[i].append((before, actions[i], reward[i], after, ends, left))
        now = seen(rng) if step in resets else new
    return transitions


def by_ids(transitions, n_steps):
    """By the ids of its first observation: action, n-step reward, what follows, whether left, discount."""
    found = {}
    for life in transitions:
        for t, (before, action, *_) in enumerate(life):
            reward, discount = 0.0, 1.0
            for end in range(t, min(t + n_steps, len(life))):
                gained, ends = life[end][2], life[end][4]
                reward, discount = reward + discount * gained, discount * GAMMA
                if ends:
                    break
            *_, after, _, left = life[end]
            found[tuple(before["ids"])] = before, action, reward, after, left, discount
    return found


@pytest.mark.parametrize("n_steps", [1, 4])
@pytest.mark.parametrize("steps", [1, 19, 20, 57])  # before, at and after the buffer of 20 is full
def test_samples_are_what_was_lived(steps, n_steps):
    replay = PeopleReplay(20 * PEOPLE, SPACE, spaces.Discrete(3), "cpu", PEOPLE, n_steps=n_steps, gamma=GAMMA, seed=1)
    transitions = lived(replay, steps, resets=(5, 40))
    expected = by_ids([life[-20:] for life in transitions], n_steps)
    data, met = replay.sample(2_000), set()
    for i in range(2_000):
        key = tuple(data.observations["ids"][i].tolist())
        before, action, reward, after, left, discount = expected[key]
        met.add(key)
        for name in SPACE.spaces:
            np.testing.assert_array_equal(data.observations[name][i], before[name])
            np.testing.assert_array_equal(data.next_observations[name][i], after[name])
        assert data.actions[i].tolist() == [action]
        assert float(data.rewards[i]) == pytest.approx(reward, rel=1e-6)
        assert bool(data.dones[i]) == left
        assert n_steps == 1 or float(data.discounts[i]) == pytest.approx(discount)
    assert len(met) == len(expected)  # all that is kept is drawn, and nothing older


def test_what_lives_end_with_takes_no_more_room_than_the_replay():
    replay = PeopleReplay(20 * PEOPLE, SPACE, spaces.Discrete(3), "cpu", PEOPLE)
    lived(replay, 2_000)
    assert len(replay.finals) <= 2 * 21 * PEOPLE
    assert len(replay.free) + (replay.final >= 0).sum() == len(replay.finals)


def test_a_copy_goes_on_with_the_same_minibatches():
    replay = PeopleReplay(20 * PEOPLE, SPACE, spaces.MultiDiscrete([3, 3]), "cpu", PEOPLE, seed=3)
    rng = np.random.default_rng(0)
    for _ in range(7):
        done = np.zeros(PEOPLE, dtype=bool)
        replay.add(seen(rng), seen(rng), rng.integers(3, size=(PEOPLE, 2)), np.ones(PEOPLE), done, [{}] * PEOPLE)
    copy = pickle.loads(pickle.dumps(replay))
    one, other = replay.sample(50), copy.sample(50)
    assert one.actions.shape == (50, 2)
    np.testing.assert_array_equal(one.observations["ids"], other.observations["ids"])
