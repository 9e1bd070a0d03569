"""What a run says of the contexts that it used, and that this does not depend on how they came to be."""

import json

import pytest

from crossrec.experiments.compose import compose_train
from crossrec.experiments.run import folder_of
from crossrec.world.text import TOPICS
from tests.language.untrained import make_llama

TINY = [
    "env.scenarios=[news,video]",
    "env.items_per_scenario=20",
    "env.n_candidates=8",
    "env.horizon=6",
    "people=4",
    "train_users=3",
    "eval_people=3",
    "steps=120",
    "agent.learning_starts=40",
]


def told(words):
    result = folder_of(compose_train(words)).result()
    return result["contexts"], result["scores"]


def without_cost(contexts):
    return {key: value for key, value in contexts.items() if key not in ("generated", "reused")}


@pytest.mark.slow
def test_any_number_of_workers_writes_the_same_contexts_and_finds_the_same(crossrec, tmp_path):
    model = make_llama(tmp_path / "llama", [*TOPICS, "sentence about what they might want at this moment , today"])

    def words(workers, seed):
        own = [f"context.store={tmp_path}/{workers}.sqlite", f"runs={tmp_path}/{workers}", f"context.workers={workers}"]
        written = ["context=llm", f"context.generator_folder={model}", "context.encoder=lm"]
        return [*TINY, *own, *written, "context.max_new_tokens=4", f"seed={seed}"]

    for workers, seed in ((1, 0), (1, 1), (2, 0)):
        assert crossrec("train", "--quiet", *words(workers, seed)).status == 0
    (one, scores), (two, others) = told(words(1, 0)), told(words(2, 0))
    assert one["training"]["distinct"] > 5
    assert without_cost(one) == without_cost(two)
    assert scores == others
    assert told(words(1, 1))[0]["hash"] != one["hash"], "other people's moments, other contexts"


def test_a_warm_store_and_a_repeated_evaluation_change_neither_hash_nor_result(crossrec, tmp_path):
    words = [*TINY, "context=template", "context.encoder=hashing", f"runs={tmp_path}"]
    assert crossrec("train", "--quiet", *words).status == 0
    folder = folder_of(compose_train(words))
    before, scores = told(words)
    assert crossrec("evaluate", folder.path).status == 0
    after, again = told(words)
    assert without_cost(after) == without_cost(before)
    assert again == scores


def test_a_run_cut_off_before_its_evaluation_tells_the_same_hash(crossrec, tmp_path):
    words = [*TINY, "context=template", "context.encoder=hashing", f"runs={tmp_path}"]
    assert crossrec("train", "--quiet", *words).status == 0
    expected = told(words)[0]
    folder_of(compose_train(words)).result_file.unlink()
    assert crossrec("train", "--quiet", *words).status == 0
    assert without_cost(told(words)[0]) == without_cost(expected)


@pytest.mark.parametrize(
    ("context", "keys"), [("none", set()), ("zeros", {"distinct", "replaced"}), ("oracle", {"distinct", "replaced"})]
)
def test_contexts_without_a_text_use_none(crossrec, tmp_path, context, keys):
    words = [*TINY, f"context={context}", "context.encoder=hashing", f"runs={tmp_path}"]
    assert crossrec("train", "--quiet", *words).status == 0
    contexts = told(words)[0]
    for part in ("training", "evaluation"):
        assert not any(contexts.get(part, {}).get(key) for key in keys)


@pytest.mark.parametrize("refresh", ["steps", "topic"])
def test_runs_with_other_refresh_rules_use_other_contexts(crossrec, tmp_path, refresh):
    quick = [*TINY, "context=template", "context.encoder=hashing", "context.prompt.titles=1", f"runs={tmp_path}"]
    other = [*quick, f"context.refresh={refresh}", "context.refresh_steps=2"]
    for words in (quick, other):
        assert crossrec("train", "--quiet", *words).status == 0
    assert told(quick)[0]["training"]["hash"] != told(other)[0]["training"]["hash"]
    assert told(other)[0]["training"]["distinct"] > told(quick)[0]["training"]["distinct"]


@pytest.mark.model
def test_warm_writes_what_a_run_will_need_and_says_so(models, crossrec, tmp_path):
    words = [*TINY, "context=encode", f"context.store={tmp_path / 'c.sqlite'}", f"runs={tmp_path}"]
    first = crossrec("context", "warm", "--quiet", "--policy", "popularity", *words)
    assert first.status == 0, first.err
    assert "0 were there" in first.out
    again = crossrec("context", "warm", "--quiet", *words)
    assert " 0 written now" in again.out or int(again.out.split(" written")[0].split()[-1]) < 20
    assert crossrec("train", "--quiet", *words).status == 0
    contexts = told(words)[0]
    assert contexts["generated"] < 0.5 * contexts["training"]["distinct"], "other items were shown, so a few are new"
    assert json.dumps(contexts)


@pytest.mark.parametrize("context", ["none", "zeros", "oracle"])
def test_warm_refuses_contexts_without_texts(crossrec, context):
    said = crossrec("context", "warm", *TINY, f"context={context}", "context.encoder=hashing")
    assert said.status == 2
    assert f"context={context} has no texts to write; allowed: context=template|encode|llm|shuffled" in said.err
