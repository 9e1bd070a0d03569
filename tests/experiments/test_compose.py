"""Options from words: what is written is what is run, and every mistake is named with what is allowed."""

import re

import pytest

from crossrec.config import DQNConfig, PPOConfig
from crossrec.errors import ConfigError
from crossrec.experiments.choices import choices
from crossrec.experiments.compose import compose_train

SERVED = ["context=llm", "context.generator=openai", "context.endpoint.model=lm"]

MISTAKES = [
    (["sed=3"], r"Unknown option 'sed'; did you mean 'seed'\? allowed: agent, context"),
    (["env.horizn=3"], r"Unknown option 'env.horizn'; did you mean 'horizon'"),
    (["env.behaviour.drif=0"], r"Unknown option 'env.behaviour.drif'; did you mean 'drift'"),
    (["env.reward={clik:2}"], r"Unknown option 'env.reward.clik'; did you mean 'click'"),
    (["agent.lerning_rate=1"], r"Unknown option 'agent.lerning_rate'; did you mean 'learning_rate'"),
    (["agent=ppo", "agent.buffer_size=3"], r"Unknown option 'agent.buffer_size'; .*allowed: batch_size, clip_range"),
    (["agent=dqnn"], r"agent=dqnn is unknown; did you mean 'dqn'\? allowed: a2c, dqn, ppo"),
    (["env=newz"], r"env=newz is unknown; did you mean 'news'\? allowed: ageing, carry_over"),
    (["context=templat"], r"context=templat is unknown; did you mean 'template'\? allowed: encode, llm, none"),
    (["context.name=foo"], r"context.name='foo' is unknown; allowed: encode, llm, none, oracle"),
    (["context.encoder=mini"], r"context.encoder='mini' is unknown; did you mean 'minilm'\? allowed: hashing"),
    (["env.scenarios=[news,vido]"], r"scenarios='vido' is unknown; did you mean 'video'"),
    (["env.scenarios=news"], r"env.scenarios=news: .*not a .*list"),
    (["env.horizon=long"], r"env.horizon=long: .*'long'.*Integer"),
    (["env.horizon=1.5"], r"env.horizon=1.5: .*Integer"),
    (["agent.learning_rate=fast"], r"agent.learning_rate=fast: .*'fast'.*Float"),
    (["seed=true"], r"seed=true: .*Integer"),
    (["seed=null"], r"seed=null: .*not Optional"),
    (["env.behaviour=3"], r"env.behaviour=3: .*BehaviourConfig"),
    (["steps=-1"], r"steps=-1 is out of range; allowed: from 1 to 1,000,000,000,000"),
    (["train_users=-64"], r"train_users=-64 is out of range"),
    (["eval_people=1"], r"eval_people=1 is out of range; allowed: from 2 to"),
    (["seed=-1"], r"seed=-1 is out of range"),
    (["env.n_candidates=-5"], r"n_candidates=-5 is out of range; allowed: from 4 to 10,000"),
    (["env.behaviour.churn=2"], r"behaviour.churn=2.0 is out of range; allowed: from 0 to 1"),
    (["env.behaviour.interest=inf"], r"behaviour.interest=inf is out of range"),
    (["context.prompt.titles=4"], r"context.prompt.titles=4 is out of range; allowed: from 0 to 3"),
    (["context.prompt.sees=[persona,dayparts]"], r"sees='dayparts' is unknown; did you mean 'daypart'"),
    (["context.prompt.moment='{{ wether }}'"], r"context.prompt.moment, line 1: unknown variable 'wether'"),
    (["prompt=fr"], r"prompt=fr is unknown; allowed: en, es, zh"),
    (["context.titles=1"], r"Unknown option 'context.titles'; "),
    (["context.refresh=daily"], r"context.refresh='daily' is unknown; allowed: enter, steps, topic"),
    (["context.refresh_steps=0"], r"context.refresh_steps=0 is out of range; allowed: at least 1|from 1"),
    (["context=shuffled", "context.shuffles=zeros"], r"context.shuffles='zeros' is unknown; allowed: encode, llm, t"),
    (["context=llm", "context.generator=openai"], r"context.endpoint.model is empty; set it to the name that"),
    (["context=llm", "context.generator=openai", "context.endpoint.url=here"], r"endpoint.url='here' is no address"),
    (
        [*SERVED, "context.endpoint.timeout=0"],
        r"context.endpoint.timeout=0.0 is out of range; allowed: from 0.1 to 3600",
    ),
    (["context.quantisation=int3"], r"context.quantisation='int3' is unknown; did you mean 'int"),
    (["context.dimension=0"], r"context.dimension=0 is out of range"),
    (["eval_first_user=63"], r"eval_first_user=63 is among the people met in training \(ids below 64\)"),
    (["train_users=500001"], r"eval_first_user=500000 is among the people met in training \(ids below 500001\)"),
    (["words"], r"'words' is not of the form option=value"),
    (["+seed=3"], r"'\+seed=3' is not of the form option=value"),
    (["~agent"], r"'~agent' is not of the form option=value"),
    (["seed=1,2"], r"seed=1,2"),
    (["seed=[1"], r"\[1"),
    (["seed=???"], r"seed"),
    (["agent=null"], r"agent"),
    (["agent.name=banana"], r"agent.name='banana'"),
    (["agent.name=random"], r"agent.name='random'"),
    (["agent.name=ppo"], r"agent.name='ppo'"),
]


@pytest.mark.parametrize(("words", "sentence"), MISTAKES, ids=[" ".join(words) for words, _ in MISTAKES])
def test_a_mistake_is_refused_in_one_sentence_naming_it(words, sentence):
    with pytest.raises(ConfigError, match=sentence) as raised:
        compose_train(words)
    assert "\n" not in str(raised.value)


def test_what_is_written_is_what_is_run():
    config = compose_train(["env=news", "env.horizon=60", "agent=ppo", "agent.gamma=0.9", "context=zeros", "seed=3"])
    assert isinstance(config.agent, PPOConfig)
    assert (config.agent.name, config.agent.gamma, config.context.name, config.seed) == ("ppo", 0.9, "zeros", 3)
    assert (config.env.scenarios, config.env.horizon) == (["news"], 60)


def test_nothing_written_gives_the_defaults_of_the_dataclasses():
    config = compose_train([])
    assert config.agent == DQNConfig()
    assert config == type(config)(agent=DQNConfig())


def test_composing_leaves_nothing_behind_for_the_next_time():
    compose_train(["agent=ppo", "seed=5"])
    assert compose_train([]).seed == 0
    with pytest.raises(ConfigError):
        compose_train(["seed=x"])
    assert isinstance(compose_train([]).agent, DQNConfig)


@pytest.mark.parametrize("group", ["env", "agent", "context", "prompt"])
def test_every_shipped_config_composes(group):
    for name in choices(group):
        config = compose_train([f"{group}={name}"])
        if group == "prompt":
            assert config.context.prompt.language == name
        elif group != "env":
            assert getattr(config, group).name == name


def own_agent(folder):
    (folder / "agent").mkdir()
    (folder / "agent" / "mine.yaml").write_text("defaults:\n  - /schema/dqn@_here_\ngamma: 0.25\n")
    return str(folder)


def test_a_folder_of_own_configs_is_searched_beside_the_shipped_ones(tmp_path):
    assert compose_train(["agent=mine"], own_agent(tmp_path)).agent == DQNConfig(gamma=0.25)
    assert compose_train(["agent=ppo"], str(tmp_path)).agent == PPOConfig()


def test_a_mistake_beside_an_own_config_is_worded_as_well(tmp_path):
    with pytest.raises(ConfigError, match=r"Unknown option 'agent.lerning_rate'"):
        compose_train(["agent=mine", "agent.lerning_rate=1"], own_agent(tmp_path))


def test_a_folder_of_own_configs_that_is_none_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=re.escape(f"--config-dir {tmp_path / 'nowhere'} is not a folder")):
        compose_train([], str(tmp_path / "nowhere"))


def test_a_damaged_own_config_is_refused_in_one_sentence(tmp_path):
    own_agent(tmp_path)
    (tmp_path / "agent" / "mine.yaml").write_text("gamma: [1\n  - {")
    with pytest.raises(ConfigError, match="mine") as raised:
        compose_train(["agent=mine"], str(tmp_path))
    assert "\n" not in str(raised.value)


def test_mappings_take_any_key_on_the_command_line():
    words = [
        "context.endpoint.extra={top_k: 1}",
        "context.prompt.words={chess: ajedrez}",
        "context.prompt.words.tea=te",
    ]
    context = compose_train(words).context
    assert context.endpoint.extra == {"top_k": 1}
    assert context.prompt.words == {"chess": "ajedrez", "tea": "te"}
    with pytest.raises(ConfigError, match=r"Unknown option 'context.endpoint.extras'; did you mean 'extra'"):
        compose_train(["context.endpoint.extras={top_k: 1}"])
