"""Real evaluations are measured: nothing changes for the policies, and the run's folder and the command tell all."""

import argparse
import shutil

import numpy as np
import pandas as pd
import pytest

from crossrec.agents.attribution import candidate_scores
from crossrec.agents.build import build_agent
from crossrec.agents.vec_adapter import SB3VecEnv
from crossrec.config import A2CConfig, ContextConfig, DQNConfig, EnvConfig, PPOConfig, SlateQConfig, TrainConfig
from crossrec.envs.registration import ENVIRONMENTS
from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.errors import ConfigError, RunError
from crossrec.experiments.evaluate import evaluate, evaluation_people, rollout
from crossrec.experiments.lab import build_lab
from crossrec.experiments.measuring import watch as watch_module
from crossrec.experiments.measuring.cli import add_metrics
from crossrec.experiments.measuring.moments import Moments
from crossrec.experiments.measuring.ranks import Ear, ranking
from crossrec.experiments.measuring.watch import JOURNEYS, Measured, Watch
from crossrec.experiments.run import RunFolder
from crossrec.measures.table import TABLE
from crossrec.measures.totals import totals
from crossrec.metrics import METRICS
from crossrec.options import from_options
from crossrec.world.text import TOPICS

HASHING = ContextConfig(encoder="hashing")
ENV = {"items_per_scenario": 60, "n_candidates": 10, "horizon": 14, "scenarios": ["news", "music"]}
AGENTS = {
    "dqn": (DQNConfig(), 1),
    "ppo": (PPOConfig(), 1),
    "a2c": (A2CConfig(), 3),
    "dqn-slates": (DQNConfig(), 3),
    "slateq": (SlateQConfig(), 6),
}
NEW = {"new_share", "new_click_through", "known_click_through"}


def lab_of(**options):
    return build_lab(EnvConfig(**{**ENV, **options}), HASHING)


def agent_for(lab, config):
    return build_agent(config, SB3VecEnv(lab.make_env(4)), lab.table, seed=0, device="cpu")


def metrics(*words):
    """The command, as its own parser has it; returns nothing."""
    parser = argparse.ArgumentParser()
    add_metrics(parser.add_subparsers())
    options = parser.parse_args(["metrics", *map(str, words)])
    options.command(options)


@pytest.fixture(scope="module")
def lab():
    return lab_of()


@pytest.mark.parametrize("name", AGENTS)
def test_measuring_changes_nothing_and_hears_every_agent(name):
    config, slate = AGENTS[name]
    lab = lab_of(slate_size=slate, horizon=6)
    agent, train = agent_for(lab, config), TrainConfig(env=lab.env, context=HASHING, eval_people=26)
    measured = Measured()
    plain = evaluate(lab, train, {name: agent})
    pd.testing.assert_frame_equal(plain, evaluate(lab, train, {name: agent}, measured=measured), check_exact=True)
    table = measured.table().set_index(["policy", "scenario", "people", "metric"])
    for policy in ("random", "oracle", name):
        assert table.loc[(policy, "all", "all", "ndcg_at_5"), "n"] > 0, policy
        assert table.loc[(policy, "all", "all", "exposure"), "value"] == pytest.approx(
            slate * plain.loc[plain["policy"] == policy, "steps"].mean()
        )
    assert not candidate_scores(agent)._forward_hooks, "the agent is let go of"


def test_no_truth_reaches_a_policy_that_is_watched(lab):
    seen = set()

    class First:
        """Always the first candidate."""

        def predict(self, observation, state=None, episode_start=None, deterministic=False):
            seen.update(observation)
            return np.zeros(len(observation["mask"]), np.int64), state

    env, users = lab.make_env(3), np.arange(3)
    rollout(First(), env, users, 0, watch=Watch(First(), env, users))
    assert seen == set(env.single_observation_space.spaces)
    assert "truth" not in env.step(np.zeros(3, np.int64))[4]


@pytest.mark.parametrize("slate", [1, 3])
@pytest.mark.parametrize("name", ["random", "content", "oracle"])
def test_people_are_measured_alike_alone_and_in_a_batch(name, slate, monkeypatch):
    monkeypatch.setattr(watch_module, "EVERY", 4)
    lab, users = lab_of(slate_size=slate), np.array([500_003, 500_001, 17, 500_002])

    def watched(users, seed):
        env = lab.make_env(len(users), expose_truth=True)
        policy = lab.baseline("content" if name == "random" else name, env.unwrapped, seed)
        watch = Watch(policy, env, users)
        rollout(policy, env, users, seed, watch=watch)
        return watch.tally

    together = watched(users, 9)
    for place, user in enumerate(users):
        alone = watched(np.array([user]), 9 + place)
        np.testing.assert_allclose(alone.judged[:, 0], together.judged[:, place], rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(alone.interest[:, 0], together.interest[:, place], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(totals(alone).sums[:, 0], totals(together).sums[:, place], rtol=1e-9)
    assert together.judged[..., 0].sum() >= len(users)


def test_the_truth_is_that_of_the_engine(lab):
    """Both numbers come from one pass in half the time; with hooks from the engine that knows them."""
    rows, heard = np.arange(5), {}
    for hooks in (None, {"choice": lambda moment, utility: utility + 1.0}):
        env = CrossScenarioVectorEnv(5, lab.env, expose_truth=True, hooks=hooks)
        env.reset(seed=1)
        moments = Moments(env.core.simulator)
        moments.put(rows, 0, np.arange(5), None)
        moments.shown(env.core.simulator.seen.candidates[:, :1])
        judged = moments.judged()
        np.testing.assert_allclose(judged.expected, env.expected_rewards(), rtol=1e-6)
        assert (judged.clicks < judged.expected).all(), "a click is worth 1, and more where people stay"
        assert judged.order is None
        assert moments.judged().rows.size == 0
        heard[hooks is None] = judged.clicks
    assert (heard[False] > heard[True]).all()


def test_the_oracle_ranks_best_and_regrets_nothing(lab, monkeypatch):
    monkeypatch.setattr(watch_module, "EVERY", 2)
    measured = Measured()
    evaluate(lab, TrainConfig(env=lab.env, context=HASHING, eval_people=40), {}, measured=measured)
    table = measured.table()
    overall = table[(table["scenario"] == "all") & (table["people"] == "all")]
    value = overall.pivot_table(index="metric", columns="policy", values="value")
    for name in ("score", "reward", "ndcg_at_5", "precision_at_5", "recall_at_5", "f1_at_5", "satisfaction"):
        assert (value.loc[name].drop("oracle") < value.loc[name, "oracle"]).all(), name
    assert value.loc["ndcg_at_5", "oracle"] > 0.98
    for name in ("regret", "step_regret"):
        assert value.loc[name, "oracle"] == pytest.approx(0.0, abs=1e-9)
        assert (value.loc[name].drop("oracle") > 0.1).all()
    assert value.loc["long_tail", "popularity"] < value.loc["long_tail", "random"]
    assert value.loc["gini", "random"] < value.loc["gini", "popularity"]
    assert value.loc["novelty", "popularity"] < value.loc["novelty", "random"]
    assert value.loc["diversity", "content"] < value.loc["diversity", "random"]


@pytest.mark.parametrize(
    ("env_id", "phases", "new"),
    [("ColdStartUser", {"cold"}, set()), ("ColdStartItem", {"cold", "warm"}, NEW), ("Slate", {"cold", "warm"}, set())],
)
def test_environments_have_the_rows_that_they_give_rise_to(env_id, phases, new):
    options = ENVIRONMENTS[f"crossrec/{env_id}-v0"]
    small = {"items_per_scenario": 60, "horizon": min(options.get("horizon", 12), 12)}
    lab = build_lab(from_options(EnvConfig, {**options, **small}), HASHING)
    measured = Measured()
    evaluate(lab, TrainConfig(env=lab.env, context=HASHING, eval_people=12), {}, measured=measured)
    table = measured.table()
    assert {"cold", "warm"} & set(table["people"]) == phases
    assert NEW & set(table["metric"]) == new
    everything = table[(table["scenario"] == "all") & (table["people"] == "all")]
    assert set(everything["metric"]) == set(METRICS) - (NEW - new)
    if env_id == "Slate":
        shown = everything[everything["metric"] == "exposure"].set_index("policy")["value"]
        assert (shown > 6 * 10).all(), "all six places count"
        diversity = everything[everything["metric"] == "diversity"].set_index("policy")
        steps = measured.watches["random"].tally.living
        assert diversity.loc["random", "n"] == np.sum(steps), "every slate is a list"


def test_ranks_are_what_is_shown_and_then_the_rest_by_score():
    mask = np.array([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]])
    scores = np.array([[0.1, 0.9, 0.5, 0.9, 9.0], [0.5, 0.4, 0.3, 0.2, 0.1]])
    assert ranking(mask, np.array([[1], [3]]), scores, 3).tolist() == [[1, 3, 2], [3, 0, 1]]
    assert ranking(mask, np.array([[2, 0], [4, 4]]), scores, 3).tolist() == [[2, 0, 1], [4, 0, 1]]
    assert ranking(mask, np.array([[2, 0], [1, 4]]), scores, 5).tolist() == [[2, 0, 1, 3, 4], [1, 4, 0, 2, 3]]
    assert ranking(mask, np.array([[2, 0], [1, 4]]), None, 2).tolist() == [[2, 0], [1, 4]]
    assert ranking(mask, np.array([[2, 0], [1, 4]]), None, 3) is None
    assert ranking(mask, np.array([[2, 0], [4, 4]]), None, 2) is None


def test_a_policy_that_ranks_by_no_scores_is_not_ranked(lab):
    class First:
        """Always the first candidate."""

        def predict(self, observation, state=None, episode_start=None, deterministic=False):
            return np.zeros(len(observation["mask"]), np.int64), state

    assert Ear(First()).scores(np.arange(2)) is None
    measured = Measured()
    evaluate(lab, TrainConfig(env=lab.env, context=HASHING, eval_people=26), {"first": First()}, measured=measured)
    table = measured.table().set_index(["policy", "scenario", "people", "metric"])
    assert np.isnan(table.loc[("first", "all", "all", "ndcg_at_5"), "value"])
    assert table.loc[("first", "all", "all", "step_regret"), "value"] > 0.0


def test_only_our_environments_are_measured_and_only_those_that_were_watched(lab):
    class Other:
        unwrapped = None

    with pytest.raises(ConfigError, match="found NoneType"):
        Watch(None, Other(), np.arange(2))
    with pytest.raises(ConfigError, match="policy='dqn' is unknown"):
        Measured().journeys("dqn")


def test_a_run_leaves_all_metrics_that_are_defined(finished):
    folder = RunFolder(finished)
    table, result = pd.read_parquet(folder.metrics_file), folder.result()
    assert tuple(table.columns) == TABLE
    overall = table[(table["scenario"] == "all") & (table["people"] == "all")]
    for policy in ("random", "popularity", "content", "oracle", "dqn"):
        found = overall[overall["policy"] == policy].set_index("metric")["value"]
        assert set(found.index) == set(METRICS) - NEW
        assert np.isfinite(found).all(), found[~np.isfinite(found)]
        told = result["scores"][policy]
        assert found["score"] == pytest.approx(told["score"])
        assert found["return"] == pytest.approx(told["return"])
        assert found["click_through"] == pytest.approx(told["click_rate"])
        assert found["dwell"] == pytest.approx(told["dwell"])
        assert found["retention"] == pytest.approx(1.0 - told["churn"])
        assert found["exposure"] == pytest.approx(told["steps"])
    assert set(table["scenario"]) == {"all", *result["scenarios"]}
    assert {"all", "cold", "warm", "English"} <= set(table["people"])


def test_a_run_leaves_the_journeys_of_the_first_people(finished):
    folder = RunFolder(finished)
    config, lives = folder.config(), pd.read_parquet(folder.journeys_file)
    names = ("user", "step", "minute", "scenario", "title", "topic", "clicked", "converted", "dwell", "reward")
    assert tuple(lives.columns) == (*names, "satisfaction")
    users, _ = evaluation_people(config)
    assert list(dict.fromkeys(lives["user"])) == users[:JOURNEYS].tolist()
    people = pd.read_parquet(folder.evaluation_file)
    agent = people[people["policy"] == "dqn"].set_index("user").loc[users[:JOURNEYS]]
    by_person = lives.groupby("user")
    np.testing.assert_allclose(by_person["reward"].sum(), agent["return"])
    np.testing.assert_array_equal(by_person.size(), agent["steps"])
    np.testing.assert_array_equal(by_person["clicked"].sum(), agent["click"])
    np.testing.assert_allclose(by_person["dwell"].sum(), 60 * agent["dwell"])
    assert (lives["step"] == by_person.cumcount()).all()
    assert (lives.loc[~lives["clicked"], "dwell"] == 0).all()
    assert not (lives["converted"] & ~lives["clicked"]).any()
    assert lives["minute"].between(0, 7 * 24 * 60 - 1).all()
    assert lives["satisfaction"].between(0, 1).all()
    assert (by_person["satisfaction"].first() == 0.3).all(), "of the moment before anything is shown"
    assert set(lives["topic"]) <= set(TOPICS)
    assert set(lives["scenario"]) <= set(folder.result()["scenarios"])
    assert lives["title"].str.len().min() > 3


def test_the_command_prints_policies_beside_each_other(finished, capsys):
    metrics(finished)
    out = capsys.readouterr().out
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    for name in set(METRICS) - NEW:
        assert name in lines
    assert lines["metric"].split()[-5:] == ["random", "popularity", "content", "oracle", "dqn"]
    assert lines["score"].split()[1] == "↑"
    assert lines["gini"].split()[1] == "↓"
    assert lines["return_gap"].split()[:3] == ["return_gap", "↓", "h"]
    assert float(lines["score"].split()[-2]) == 1.0
    assert "--people: 18-24" in out
    table = pd.read_parquet(finished / "metrics.parquet").set_index(["policy", "scenario", "people", "metric"])["value"]
    metrics(finished, "--people", "cold", "--scenario", "news")
    out = capsys.readouterr().out
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert float(lines["click_through"].split()[-1]) == pytest.approx(
        table["dqn", "news", "cold", "click_through"], abs=5e-4
    )
    assert "first 10 steps of each life, news" in out
    assert "retention" not in lines


def test_mistakes_are_named(finished, tmp_path):
    with pytest.raises(ConfigError, match="--people='cld' is unknown; did you mean 'cold'"):
        metrics(finished, "--people", "cld")
    with pytest.raises(ConfigError, match="--scenario='games' is unknown; allowed: all, music"):
        metrics(finished, "--scenario", "games")
    with pytest.raises(RunError, match="is not a run's folder"):
        metrics(tmp_path)
    old = shutil.copytree(finished, tmp_path / "old")
    (old / "metrics.parquet").write_bytes((old / "metrics.parquet").read_bytes()[:100])
    with pytest.raises(RunError, match=r"metrics\.parquet is damaged .*crossrec evaluate"):
        metrics(old)
    for wrong in (pd.DataFrame({"policy": ["dqn"]}), pd.DataFrame(columns=list(TABLE))):
        wrong.to_parquet(old / "metrics.parquet")
        with pytest.raises(RunError, match=r"damaged \(no "):
            metrics(old)
    (old / "metrics.parquet").unlink()
    with pytest.raises(RunError, match=r"has no metrics\.parquet, which runs of older versions lack"):
        metrics(old)
    (old / "result.json").unlink()
    with pytest.raises(RunError, match=r"has no result\.json"):
        metrics(old)
