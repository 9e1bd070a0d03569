"""On the command line too: every option's misspelt name and mistyped value is refused, whatever the group."""

import dataclasses

import pytest

from crossrec.config import AGENTS, TrainConfig
from crossrec.errors import ConfigError
from crossrec.experiments.compose import compose_train, hydra_words
from crossrec.options import types_of


def options(node, prefix=""):
    for name, kind in types_of(type(node)).items():
        value = getattr(node, name)
        yield prefix + name, kind
        if dataclasses.is_dataclass(value):
            yield from options(value, f"{prefix}{name}.")


def of_agents():
    """Every option once, beside the agent that has it."""
    seen = set()
    for agent, schema in AGENTS.items():
        for option, kind in options(TrainConfig(agent=schema())):
            if option not in seen:
                seen.add(option)
                yield pytest.param(agent, option, kind, id=option)


EVERY = list(of_agents())


@pytest.mark.parametrize(("agent", "option", "kind"), EVERY)
def test_a_misspelt_option_is_refused_with_the_right_one(agent, option, kind):
    with pytest.raises(ConfigError) as raised:
        compose_train([f"agent={agent}", f"{option}{option[-1]}=1"])
    said = str(raised.value)
    assert said.startswith(f"Unknown option '{option}{option[-1]}'; did you mean '{option.rpartition('.')[2]}'?"), said
    assert "\n" not in said


WRONG = {int: "1.5", float: "[1]", bool: "1", str: "true", str | None: "[x]"}


@pytest.mark.parametrize(("agent", "option", "kind"), EVERY)
def test_a_value_of_another_type_is_refused_naming_the_option(agent, option, kind):
    """Any of them: tests/test_config_fields.py; here what Hydra and OmegaConf would convert."""
    with pytest.raises(ConfigError) as raised:
        compose_train([f"agent={agent}", f"{option}={WRONG.get(kind, '3')}"])
    said = str(raised.value)
    assert option in said, said
    assert "\n" not in said


def test_text_that_reads_like_something_else_is_taken_in_quotes():
    config = compose_train(["runs='true'", "context.prompt.language='no'", "context.prompt.words.night='on'"])
    assert (config.runs, config.context.prompt.language) == ("true", "no")
    assert config.context.prompt.words == {"night": "on"}


@pytest.mark.parametrize("words", [["agent.double=true,5"], ["agent.double=choice(true,5)"]])
def test_every_value_of_a_sweep_is_looked_at(words):
    with pytest.raises(ConfigError, match=r"agent\.double=5 must be true or false"):
        hydra_words(words, None)
    assert hydra_words(["agent.double=true,false", "runs='true'"], None) == ["agent.double=true,false", "runs='true'"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["agent.double=5"], "agent.double=5 must be true or false"),
        (["agent.double=yes"], "agent.double='yes' must be true or false"),
        (["runs=true"], "runs is read as true, where text is asked; .* in quotes"),
        (["context.store=false"], "context.store is read as false, where text is asked"),
        (["runs="], "runs= is empty; name the folder"),
        (["hydra.job.name=x"], "hydra.job.name=x is for `crossrec sweep`"),
        (["hydra/launcher=ray"], "hydra/launcher=ray is for `crossrec sweep`"),
        (["env=news,video"], "env=news,video is more than one value: `crossrec sweep env=news,video` does a run for"),
        (["seed=range(3)"], r"seed=range\(3\) is more than one value: `crossrec sweep seed"),
        (["env.scenarios=news,video"], r"a list stands in brackets: 'env.scenarios=\[news,video\]'"),
        (["experiment=two_agent"], r"experiment=two_agent is unknown; did you mean 'two_agents'\? allowed: contexts, "),
        (["agent.buffer_size=1e12"], "agent.buffer_size=1e12: .*Integer"),
        (["agent.buffer_size=1000000000000"], "agent.buffer_size=1000000000000 is out of range; allowed: from 1 to 1,"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_hydra_would_take_or_word_badly_is_refused_in_our_words(words, sentence):
    with pytest.raises(ConfigError, match=sentence) as raised:
        compose_train(words)
    assert "--multirun" not in str(raised.value)
