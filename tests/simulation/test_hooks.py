"""Behaviour of one's own: each hook does what it says in both forms, and a wrong one is refused before it is lived."""

import re

import gymnasium as gym
import numpy as np
import pytest

from crossrec.envs.single import CrossScenarioEnv
from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.errors import ConfigError
from crossrec.simulation.hooks import Hooks

N, STEPS, FORMS = 6, 30, ("single", "vector")
STAY = {"leave": 0.0, "session_minutes": 1e6}
HOP = {"leave": 1.0, "session_minutes": 1e6}


def even(moment, utility):
    """Even ids are always clicked, odd ones never."""
    return np.where(moment.items % 2 == 0, 100.0, -1000.0)


def pleased(moment, feedback):
    """A click makes people content, and puts topic 7 on the mind; else half so, and topic 3."""
    moment.truth.satisfaction[:] = np.where(feedback.click, 0.5, 0.25)
    moment.truth.intent[:] = np.where(feedback.click, 7, 3)


def to_the_second(moment, weights):
    """Everybody goes to the second scenario, those with even ids of users to the third."""
    people = moment.seen.user[moment.rows]
    target = np.where(people % 2 == 0, 2, 1)
    return (np.arange(weights.shape[1]) == target[:, None]).astype(float)


def tenfold(parts, reward):
    return 10.0 * parts["click"] + 0.25


OWN = {"choice": even, "dynamics": pleased, "transition": to_the_second, "reward": tenfold}


class Own(Hooks):
    """The same in one object."""

    def choice(self, moment, utility):
        return even(moment, utility)

    def dynamics(self, moment, feedback):
        pleased(moment, feedback)

    def transition(self, moment, weights):
        return to_the_second(moment, weights)

    def reward(self, parts, reward):
        return tenfold(parts, reward)


def lives(form, steps=STEPS, **options):
    """What is told of N people: arrays (steps, N, ...) by name."""
    if form == "vector":
        return _batch(CrossScenarioVectorEnv(N, expose_truth=True, **options), steps)
    alone = [_alone(CrossScenarioEnv(expose_truth=True, **options), seed, steps) for seed in range(N)]
    return {key: np.stack([life[key] for life in alone], axis=1) for key in alone[0]}


def _batch(env, steps):
    observation, infos = env.reset(seed=0)
    told = []
    for step in range(steps):
        shown = observation["candidates"][:, step]
        observation, reward, _, _, infos = env.step(np.full(N, step))
        told.append(_flat(observation, infos) | {"shown": shown, "reward": reward})
    return {key: np.stack([moment[key] for moment in told]) for key in told[0]}


def _alone(env, seed, steps):
    observation, info = env.reset(seed=seed)
    told = []
    for step in range(steps):
        shown = observation["candidates"][step]
        observation, reward, _, _, info = env.step(step)
        told.append(_flat(observation, info) | {"shown": shown, "reward": reward})
    return {key: np.stack([moment[key] for moment in told]) for key in told[0]}


def _flat(observation, info):
    return {**observation, **info["reward_parts"], **info["truth"], **{k: info[k] for k in ("scenario", "user")}}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for key in one:
        np.testing.assert_array_equal(one[key], other[key], err_msg=key)


@pytest.mark.parametrize("form", FORMS)
def test_choice_decides_what_is_clicked_and_what_the_oracle_expects(form):
    reward = {"click": 1.0, "dwell": 0.0, "conversion": 0.0}
    told = lives(form, hooks={"choice": even}, behaviour={"churn": 0.0}, reward=reward)
    clicked = (told["shown"] > 0) & (told["shown"] % 2 == 0)
    assert 0.3 < clicked.mean() < 0.7
    np.testing.assert_array_equal(told["click"], clicked)
    even_candidates = np.where(told["candidates"] > 0, 1.0 - told["candidates"] % 2, -np.inf)
    np.testing.assert_allclose(told["expected_reward"], even_candidates, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_choice_decides_within_a_slate(form):
    options = {"hooks": {"choice": even}, "slate_size": 3, "behaviour": {"churn": 0.0, "position": 0.0}}
    env = CrossScenarioEnv(**options) if form == "single" else CrossScenarioVectorEnv(N, **options)
    env.reset(seed=0)
    for step in range(STEPS):
        places = np.arange(3) + step
        *_, info = env.step(places if form == "single" else np.tile(places, (N, 1)))
        items, click = np.atleast_2d(info["slate"]["items"]), np.atleast_2d(info["slate"]["click"])
        anything = ((items % 2 == 0) & (items > 0)).any(axis=1)
        np.testing.assert_array_equal(click.sum(axis=1), anything)
        assert (items[click > 0] % 2 == 0).all()


@pytest.mark.parametrize("form", FORMS)
def test_dynamics_changes_hidden_state_after_what_the_simulator_does(form):
    told = lives(form, hooks={"dynamics": pleased}, behaviour=STAY)
    assert told["click"].any()
    np.testing.assert_array_equal(told["satisfaction"], np.where(told["click"], 0.5, 0.25))
    np.testing.assert_array_equal(told["intent"], np.where(told["click"], 7, 3))


@pytest.mark.parametrize("form", FORMS)
def test_transition_decides_where_people_go_who_move(form):
    told = lives(form, hooks={"transition": to_the_second}, behaviour=HOP)
    assert len(set(told["user"][0] % 2)) == 2
    np.testing.assert_array_equal(told["scenario"], np.where(told["user"] % 2 == 0, 2, 1))


@pytest.mark.parametrize("form", FORMS)
def test_reward_is_what_the_hook_makes_of_the_parts(form):
    told = lives(form, hooks={"reward": tenfold})
    plain = lives(form, engine="numpy")
    np.testing.assert_array_equal(told["click"], plain["click"])
    np.testing.assert_array_equal(told["reward"], 10.0 * told["click"] + 0.25)
    padding = told["candidates"] == 0
    assert np.isneginf(told["expected_reward"][padding]).all()
    assert (told["expected_reward"][~padding] >= 0.25).all()


@pytest.mark.parametrize("form", FORMS)
def test_hooks_that_only_pass_through_change_nothing(form):
    through = {
        "choice": lambda moment, utility: utility,
        "dynamics": lambda moment, feedback: None,
        "transition": lambda moment, weights: weights,
        "reward": lambda parts, reward: reward,
    }
    plain = lives(form, engine="numpy")
    for hooks in (through, Hooks(), {}):
        assert_same(lives(form, hooks=hooks), plain)


@pytest.mark.parametrize("form", FORMS)
def test_a_subclass_and_single_functions_give_the_same_lives(form):
    assert_same(lives(form, hooks=OWN), lives(form, hooks=Own()))


@pytest.mark.parametrize("hooks", [{"choice": even}, OWN, Own()], ids=["one function", "functions", "subclass"])
def test_a_life_with_hooks_is_the_same_alone_and_in_a_batch(hooks):
    options = {"hooks": hooks, "behaviour": {"churn": 0.0}}
    assert_same(lives("single", **options), lives("vector", **options))


def test_an_id_of_ones_own_can_hold_hooks():
    gym.register(
        id="test/Own-v0",
        entry_point="crossrec.envs.single:CrossScenarioEnv",
        vector_entry_point="crossrec.envs.vector:CrossScenarioVectorEnv",
        kwargs={"scenarios": ["news", "video", "music"], "hooks": OWN},
    )
    try:
        env = gym.make("test/Own-v0")
        envs = gym.make_vec("test/Own-v0", num_envs=2, vectorization_mode="vector_entry_point")
        (alone, _), (batch, _) = env.reset(seed=5), envs.reset(seed=5)
        np.testing.assert_array_equal(alone["candidates"], batch["candidates"][0])
        assert env.step(0)[1] == envs.step(np.zeros(2, int))[1][0]
    finally:
        del gym.registry["test/Own-v0"]


# --- what is refused -------------------------------------------------------------------------------------------------


class Misspelt(Hooks):
    def chioce(self, moment, utility):
        return utility


class NoFunction(Hooks):
    reward = 3


class Stranger:
    def choice(self, moment, utility):
        return utility


def raises(moment, given):
    return 1 / 0


def replaces(moment, feedback):
    moment.truth.theta = moment.truth.theta.copy()


def into(what, value):
    """A hook that writes into something that it is given."""

    def hook(first, second):
        half, _, column = what.partition(".")
        target = {"seen": getattr(first, "seen", None), "truth": getattr(first, "truth", None), "feedback": second}
        getattr(target[half], column)[:] = value
        return second if isinstance(second, np.ndarray) else None  # dynamics is given feedback

    return hook


REFUSED = {
    "a wrong shape": ({"choice": lambda moment, utility: utility[:, :1]}, r"hooks\['choice'\].*\(5, 1\).*5 people"),
    "a scalar": ({"reward": lambda parts, reward: 1.0}, r"hooks\['reward'\] returned a float.*shape \(5,\)"),
    "nothing": ({"choice": lambda moment, utility: None}, r"hooks\['choice'\] returned None"),
    "a list": ({"transition": lambda moment, weights: weights.tolist()}, r"hooks\['transition'\] returned a list"),
    "words": ({"choice": lambda moment, utility: utility.astype(str)}, r"hooks\['choice'\] returned <U"),
    "a shape of five people": (
        {"choice": lambda moment, utility: utility + np.zeros((5, 1))},
        r"hooks\['choice'\] returned float64 of shape \(5, .*1 person",
    ),
    "NaN in choice": ({"choice": lambda moment, utility: utility * np.nan}, r"hooks\['choice'\] returned nan"),
    "NaN in reward": ({"reward": lambda parts, reward: reward * np.nan}, r"hooks\['reward'\] returned nan.*finite"),
    "infinity": ({"choice": lambda moment, utility: utility + np.inf}, r"hooks\['choice'\] returned (inf|nan)"),
    "a utility beyond measure": ({"choice": lambda moment, utility: utility * 1e9}, r"hooks\['choice'\].*-1000 .*1000"),
    "negative weights": ({"transition": lambda moment, weights: -weights}, r"hooks\['transition'\].*at least 0"),
    "weights beyond measure": (
        {"transition": lambda moment, weights: np.full_like(weights, 1e308)},
        r"hooks\['transition'\].*too large",
    ),
    "one that raises": ({"dynamics": raises}, r"hooks\['dynamics'\] raised ZeroDivisionError.*test_hooks\.py, line"),
    "too few arguments": ({"reward": lambda parts: 0}, r"hooks\['reward'\] raised TypeError"),
    "dynamics that returns": ({"dynamics": lambda moment, feedback: 3}, r"hooks\['dynamics'\] must return None.*int"),
    "dynamics that replaces": ({"dynamics": replaces}, r"hooks\['dynamics'\] replaced moment\.truth\.theta.*\[:\]"),
    "dynamics: NaN": ({"dynamics": into("truth.satiation", np.nan)}, r"hooks\['dynamics'\] left nan in truth\.sat"),
    "dynamics: mood": ({"dynamics": into("truth.satisfaction", 2.0)}, r"hooks\['dynamics'\] left 2 in.*0 to 1"),
    "dynamics: topic": ({"dynamics": into("truth.intent", 24)}, r"hooks\['dynamics'\] left 24 in.*topics 0 to 23"),
    "dynamics: patience": ({"dynamics": into("truth.patience", 0.0)}, r"hooks\['dynamics'\] left 0 in truth\.patience"),
    "dynamics: seen": ({"dynamics": into("seen.minute", -1.0)}, r"hooks\['dynamics'\] changed moment\.seen\.minute"),
    "dynamics: feedback": ({"dynamics": into("feedback.click", True)}, r"hooks\['dynamics'\] changed feedback\.click"),
    "choice that writes": ({"choice": into("truth.theta", 0.5)}, r"hooks\['choice'\] changed moment\.truth\.theta"),
    "transition that writes": ({"transition": into("seen.user", 1)}, r"hooks\['transition'\] changed moment\.seen"),
    "reward that writes": (
        {"reward": lambda parts, reward: np.add(parts["click"], 1.0, out=parts["click"])},
        r"hooks\['reward'\] changed parts\['click'\]",
    ),
    "an unknown name": ({"chioce": even}, r"hooks='chioce' is unknown; did you mean 'choice'\?"),
    "a name that is none": ({3: even}, r"hooks='3' is unknown; allowed: choice"),
    "no function": ({"choice": 3}, r"hooks\['choice'\]=3 must be a function"),
    "no method": (NoFunction(), r"hooks\['reward'\]=3 must be a function"),
    "a misspelt method": (Misspelt(), r"hooks: Misspelt\.chioce overrides nothing; did you mean 'choice'\?"),
    "another class": (Stranger(), r"hooks=<.*Stranger.*MyHooks\(\)"),
    "the class itself": (Own, r"hooks=<class.*Own'>.*MyHooks\(\)"),
    "a bare function": (even, r"hooks=<function even.*dict of functions"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of NumPy, in what is wrong on purpose
@pytest.mark.parametrize(("hooks", "message"), REFUSED.values(), ids=REFUSED)
def test_wrong_hooks_are_refused_at_construction_in_a_sentence(hooks, message):
    for make in (CrossScenarioEnv, lambda **options: CrossScenarioVectorEnv(3, **options)):
        with pytest.raises(ConfigError, match=message) as found:
            make(hooks=hooks)
        assert re.fullmatch(r"[^\n]+[.?]{1,3}", str(found.value)), found.value


def test_hooks_do_not_run_on_the_compiled_engine_by_force():
    with pytest.raises(ConfigError, match="engine='compiled' cannot call hooks"):
        CrossScenarioEnv(hooks={"choice": even}, engine="compiled")


@pytest.mark.parametrize("slate_size", [1, 4])
def test_a_hook_that_is_wrong_only_for_those_who_move_on_is_refused_where_hardly_anybody_does(slate_size):
    """The trial lets people move whatever the strengths are."""

    def everybody(moment, weights):
        return weights * (1.0 + (moment.seen.minute > 0))[:, None]  # forgets [moment.rows]

    with pytest.raises(ConfigError, match=r"hooks\['transition'\] raised ValueError: operands could not be broadcast"):
        CrossScenarioEnv(hooks={"transition": everybody}, behaviour=STAY, slate_size=slate_size)
