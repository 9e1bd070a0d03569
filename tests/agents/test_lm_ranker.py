"""The language model as ranker: likelihoods as one plain pass per title gives them, and what becomes of them."""

import numpy as np
import pytest

from crossrec.agents.baselines.likelihood import TitleLikelihood, tree_of
from crossrec.agents.baselines.lm_ranker import CUE, LMRanker
from crossrec.config import ContextConfig, EnvConfig
from crossrec.errors import ModelError
from crossrec.experiments.lab import build_lab

WORDS = [f"word{i}" for i in range(30)]


def observation(candidates, mask):
    return {"candidates": np.array(candidates, np.int32), "mask": np.array(mask, np.int8)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A causal language model of two thousand weights that knows thirty words."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

    path = tmp_path_factory.mktemp("llama")
    vocabulary = {word: i for i, word in enumerate(["[UNK]", "[EOS]", *WORDS])}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    set_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=len(vocabulary), eos_token_id=1, initializer_range=0.5, **sizes)
    LlamaForCausalLM(config).save_pretrained(path)
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]", eos_token="[EOS]").save_pretrained(path)
    return path


def test_a_tree_shares_beginnings():
    tree = tree_of([[5, 6, 7], [5, 6], [8], [5, 9, 7], [8]])
    assert tree.tokens.tolist() == [5, 6, 7, 8, 9, 7]
    assert tree.parents.tolist() == [-1, 0, 1, -1, 0, 4]
    assert tree.depth.tolist() == [0, 1, 2, 0, 1, 2]
    assert tree.leaves.tolist() == [2, 1, 3, 5, 3]
    assert tree.ancestors()[5].tolist() == [True, False, False, False, True, True]


def test_likelihoods_are_those_of_each_title_read_by_itself(folder):
    import torch

    likelihood = TitleLikelihood(folder, "cpu")
    draws = np.random.default_rng(0)
    titles = [" ".join(draws.choice(WORDS[:4], draws.integers(1, 6))) for _ in range(40)]
    for prompt in ("word9 word3 word21", "word7"):
        found = likelihood(prompt, titles)
        tokenizer, model = likelihood._load()
        for title, value in zip(titles, found, strict=True):
            before, after = tokenizer(prompt)["input_ids"], tokenizer(title)["input_ids"]
            with torch.inference_mode():
                logs = torch.log_softmax(model(torch.tensor([before + after])).logits[0].double(), dim=-1)
            plain = [float(logs[len(before) - 1 + i, token]) for i, token in enumerate(after)]
            assert value == pytest.approx(np.mean(plain), abs=1e-5)
    assert np.ptp(found) > 0.1
    np.testing.assert_array_equal(likelihood(prompt, titles), found)


def test_a_title_is_judged_by_what_the_moment_adds_and_asked_about_once():
    asked = []

    def likelihood(prompt, titles):
        asked.append((prompt, list(titles)))
        plain = {"a": -1.0, "b": -5.0, "c": -3.0}
        return np.array([plain[title] + (prompt.startswith("Likes b") and title == "b") for title in titles])

    texts = ["Likes b.", "Likes nothing.", "Likes b."]
    policy = LMRanker(likelihood, lambda: texts, ["", "a", "b", "c"])
    obs = observation([[1, 2, 3], [1, 2, 3], [2, 3, 0]], [[1, 1, 1], [1, 1, 1], [1, 1, 0]])
    np.testing.assert_allclose(policy.scores(obs), [[0, 1, 0], [0, 0, 0], [1, 0, 0]])
    assert policy.predict(obs)[0].tolist() == [1, 0, 0]
    assert sorted(asked) == sorted(
        [(CUE, ["a", "b", "c"])] + [(f"{text} {CUE}", ["a", "b", "c"]) for text in texts[:2]]
    )
    plain = LMRanker(likelihood, lambda: texts[1:2], ["", "a", "b", "c"], calibrated=False)
    assert plain.predict(observation([[2, 3, 1]], [[1, 1, 0]]))[0].tolist() == [1]


def test_it_reads_the_moments_of_the_people_in_its_environment(folder):
    env_config = EnvConfig(items_per_scenario=20, n_candidates=5, horizon=4)
    lab = build_lab(env_config, ContextConfig(encoder="hashing", generator_folder=str(folder)))
    env = lab.make_env(4)
    obs, _ = env.reset(seed=0)
    policy = lab.baseline("lm_ranker", env.unwrapped, 0)
    policy._likelihood = lambda prompt, titles: np.array([float(hash((prompt, t)) % 97) for t in titles])
    scores = policy.scores(obs)
    assert scores.shape == (4, 5)
    seen = [prompt for prompt in policy._known if prompt != CUE]
    assert len(seen) == 4
    assert all("Likes" in prompt and prompt.endswith(CUE) for prompt in seen)


def test_without_a_model_it_says_how_to_get_one(tmp_path):
    lab = build_lab(EnvConfig(), ContextConfig(encoder="hashing", generator_folder=str(tmp_path)))
    with pytest.raises(ModelError, match=str(tmp_path)):
        lab.baseline("lm_ranker", lab.make_env(1).unwrapped, 0)
