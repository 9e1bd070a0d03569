"""Checks of what happens in a life: how it ends, what the reward is made of, padding and slates."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from crossrec.observation import MASK

from .report import DoesNotApply, Failure
from .subject import Batch, Env, Subject, core_of, named, oracle, random_actions

_LEAVING = {"churn": 1.0, "churn_mood": 0.0, "session_minutes": 1e-6}  # everybody churns at the first step


def horizon(subject: Subject) -> str:
    """The horizon truncates at exactly its step, and terminates nobody."""
    end = min(subject.config.horizon, max(subject.steps // 4, 2))
    for form, env in _forms(subject, horizon=end, behaviour={"churn": 0.0}):
        for step in range(1, 2 * end + 1):
            terminated, truncated = _flags(env)
            where = f"with horizon={end}, at step {step} of the {form} environment"
            if terminated.any():
                raise Failure(
                    f"{where} {_share(terminated)} terminated though churn is switched off; expected truncated=True at "
                    f"step {end} and terminated=False, for a life goes on behind the horizon."
                )
            if (truncated != (step % end == 0)).any():
                wanted = "truncated" if step % end == 0 else "not truncated"
                raise Failure(f"{where} {_share(truncated)} truncated; expected every life to be {wanted} there.")
    return f"with horizon={end} every life is truncated at step {end}, none is terminated"


def churn(subject: Subject) -> str:
    """Whoever churns is terminated, also at the horizon, and never truncated as well."""
    if subject.config.behaviour.churn == 0.0:
        raise DoesNotApply("behaviour.churn is 0, so nobody leaves for ever")
    for end in (1, subject.config.horizon):
        for form, env in _forms(subject, horizon=end, behaviour=_LEAVING):
            terminated, truncated = _flags(env)
            where = f"where everybody leaves for ever at the first step (horizon={end}, {form} environment)"
            if (terminated & truncated).any():
                raise Failure(f"{where} {_share(terminated & truncated)} both terminated and truncated; allowed: one.")
            if not terminated.all():
                raise Failure(f"{where} {_share(terminated)} terminated; expected all, for churn is an end.")
    return "whoever leaves for ever is terminated, also at the horizon; nobody is both terminated and truncated"


def reward(subject: Subject) -> str:
    """The reward is finite, and the weighted sum of its named parts."""
    batch, weights = subject.batch(), vars(subject.config.reward)
    hooks = core_of(batch).simulator.hooks
    own = hooks is not None and hooks.overrides("reward")
    batch.reset(seed=subject.seed)
    total = 0.0
    for step, actions in enumerate(random_actions(batch, subject.steps, subject.seed), 1):
        _, rewards, _, _, infos = batch.step(actions)
        if not np.isfinite(rewards).all():
            raise Failure(f"step {step}: {_share(~np.isfinite(rewards))} given a reward that is not a finite number.")
        parts = infos.get("reward_parts", {})
        if parts.keys() != weights.keys():
            raise Failure(
                f"infos['reward_parts'] has {sorted(parts)}; expected the names of the weights, {sorted(weights)}; to "
                "reward something else use hooks={'reward': ...}."
            )
        expected = sum(weights[name] * np.asarray(part) for name, part in parts.items())
        wrong = ~np.isclose(rewards, expected, rtol=1e-6, atol=1e-9)
        if wrong.any() and not own:
            i = int(wrong.argmax())
            raise Failure(
                f"step {step}: place {i} gets {rewards[i]:g}, the weighted parts in its infos sum to {expected[i]:g}; "
                "the two must agree (to reward something else use hooks={'reward': ...})."
            )
        total += float(np.abs(rewards).sum())
    if total == 0.0:
        raise DoesNotApply(f"{subject.people} people got no reward at all in {subject.steps} random steps")
    count = f"{subject.people * subject.steps:,} rewards"
    return f"{count} are finite; they come from a hook" if own else f"{count} are the weighted sums of their parts"


def padding(subject: Subject) -> str:
    """Padding is masked, and choosing it is a step without a click."""
    batch = subject.batch(truth=True)
    core, slate = core_of(batch), subject.config.slate_size
    observation, _ = batch.reset(seed=subject.seed)
    rows, chosen = np.arange(batch.num_envs), 0
    for step in range(1, subject.steps + 1):
        empty = core.simulator.seen.candidates == 0
        mask = named(observation).get(MASK)
        if mask is not None and (np.asarray(mask).astype(bool) == empty).any():
            raise Failure(f"step {step}: observation['mask'] is not 1 for items and 0 for padding, place by place.")
        actions, choosing = oracle(batch), empty.any(axis=1)
        place = empty.argmax(axis=1)[choosing]
        actions[rows[choosing]] = place if slate == 1 else np.repeat(place[:, None], slate, axis=1)
        observation, _, _, _, infos = batch.step(actions)
        clicked = np.asarray(infos["reward_parts"]["click"])[choosing] > 0
        if clicked.any():
            raise Failure(
                f"step {step}: {int(clicked.sum())} of {int(choosing.sum())} people who were shown padding clicked; "
                "expected none, for padding shows nothing."
            )
        chosen += int(choosing.sum())
    if not chosen:
        raise DoesNotApply(f"no candidate was padding in {subject.people * subject.steps:,} moments")
    return f"padding is masked, and was chosen {chosen} times without a click"


def slates(subject: Subject) -> str:
    """A slate is a MultiDiscrete action; infos tell of every place; at most one item is clicked, never an empty one."""
    size, n = subject.config.slate_size, subject.people
    if size == 1:
        raise DoesNotApply("one item is shown at a time (slate_size=1)")
    batch = subject.batch()
    space = batch.single_action_space
    if not isinstance(space, spaces.MultiDiscrete) or space.shape != (size,):
        raise Failure(f"the action space is {space}; expected MultiDiscrete with {size} places (slate_size={size}).")
    batch.reset(seed=subject.seed)
    clicks = 0
    for step, actions in enumerate(random_actions(batch, subject.steps, subject.seed), 1):
        actions[::2] = actions[::2, :1]  # every second person is offered one item at all places
        _, _, _, _, infos = batch.step(actions)
        told: dict[str, Any] = infos.get("slate", {})
        if wrong := [name for name in ("items", "click") if np.shape(told.get(name, 0)) != (n, size)]:
            raise Failure(
                f"step {step}: infos['slate'] has no {wrong[0]!r} of shape {(n, size)}; it tells of each place."
            )
        shown, click = np.asarray(told["items"]), np.asarray(told["click"])
        if ((shown[::2] > 0).sum(axis=1) > 1).any():
            raise Failure(f"step {step}: an item that stands in a slate twice was shown twice; expected once.")
        if (click.sum(axis=1) > 1).any() or (click[shown == 0] > 0).any():
            raise Failure(
                f"step {step}: two places of a slate, or an empty one, were clicked; expected one item at most."
            )
        if not np.array_equal(click.sum(axis=1), infos["reward_parts"]["click"]):
            raise Failure(f"step {step}: infos['slate']['click'] and infos['reward_parts']['click'] do not agree.")
        clicks += int(click.sum())
    return f"{n * subject.steps:,} slates of {size} were shown: {clicks} clicks, at most one in each"


def _forms(subject: Subject, **changes: Any) -> list[tuple[str, Env | Batch]]:
    """Both forms, begun."""
    made: list[tuple[str, Env | Batch]] = [
        ("single", subject.single(**changes)),
        ("vector", subject.batch(**changes)),
    ]
    for _, env in made:
        env.reset(seed=subject.seed)
        env.action_space.seed(subject.seed)
    return made


def _flags(env: Env | Batch) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Take a random step; whose lives were terminated, whose truncated, (n,) each."""
    _, _, terminated, truncated, _ = env.step(env.action_space.sample())
    flags = np.atleast_1d(np.asarray(terminated, bool)), np.atleast_1d(np.asarray(truncated, bool))
    if not isinstance(env, VectorEnv) and (flags[0] | flags[1]).any():
        env.reset()
    return flags


def _share(which: NDArray[np.bool_]) -> str:
    return f"{int(which.sum())} of {len(which)} lives were"
