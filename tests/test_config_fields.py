"""Every option of every schema, by reflection: it says what it means, and no wrong name, type or value gets by."""

import dataclasses
import math
import re
import typing

import numpy as np
import pytest

from crossrec import config as schemas
from crossrec.config import AGENTS, TrainConfig
from crossrec.errors import ConfigError
from crossrec.options import check_train_config, from_options, meanings_of, types_of
from crossrec.simulation.state import ENJOYED


def run(agent="dqn"):
    return TrainConfig(agent=AGENTS[agent]())


def groups(node, prefix=""):
    """Every config inside a run's, by dotted prefix."""
    yield prefix, type(node)
    for name, value in vars(node).items():
        if dataclasses.is_dataclass(value):
            yield from groups(value, f"{prefix}{name}.")


def options():
    """Agent, dotted prefix, schema and name of every option; what two agents share counts once for each schema."""
    for agent in AGENTS:
        for prefix, schema in groups(run(agent)):
            if agent == "dqn" or prefix == "agent.":
                yield from ((agent, prefix, schema, name) for name in types_of(schema))


EVERY = [pytest.param(*found, id=f"{found[0]}:{found[1]}{found[3]}") for found in options()]
NUMBERS = [param for param in EVERY if types_of(param.values[2])[param.values[3]] in (int, float)]


def with_value(node, dotted, value):
    first, _, rest = dotted.partition(".")
    inner = with_value(getattr(node, first), rest, value) if rest else value
    return dataclasses.replace(node, **{first: inner})


def complaint(agent, dotted, value):
    """What is said against a value, or nothing; any other error fails the test."""
    try:
        check_train_config(with_value(run(agent), dotted, value))
    except ConfigError as error:
        return str(error)
    return ""


def refused(agent, dotted, value, *words):
    said = complaint(agent, dotted, value)
    assert said.startswith(dotted), said
    assert "\n" not in said
    assert len(said) < 1_000
    for word in words:
        assert word in said


def test_the_walk_reaches_every_schema():
    reached = {param.values[2] for param in EVERY}
    shipped = {found for found in vars(schemas).values() if dataclasses.is_dataclass(found)}
    assert reached == shipped - {schemas.AgentConfig}, "which is only ever one of AGENTS"
    assert len(EVERY) > 130


@pytest.mark.parametrize(("agent", "prefix", "schema", "name"), EVERY)
def test_an_option_says_what_it_means_and_its_default_is_allowed(agent, prefix, schema, name):
    meaning, kind = meanings_of(schema)[name], types_of(schema)[name]
    default = getattr(schema(), name)
    assert len(meaning.help) > 2
    if kind in (int, float):
        assert meaning.unit
        assert math.isfinite(meaning.low)
        assert math.isfinite(meaning.high)
        assert meaning.low <= default <= meaning.high
        assert type(meaning.low) is type(meaning.high) is kind
    else:
        assert (meaning.unit, meaning.low, meaning.high) == ("", None, None)
    if meaning.allowed:
        assert set(default if isinstance(default, list) else [default]) <= set(meaning.allowed)


@pytest.mark.parametrize(("agent", "prefix", "schema", "name"), EVERY)
def test_a_misspelt_name_is_refused_with_the_right_one(agent, prefix, schema, name):
    for wrong in (name + name[-1], f"{name}_", name.upper()):
        with pytest.raises(ConfigError) as raised:
            from_options(schema, {wrong: getattr(schema(), name)}, prefix)
        said = str(raised.value)
        assert said.startswith(f"Unknown option '{prefix}{wrong}'; ")
        assert f"'{name}'?" in said or wrong.isupper()
        assert name in said.partition("allowed: ")[2].rstrip(".").split(", ")


class Thing:
    """What no option is."""


def of_other_types(kind):
    """Values that are not of a field's type, and what the message calls the type."""
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return (3, None, "x", [1], Thing()), "must be a mapping or "
    if origin is dict:
        return (3, None, "x", [1], {1: "x"}, *([{"x": 1}] if kind == dict[str, str] else [])), "must be "
    if origin is list:
        return (3, None, "x", {"x": 1}, *([[1], [None]] if kind == list[str] else [])), "must be "
    if kind is bool:
        return (1, 0, "true", None, 1.0, [True], np.float64(1.0)), "must be bool; found "
    if kind is int:
        return (1.0, "1", None, True, [1], {}, np.float32(1.0), np.arange(2), Thing()), "must be int; found "
    if kind is float:
        return ("1", None, True, [1.0], {}, np.ones(2), np.True_, 1j), "must be float; found "
    found = (3, 1.5, True, ["x"], b"x", {"x": "y"}, Thing())
    return found if kind == (str | None) else (*found, None), "must be str"


@pytest.mark.parametrize(("agent", "prefix", "schema", "name"), EVERY)
def test_a_value_of_another_type_is_refused_and_the_type_named(agent, prefix, schema, name):
    values, words = of_other_types(types_of(schema)[name])
    for value in values:
        refused(agent, prefix + name, value, words)


@pytest.mark.parametrize(("agent", "prefix", "schema", "name"), NUMBERS)
def test_a_number_beyond_its_range_is_refused_and_the_range_told(agent, prefix, schema, name):
    meaning, kind = meanings_of(schema)[name], types_of(schema)[name]
    if kind is int:
        beyond = [meaning.low - 1, meaning.high + 1, -(10**30), 10**30, 10**5_000, np.int64(-(2**63))]
    else:
        beyond = [np.nextafter(meaning.low, -np.inf), np.nextafter(meaning.high, np.inf), math.nan, math.inf]
        beyond += [-math.inf, 1e300, -1e300, 10**400, np.float32(np.nan)]
    for value in beyond:
        least, most = (f"{edge:,}" if kind is int else f"{edge:g}" for edge in (meaning.low, meaning.high))
        refused(agent, prefix + name, value, f"is out of range; allowed: from {least} to {most}")


@pytest.mark.parametrize(("agent", "prefix", "schema", "name"), NUMBERS)
def test_both_ends_of_a_range_are_allowed_but_where_another_option_forbids_it(agent, prefix, schema, name):
    meaning = meanings_of(schema)[name]
    for value in (meaning.low, meaning.high):
        if said := complaint(agent, prefix + name, value):
            assert name in BESIDE_OTHERS, said
            assert len([other for other in BESIDE_OTHERS if re.search(rf"\b{other}\b", said)]) >= 2, said


# Bounded by one another: candidates by items, people by ids, random steps by all steps, n-step returns by SlateQ.
BESIDE_OTHERS = {
    "items_per_scenario", "n_candidates", "slate_size", "history_length", "first_user", "last_user", "train_users",
    "eval_people", "eval_first_user", "steps", "learning_starts", "new", "new_items", "n_steps", "name",
}  # fmt: skip


NAMED = [param for param in EVERY if meanings_of(param.values[2])[param.values[3]].allowed]


@pytest.mark.parametrize(("agent", "prefix", "schema", "name"), NAMED)
def test_only_the_names_that_an_option_lists_are_allowed(agent, prefix, schema, name):
    several = types_of(schema)[name] == list[str]
    for allowed in meanings_of(schema)[name].allowed:
        check_train_config(with_value(run(agent), prefix + name, [allowed] if several else allowed))
        wrong = allowed + allowed[-1]
        refused(agent, prefix + name, [wrong] if several else wrong, f"did you mean '{allowed}'?", "allowed: ")


ODD = ["", " ", "\x00", "x" * 2_000, "{{ 1/0 }}", "{% if", "ünïcode 喜", "../..", "a\nb"]
TEXTS = [param for param in EVERY if types_of(param.values[2])[param.values[3]] in (str, str | None)]


@pytest.mark.parametrize(("agent", "prefix", "schema", "name"), TEXTS)
@pytest.mark.parametrize("text", ODD, ids=lambda text: ascii(text)[:12])
def test_odd_text_is_taken_or_refused_in_one_sentence(agent, prefix, schema, name, text):
    if said := complaint(agent, prefix + name, text):
        assert prefix + name in said
        assert "\n" not in said
        assert len(said) < 1_000


def test_what_a_prompt_may_name_is_what_a_recommender_remembers():
    assert meanings_of(schemas.PromptConfig)["titles"].high == ENJOYED
