"""Contributions of inputs are exact where the answer is known, and lawful for every learner and fusion module."""

import dataclasses

import numpy as np
import pytest
import torch
from toy import Toy

from crossrec.agents.attribution import (
    candidate_scores,
    group_attribution,
    liked_places,
    title_attribution,
    without,
)
from crossrec.agents.build import ALGORITHMS, build_agent
from crossrec.agents.vec_adapter import SB3VecEnv
from crossrec.config import AGENTS, FUSIONS

OFF = {"buffer_size": 1000, "hidden": 32}


def moment(env, steps=6):
    """The observation of one person who has lived a little, as tensors, and of eight others."""
    obs, _ = env.reset(seed=3)
    for _ in range(steps):
        actions = np.argmax(obs["mask"], axis=1)
        obs, *_ = env.step(actions)
    seen = {key: torch.as_tensor(value) for key, value in obs.items()}
    return {key: value[:1] for key, value in seen.items()}, seen


def untrained(name, fusion="attention", **toy):
    env = SB3VecEnv(Toy(8, horizon=50, **toy))
    config = AGENTS[name](fusion=fusion, **(OFF if hasattr(AGENTS[name], "buffer_size") else {"hidden": 32}))
    agent = build_agent(config, env, env.env.table, seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():  # first weights make the same of all people
        for parameter in agent.policy.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return agent, env.env


@pytest.mark.parametrize(
    ("name", "fusion"), [*((name, "attention") for name in ALGORITHMS), *(("dqn", f) for f in FUSIONS)]
)
def test_contributions_sum_to_what_all_inputs_bring(name, fusion):
    agent, env = untrained(name, fusion)
    seen, all_of_them = moment(env)
    scores, place = candidate_scores(agent), int(seen["mask"][0].argmax())
    groups = group_attribution(scores, seen, seen["mask"], place, all_of_them)
    titles = title_attribution(scores, seen, seen["mask"], place)
    for found in (groups, titles):
        assert found.contributions.sum() == pytest.approx(found.everything - found.nothing, abs=1e-6)
    assert groups.everything == pytest.approx(titles.everything)
    assert groups.names == ("context", "history", "situation", "profile")
    assert abs(groups.contributions[0]) > 1e-4
    assert groups.contributions[3] == 0  # everybody in this world has the same profile


def test_a_group_that_is_not_there_is_not_named_and_one_that_is_ignored_gets_nothing():
    agent, env = untrained("dqn", context=False)
    seen, people = moment(env)
    scores = candidate_scores(agent)
    assert group_attribution(scores, seen, seen["mask"], 0, people).names == ("history", "situation", "profile")

    def blind(obs):
        return scores({**obs, "profile": torch.zeros_like(obs["profile"])})

    found = dict(zip(*dataclasses.astuple(group_attribution(blind, seen, seen["mask"], 0, people))[:2], strict=True))
    assert found["profile"] == pytest.approx(0.0, abs=1e-6)
    assert abs(found["history"]) > 1e-4


def known(obs):
    """Scores ``(B, 3)``: of the first candidate 2 per like and 3 for the two newest together; of the others nothing."""
    clicked = obs["history_feedback"][:, :5].double()
    first = 2.0 * clicked.sum(1) + 3.0 * clicked[:, 0] * clicked[:, 1]
    return torch.stack((first, torch.zeros_like(first), torch.zeros_like(first)), 1)


def test_titles_share_what_they_bring_together_in_a_known_game():
    feedback = torch.zeros(1, 15)
    feedback[0, [0, 1, 3]] = 1.0  # clicks
    seen = {
        "history": torch.tensor([[5, 6, 7, 8, 9]]),
        "history_scenario": torch.ones(1, 5, dtype=torch.int8),
        "history_feedback": feedback,
    }
    mask = torch.tensor([[1, 1, 0]], dtype=torch.int8)  # the forbidden one does not count for the mean
    found = title_attribution(known, seen, mask, 0)
    assert found.names == liked_places(seen) == (0, 1, 3)
    np.testing.assert_allclose(found.contributions, np.array([3.5, 3.5, 2.0]) / 2)
    assert (found.everything, found.nothing, found.exact) == (4.5, 0.0, True)


def test_many_titles_are_estimated_the_same_each_time_and_close_to_the_truth():
    slots = 12
    weights = torch.linspace(-1, 1, slots).double()

    def linear(obs):
        first = obs["history_feedback"][:, :slots].double() @ weights
        return torch.stack((first, torch.zeros_like(first)), 1)

    seen = {
        "history": torch.arange(1, slots + 1)[None],
        "history_scenario": torch.ones(1, slots, dtype=torch.int8),
        "history_feedback": torch.ones(1, 3 * slots),
    }
    mask = torch.ones(1, 2, dtype=torch.int8)
    found, again = (title_attribution(linear, seen, mask, 0) for _ in range(2))
    assert not found.exact
    np.testing.assert_array_equal(found.contributions, again.contributions)
    np.testing.assert_allclose(found.contributions, weights.numpy() / 2, atol=1e-5)


def test_the_order_of_candidates_does_not_matter():
    agent, env = untrained("dqn")
    seen, people = moment(env)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    turned = {**seen, "candidates": seen["candidates"][:, order], "mask": seen["mask"][:, order]}
    scores, place = candidate_scores(agent), 4
    one = group_attribution(scores, seen, seen["mask"], place, people)
    other = group_attribution(scores, turned, turned["mask"], int((order == place).nonzero()), people)
    np.testing.assert_allclose(one.contributions, other.contributions, atol=1e-5)


def test_an_absent_title_leaves_the_others_where_they_were():
    seen, _ = moment(Toy(8, horizon=50))
    gone = torch.tensor([False, True, False, False, False])
    found = without(seen, gone)
    kept = [0, 2, 3, 4]
    for key in ("history", "history_scenario"):
        assert found[key][0, 1] == 0
        torch.testing.assert_close(found[key][:, kept], seen[key][:, kept])
    parts = found["history_feedback"].view(3, 5)
    assert (parts[:, 1] == 0).all()
    torch.testing.assert_close(parts[:, kept], seen["history_feedback"].view(3, 5)[:, kept])
