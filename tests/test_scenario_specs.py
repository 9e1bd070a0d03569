"""Any well-formed scenario makes a sound world, any malformed one is refused naming the field: Hypothesis searches.

``CROSSREC_SPECS=5000`` sets how many of each are tried; the default run tries the same 200 each time.
"""

import copy
import os
import re
import warnings

import gymnasium as gym
import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import crossrec
from crossrec.errors import ConfigError
from crossrec.observation import DAYPARTS, DEVICES, WEEK
from crossrec.world.scenario import FACETS, RANGES, WEIGHTS

ENV, PEOPLE, STEPS = "crossrec/CrossScenario-v0", 4, 12
REQUIRED = {"name", "facet", "base", "rho", "dwell", "dwell_spread", "conversion", "patience", *WEIGHTS}
OPTIONAL = {"follow_up", "examination", "query", "phrase"}
FORMS = st.sampled_from(["file", "mapping", "object"])
many = settings(
    max_examples=int(os.environ.get("CROSSREC_SPECS", "200")),
    derandomize="CROSSREC_SPECS" not in os.environ,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


# --- well-formed -----------------------------------------------------------------------------------------------------


def number(low, high):
    whole = [st.just(n) for n in (-4, 0, 1, 600) if low <= n <= high]
    return st.one_of(st.floats(low, high), *whole)


def weights(names):
    """As a list, or by name without those that are 0."""
    one = st.one_of(st.just(0), st.integers(1, 9), st.floats(0.0, 1e6))
    listed = st.lists(one, min_size=len(names), max_size=len(names)).filter(lambda found: max(found) > 1e-6)
    named = listed.map(lambda found: {name: w for name, w in zip(names, found, strict=True) if w})
    return st.one_of(listed, named)


names = st.text("abcxyzäß播客09_- ", min_size=1, max_size=12).map(lambda text: f"a{text}z")
good = st.fixed_dictionaries(
    {
        "name": names,
        "facet": st.sampled_from(FACETS),
        "dayparts": weights(DAYPARTS),
        "devices": weights(DEVICES),
        **{field: number(*RANGES[field]) for field in RANGES if field in REQUIRED},
    },
    optional={
        "follow_up": number(*RANGES["follow_up"]),
        "examination": number(*RANGES["examination"]),
        "query": st.booleans(),
        "phrase": st.sampled_from(["", "listening to podcasts", "在听: 'a' # b"]),
    },
)
share = st.floats(0.0, 1.0)
behaviours = st.fixed_dictionaries(
    {"rebound": st.sampled_from([0.0, 0.0, 1.5])},
    optional={
        **dict.fromkeys(["drift", "mood", "satiation_leak", "leave", "churn", "query", "device_habit"], share),
        **dict.fromkeys(["ageing", "bait", "transition_habit", "position", "interest"], st.floats(0.0, 8.0)),
        "session_minutes": st.floats(0.01, 60.0),
    },
)


@st.composite
def environments(draw):
    """Options of an environment of one to three scenarios."""
    items, slate = draw(st.integers(12, 60)), draw(st.integers(1, 3))
    new = draw(st.sampled_from([0.0, 0.25]))
    return {
        "scenarios": draw(st.lists(good, min_size=1, max_size=3, unique_by=lambda spec: spec["name"])),
        "items_per_scenario": items,
        "n_candidates": draw(st.integers(4, 12)),
        "slate_size": slate,
        "choice": draw(st.sampled_from(["examination", "cascade"])),
        "history_length": draw(st.integers(slate, 8)),
        "horizon": draw(st.integers(2, 20)),
        "world_seed": draw(st.integers(0, 1000)),
        "new_items": new,
        "candidates": draw(st.sampled_from([{}, {"popular": 0.3, "near": 0.3, "new": new}])),
        "behaviour": draw(behaviours),
        "reward": draw(st.sampled_from([{}, {"dwell": 0.0, "conversion": 0.0}])),
        "engine": draw(st.sampled_from(["auto", "numpy"])),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("scenarios")


def written(field, value):
    """A field as a file holds it, on one line unless the value itself has several."""
    return (
        yaml.safe_dump({field: value}, default_flow_style=True, allow_unicode=True, width=10_000).strip()[1:-1] + "\n"
    )


def given_as(form, fields, folder, number=0):
    """A scenario in one of the forms that an environment takes."""
    if form == "mapping":
        return fields
    file = folder / f"{number}.yaml"
    file.write_text("".join(written(*item) for item in fields.items()), encoding="utf-8")
    return str(file) if form == "file" else crossrec.load_scenario(file)


def check_world(world):
    catalogue = world.catalogue
    np.testing.assert_allclose(catalogue.topics[1:].sum(axis=1), 1.0, atol=1e-5)
    for index in range(len(world.scenarios)):
        assert catalogue.popularity[catalogue.scenario == index].sum() == pytest.approx(1.0, abs=1e-4)
    assert np.isfinite(catalogue.table).all()
    assert (catalogue.facet > 0).all()


def check_moment(envs, observation, infos):
    assert envs.observation_space.contains(observation)
    core, candidates, mask = envs.unwrapped.core, observation["candidates"], observation["mask"]
    np.testing.assert_array_equal(mask, candidates > 0)
    assert mask.any(axis=1).all()
    for offered in candidates:
        assert len(set(offered[offered > 0])) == (offered > 0).sum()
    where = core.world.catalogue.scenario[candidates]
    assert (where == infos["scenario"][:, None])[candidates > 0].all()
    shown = observation["situation"][:, : len(core.world.scenarios)]
    np.testing.assert_array_equal(shown.argmax(axis=1), infos["scenario"])
    assert ((infos["minute"] >= 0.0) & (infos["minute"] < WEEK)).all()
    truth, told = core.simulator.truth, infos["truth"]
    assert ((told["satisfaction"] >= 0.0) & (told["satisfaction"] <= 1.0)).all()
    assert (truth.theta >= 0.0).all()
    np.testing.assert_allclose(truth.theta.sum(axis=1), 1.0, atol=1e-4)
    assert (truth.satiation >= -1.001 * core.config.behaviour.rebound).all()
    assert np.isfinite(truth.satiation).all()
    expected = told["expected_reward"]
    assert np.isfinite(expected[mask == 1]).all()
    assert (expected[mask == 0] == -np.inf).all()
    if core.config.reward.dwell == 0.0:  # then it is the probability of a click
        assert ((expected >= 0.0) & (expected <= 1.0))[mask == 1].all()


def check_step(envs, shown, reward, terminated, truncated, infos):
    parts, weights = infos["reward_parts"], envs.unwrapped.config.reward
    assert np.isfinite(reward).all()
    np.testing.assert_allclose(reward, sum(getattr(weights, name) * part for name, part in parts.items()))
    click, dwell, conversion = parts["click"], parts["dwell"], parts["conversion"]
    assert np.isin(click, (0.0, 1.0)).all()
    assert np.isin(conversion, (0.0, 1.0)).all()
    assert (conversion <= click).all()
    assert ((dwell >= 0.0) & (dwell <= 60.0 * click)).all()
    assert not click[(shown == 0).all(axis=1)].any()
    assert not (terminated & truncated).any()
    if shown.shape[1] > 1:
        by_place = infos["slate"]
        np.testing.assert_array_equal(by_place["click"].sum(axis=1), click)
        assert (by_place["items"][by_place["click"] == 1] > 0).all()
        assert np.isin(by_place["items"], (0, *shown.ravel())).all()


def check_same(batch, alone, place):
    """What a batch says of a place is what the single environment says."""
    assert set(batch) == set(alone)
    for key, value in alone.items():
        if isinstance(value, dict):
            check_same(batch[key], value, place)
        else:
            np.testing.assert_array_equal(batch[key][place], value, err_msg=key)


def plain(infos, *left_out):
    return {key: value for key, value in infos.items() if "final" not in key and key not in left_out}


@many
@given(options=environments(), form=FORMS, seed=st.integers(0, 2**20), place=st.integers(0, PEOPLE - 1))
def test_any_scenarios_make_a_sound_world_in_which_a_life_is_the_same_alone_and_in_a_batch(
    options, form, seed, place, folder
):
    specs = [given_as(form, spec, folder, number) for number, spec in enumerate(options["scenarios"])]
    options = {**options, "scenarios": specs, "expose_truth": True}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        envs = gym.make_vec(ENV, num_envs=PEOPLE, vectorization_mode="vector_entry_point", **options)
        alone = gym.make(ENV, **options)
        check_world(envs.unwrapped.world)
        observation, infos = envs.reset(seed=seed)
        own, info = alone.reset(seed=seed + place)
        rng = np.random.default_rng(seed)
        for _ in range(STEPS):
            check_moment(envs, observation, infos)
            check_same(observation, own, place)
            actions = rng.integers(0, options["n_candidates"], envs.action_space.shape)
            shown = np.take_along_axis(observation["candidates"], actions.reshape(PEOPLE, -1), axis=1)
            observation, reward, terminated, truncated, infos = envs.step(actions)
            check_step(envs, shown, reward, terminated, truncated, infos)
            own, own_reward, *own_end, info = alone.step(actions[place])
            assert own_reward == reward[place]
            assert own_end == [terminated[place], truncated[place]]
            if any(own_end):
                check_same(infos["final_obs"], own, place)
                check_same(infos["final_info"], info, place)
                own, info = alone.reset()
                check_same(plain(infos, "reward_parts", "slate"), info, place)
            else:
                check_same(plain(infos), info, place)


# --- malformed -------------------------------------------------------------------------------------------------------

no_number = st.sampled_from(["long", "", "1,5", True, False, None, [1.0], {}, {"a": 1}, float("nan")])
no_text = st.sampled_from([None, 3, 2.5, True, [], ["news"], {"a": "b"}])


def outside(low, high):
    far = st.sampled_from([float("inf"), -float("inf"), 1e300])
    above = st.floats(min_value=high, exclude_min=True, allow_nan=False)
    return st.one_of(no_number, far, above, st.floats(max_value=low, exclude_max=True, allow_nan=False))


def no_weights(names):
    zero = [0] * len(names)
    wrong = st.one_of(no_number, st.floats(max_value=-1e-9, allow_nan=False), st.just(float("inf")), st.just(1e7))
    listed = st.tuples(wrong, st.integers(0, len(names) - 1)).map(lambda f: [*zero[: f[1]], f[0], *zero[f[1] + 1 :]])
    named = st.tuples(st.sampled_from(names), wrong).map(lambda f: {f[0]: f[1]})
    unknown = st.sampled_from([{"noon": 1}, {"": 1}, {names[0].upper(): 1}, {names[0]: 1, "all": 2}, {1: 1}])
    length = st.lists(st.integers(1, 3), max_size=8).filter(lambda found: len(found) != len(names))
    return st.one_of(
        st.just(zero), st.just({}), length, listed, named, unknown, st.sampled_from([1, "all", None, True])
    )


WRONG = {
    "name": st.one_of(no_text, st.sampled_from(["", " ", "a/b", "news.yaml", "-x", "a,b", "[a]", "a\nb", "_", "a "])),
    "facet": st.one_of(no_text, st.sampled_from(["Price", "lenght", "ages", "none", " "])),
    "query": st.sampled_from([0, 1, 0.5, "maybe", "", None, [], [True]]),
    "phrase": st.one_of(no_text, st.sampled_from(["two\nlines", "a\ttab"])),
    **{field: outside(*RANGES[field]) for field in RANGES},
    **{field: no_weights(names) for field, names in WEIGHTS.items()},
}


@st.composite
def malformed(draw):
    """Fields with one to three mistakes, and the names that a message may then name."""
    spec = copy.deepcopy(draw(good))
    fields = draw(st.lists(st.sampled_from(sorted(WRONG)), min_size=1, max_size=3, unique=True))
    named = []
    for field in fields:
        kind = draw(st.sampled_from(["value", "value", "missing", "misspelt"]))
        if kind == "missing" and field in REQUIRED:
            del spec[field]
        elif kind == "misspelt":
            cut = draw(st.integers(0, len(field)))
            value = spec.pop(field, 1)
            field = draw(st.sampled_from([field[:cut] + "x" + field[cut:], field.upper(), f"{field}s", field[:-1]]))
            spec[field] = value
        else:
            spec[field] = draw(WRONG[field])
        named.append(field)
    return spec, named


@many
@given(mistaken=malformed(), form=FORMS)
def test_any_malformed_scenario_is_refused_in_a_sentence_that_names_a_field_that_is_wrong(mistaken, form, folder):
    spec, named = mistaken
    with pytest.raises(ConfigError) as raised:
        gym.make(ENV, scenarios=["news", given_as(form, spec, folder)])
    sentence = str(raised.value)
    assert "\n" not in sentence
    found = re.sub(r" allowed: .*|; examples/podcasts.*|did you mean '\w+'", "", sentence)
    about = [field for field in named if re.search(rf"(?<!\w){re.escape(field)}(?!\w)", found)]
    assert about, sentence
    if form != "mapping" and " missing" not in sentence:
        line = int(re.match(r".*0\.yaml, line (\d+): ", sentence).group(1))
        fields = [field for field, value in spec.items() for _ in written(field, value).splitlines()]
        assert fields[line - 1] in about
