"""An agent that learns on from another run's: what is taken over, what is not, and what does not fit."""

import pytest
import torch

from crossrec.agents.build import build_agent
from crossrec.agents.vec_adapter import SB3VecEnv
from crossrec.config import DQNConfig, PPOConfig
from crossrec.errors import ConfigError
from crossrec.experiments.compose import compose_train
from crossrec.experiments.lab import build_lab, training_visits
from crossrec.experiments.run import RunFolder, folder_of
from crossrec.experiments.start import take_over
from crossrec.experiments.train import load_agent
from crossrec.world.synthetic import world_of

from .conftest import SMALL, assert_one_sentence, only_run

SHORT = [word for word in SMALL if not word.startswith("steps")]


def learner(config, words=()):
    run = compose_train([*SMALL, *words])
    lab = build_lab(run.env, run.context)
    return build_agent(config, SB3VecEnv(lab.make_env(4)), lab.table, seed=7)


def weights(agent, without=()):
    return {k: v for k, v in agent.policy.state_dict().items() if "items." not in k and not k.endswith(without)}


def test_all_weights_are_taken_over_and_exploration_is_at_its_end(finished):
    config = compose_train(SMALL)
    agent, taught = (
        learner(config.agent),
        load_agent(RunFolder(finished), config),
    )
    take_over(agent, taught)
    for name, value in weights(taught).items():
        assert torch.equal(agent.policy.state_dict()[name], value), name
    assert agent.exploration_schedule(1.0) == agent.exploration_schedule(0.0) == config.agent.exploration_final


def test_the_own_catalogue_is_kept(finished):
    config = compose_train(SMALL)
    agent = learner(config.agent, ["env.world_seed=5"])
    own = agent.q_net.fusion.items.vectors.clone()
    take_over(agent, learner(config.agent))
    assert torch.equal(agent.q_net.fusion.items.vectors, own)


def test_each_expert_begins_as_the_shared_network():
    for config in (DQNConfig, PPOConfig):
        taught, agent = learner(config()), learner(config(experts="gated"))
        mix = {k: v.clone() for k, v in agent.policy.state_dict().items() if "mix" in k or "gate." in k}
        take_over(agent, taught)
        network = (agent.q_net if config is DQNConfig else agent.policy).fusion
        shared = (taught.q_net if config is DQNConfig else taught.policy).fusion
        for expert in network.experts:
            assert torch.equal(expert.tower[0].weight, shared.tower[0].weight)
        assert mix
        assert all(torch.equal(agent.policy.state_dict()[k], v) for k, v in mix.items())


def test_experts_begin_as_they_were_alone():
    taught, agent = learner(DQNConfig(experts="independent")), learner(DQNConfig(experts="stacked"))
    take_over(agent, taught)
    for one, other in zip(agent.q_net.fusion.experts, taught.q_net.fusion.experts, strict=True):
        assert torch.equal(one.tower[0].weight, other.tower[0].weight)


def test_the_command_learns_on_and_the_run_is_another_one(crossrec, finished, tmp_path):
    plain = ["train", *SHORT, "steps=600", f"runs={tmp_path}", "--quiet"]
    words = [*plain, "train_visits=[news,music]"]
    assert crossrec(*words, f"start={finished}").status == 0
    first = only_run(tmp_path)
    assert "start: " in (first / "config.yaml").read_text()
    assert folder_of(compose_train([*words[1:-2], f"start={finished}", words[-1]])).path.name == first.name
    assert folder_of(compose_train([*words[1:-2], words[-1]])).path.name != first.name
    assert crossrec(*words, f"start={first}").status == 0
    assert len(list(tmp_path.iterdir())) == 2


def test_what_does_not_fit_is_said_before_anything_is_trained(crossrec, finished, tmp_path):
    words = ["train", *SHORT, "steps=600", f"runs={tmp_path}", "--quiet"]
    assert_one_sentence(crossrec(*words, "start=nowhere"), "start=nowhere is not there")
    assert_one_sentence(crossrec(*words, f"start={finished}", "context.encoder=minilm"), "context.encoder=hashing")
    assert_one_sentence(crossrec(*words, f"start={finished}", "agent.hidden=16"), "another network", "agent.hidden")
    assert_one_sentence(
        crossrec("train", *SHORT[:-1], "steps=600", f"runs={tmp_path}", "agent=ppo", f"start={finished}", "--quiet"),
        "run of agent=dqn",
        "agent=ppo",
    )
    assert_one_sentence(crossrec(*words, "start=''"), "start= is empty")
    assert_one_sentence(
        crossrec(*words, "train_visits=[newz]"), "train_visits='newz' is unknown", "did you mean 'news'"
    )


def test_training_elsewhere_is_everywhere_but_where_people_are_met():
    config = compose_train([*SMALL, "env.visits=[news]", "train_elsewhere=true"])
    assert training_visits(config, world_of(config.env)) == ["shopping", "social", "music", "video"]
    config = compose_train([*SMALL, "env.visits=[news]", "train_visits=[music]"])
    assert training_visits(config, world_of(config.env)) == ["music"]


@pytest.mark.parametrize("words", [[], ["env.visits=[shopping,news,social,music,video]"]])
def test_elsewhere_must_be_somewhere(words):
    with pytest.raises(ConfigError, match="leaves no scenario"):
        compose_train([*SMALL, "train_elsewhere=true", *words])
    with pytest.raises(ConfigError, match="set one"):
        compose_train([*SMALL, "train_elsewhere=true", "env.visits=[news]", "train_visits=[music]"])
