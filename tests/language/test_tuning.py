"""Training an encoder on clicks, in a toy world in which only training can know which words belong together."""

import dataclasses
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from crossrec.errors import ModelError
from crossrec.language import tuning
from crossrec.language.clicks import Clicks, Measured, chance, gain, measure
from crossrec.language.models import check_folder
from crossrec.language.sentence import SentenceEncoder
from crossrec.language.tuning import Recipe, click_loss, tune

from .untrained import make_bert, make_llama

TOPICS = {"running": "shoes race", "cooking": "sauce oven", "chess": "rook opening", "sailing": "mast harbour"}
RECIPE = Recipe(
    method="full", steps=32, batch=16, topic_weight=0.3, learning_rate=5e-3, temperature=0.05, topics=4, seed=3
)


def toy_clicks(n, seed):
    """People click on what belongs to the topic of their prompt, in words that the prompt does not use."""
    rng = np.random.default_rng(seed)
    prompts = [f"now at home likes {topic} number {i}" for topic in TOPICS for i in range(5)]
    items = ["", *(f"{words} part {i}" for words in TOPICS.values() for i in range(8))]
    prompt = rng.integers(0, 20, n)
    item = 1 + 8 * (prompt // 5) + rng.integers(0, 8, n)
    others = np.array([rng.permutation(np.setdiff1d(np.arange(1, 33), [own]))[:9] for own in item])
    candidates = np.concatenate([item[:, None], others, np.zeros((n, 2), np.int64)], axis=1)
    for row in candidates:
        rng.shuffle(row)
    topics = np.concatenate([[-1], np.repeat(np.arange(4), 8)])
    return Clicks(prompts, items, topics, prompt, item, np.arange(n), item % 2, candidates)


TRAINING, VALIDATION, TEST = toy_clicks(300, 0), toy_clicks(60, 1), toy_clicks(100, 2)
TEXTS = [*TRAINING.prompts, *TRAINING.items]
MODELS = {"bert": make_bert, "llama": make_llama}


@pytest.fixture(scope="module", params=[("bert", "full"), ("llama", "lora")], ids="-".join)
def case(request, tmp_path_factory):
    """A base folder and the recipe to train it by."""
    family, method = request.param
    base = MODELS[family](tmp_path_factory.mktemp(family) / "base", TEXTS)
    rate = RECIPE.learning_rate if method == "full" else 3e-2
    return base, dataclasses.replace(RECIPE, method=method, learning_rate=rate)


def train(base, recipe, work, on_step=None):
    work.mkdir(exist_ok=True, parents=True)
    return tune(SentenceEncoder(base, device="cpu"), TRAINING, VALIDATION, recipe, work, on_step)


@pytest.fixture(scope="module")
def trained(case, tmp_path_factory):
    """The figures and the folder of a training that nothing disturbed."""
    work = tmp_path_factory.mktemp("trained")
    return train(*case, work), work / "model"


def weights(folder):
    return (folder / "model.safetensors").read_bytes()


def test_batches_are_of_one_group_and_leave_nobody_out_for_ever():
    group = np.repeat([0, 1, 2], [40, 33, 50])
    batches = [tuning._batch(group, RECIPE, step) for step in range(7 * 12)]  # 123 clicks are 7 batches of 16
    for start in range(0, len(batches), 7):
        once = np.concatenate(batches[start : start + 7])
        assert len(np.unique(once)) == len(once) == 112
    assert sum(len(np.unique(group[rows])) == 1 for rows in batches) > len(batches) / 2
    assert len(np.unique(np.concatenate(batches))) == 123
    assert sum(np.array_equal(one, other) for one, other in zip(batches, batches[7:], strict=False)) == 0


def test_the_loss_is_the_cross_entropy_among_other_items_of_the_same_group():
    prompts = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [1.0, 0.0]])
    items = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    item, group = torch.tensor([7, 7, 8, 9]), torch.tensor([0, 0, 0, 1])
    # Item 7 is no wrong answer to itself, and the last click is alone in its group.
    expected = [
        -np.log(np.exp(1 / 0.5) / (np.exp(1 / 0.5) + np.exp(0.0))),
        -np.log(np.exp(0.0) / (np.exp(0.0) + np.exp(1 / 0.5))),
        -np.log(np.exp(0.8 / 0.5) / (np.exp(0.8 / 0.5) + 2 * np.exp(0.6 / 0.5))),
        0.0,
    ]
    assert float(click_loss(prompts, items, item, group, 0.5)) == pytest.approx(np.mean(expected), abs=1e-6)


class KnownEncoder:
    """Vectors that stand in a table."""

    identity, dimension = "known", 2

    def __init__(self, table):
        self.table = {text: np.array(vector, np.float32) for text, vector in table.items()}

    def encode(self, texts, on_progress=None):
        return np.stack([self.table[text] for text in texts])


def test_ranks_count_ties_against_the_encoder_and_padding_not_at_all():
    table = {"": (1, 0), "p": (1, 0), "q": (0, 1), "best": (0.9, 0), "good": (0.5, 0.1), "same": (0.5, 0.1)}
    clicks = Clicks(
        prompts=["p", "q"],
        items=["", "best", "good", "same"],
        topics=np.array([-1, 0, 1, 1]),
        prompt=np.array([0, 0, 1]),
        item=np.array([1, 2, 2]),
        person=np.arange(3),
        group=np.zeros(3, np.int64),
        candidates=np.array([[1, 2, 3], [0, 1, 2], [2, 3, 1]]),
    )
    found = measure(KnownEncoder(table), clicks).figures  # ranks 1, 2 and, beside an equal, 2
    assert found == {"recall": pytest.approx(1 / 3), "mrr": pytest.approx(2 / 3), "topic": pytest.approx(2 / 3)}
    at_random = {"recall": (1 / 3 + 1 / 2 + 1 / 3) / 3, "mrr": (11 / 18 + 3 / 4 + 11 / 18) / 3}
    assert chance(clicks) == pytest.approx(at_random)


def test_a_gain_is_as_sure_as_the_people_agree():
    def ranked(reciprocal, person):
        return Measured(np.array(person), np.array(reciprocal), np.zeros(len(person), np.bool_))

    person = [1, 1, 2, 3]
    same = gain(ranked([0.5, 0.25, 0.5, 0.1], person), ranked([0.7, 0.45, 0.7, 0.3], person), seed=0)
    assert (same.value, same.low, same.high) == pytest.approx((0.2, 0.2, 0.2))
    split = gain(ranked([0.5, 0.5, 0.5, 0.5], person), ranked([0.5, 0.5, 1.0, 0.5], person), seed=0)
    # The person with two clicks counts twice; a resample may have anybody three times, or never.
    assert (split.value, split.low, split.high) == pytest.approx((0.125, 0.0, 0.5))
    one = gain(ranked([0.5, 0.5], [7, 7]), ranked([0.1, 0.8], [7, 7]), seed=0)
    assert (one.value, one.low, one.high) == pytest.approx((-0.05, -0.05, -0.05))


def test_training_lowers_the_loss_and_ranks_clicks_of_new_people_higher(case, trained):
    figures, folder = trained
    untrained = measure(SentenceEncoder(case[0], device="cpu"), TEST)
    tuned = measure(SentenceEncoder(folder, device="cpu"), TEST)
    assert figures[-1]["loss"] < 0.7 * figures[0]["loss"]
    assert gain(untrained, tuned, seed=0).low > 0.1
    assert tuned.figures["mrr"] > chance(TEST)["mrr"] + 0.15
    assert tuned.figures["topic"] > untrained.figures["topic"]


def test_the_folder_holds_the_weights_of_the_best_point(case, trained):
    figures, folder = trained
    check_folder(folder, "encoder")
    found = measure(SentenceEncoder(folder, device="cpu"), VALIDATION).figures
    assert found["mrr"] == pytest.approx(max(point["mrr"] for point in figures), abs=1e-6)


def test_a_point_that_is_worse_than_one_before_is_not_kept(tmp_path, monkeypatch):
    base, recipe = make_bert(tmp_path / "base", TEXTS), dataclasses.replace(RECIPE, steps=8)
    saved = {}
    for name, ranks in {
        "second": [0.2, 0.9, 0.9, 0.1],
        "too": [0.2, 0.9, 0.3, 0.1],
        "last": [0.2, 0.3, 0.3, 0.9],
    }.items():
        found = iter(ranks)
        monkeypatch.setattr(tuning, "measure", lambda *_, found=found: SimpleNamespace(figures={"mrr": next(found)}))
        points = train(base, recipe, tmp_path / name)
        assert [(point["step"], point["mrr"]) for point in points] == list(zip([2, 4, 6, 8], ranks, strict=True))
        saved[name] = weights(tmp_path / name / "model")
    assert saved["second"] == saved["too"] != saved["last"]


def test_the_same_seed_gives_the_same_bytes_and_takes_nothing_from_others_randomness(case, trained, tmp_path):
    base, recipe = case
    torch.manual_seed(99)
    before = torch.get_rng_state()
    again = train(base, recipe, tmp_path / "again")
    assert torch.equal(torch.get_rng_state(), before)
    assert again == trained[0]
    assert weights(tmp_path / "again" / "model") == weights(trained[1])
    train(base, dataclasses.replace(recipe, seed=4), tmp_path / "other")
    assert weights(tmp_path / "other" / "model") != weights(trained[1])


class Stopped(BaseException):
    """As an interruption from the keyboard, which would stop the tests."""


def test_an_interrupted_training_goes_on_as_if_nothing_had_happened(case, trained, tmp_path, monkeypatch):
    base, recipe = case
    monkeypatch.setattr(tuning, "_KEEP", 5)
    done = []

    def interrupt(step, loss):
        done.append(step)
        if step == 14 and len(done) <= 18:
            raise Stopped

    for _ in range(2):
        with pytest.raises(Stopped):
            train(base, recipe, tmp_path / "work", interrupt)
    assert not (tmp_path / "work" / "model").exists()
    figures = train(base, recipe, tmp_path / "work", interrupt)
    assert done == [*range(1, 15), *range(11, 15), *range(11, 33)]  # where it stood after 10 had been kept
    assert figures == trained[0]
    assert weights(tmp_path / "work" / "model") == weights(trained[1])


def test_a_damaged_note_of_where_training_stands_is_told_in_one_sentence(case, tmp_path):
    (tmp_path / "state.pt").write_bytes(b"half a fi")
    with pytest.raises(ModelError, match=r"state\.pt is damaged; delete it") as caught:
        train(*case, tmp_path)
    assert "\n" not in str(caught.value)


def test_the_base_is_read_and_nothing_else(case, tmp_path):
    base, recipe = case
    before = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in base.iterdir()}
    train(base, dataclasses.replace(recipe, steps=4), tmp_path / "work")
    assert {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in base.iterdir()} == before
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "work" / "model" / name).read_bytes() == before[name][0]


@pytest.mark.parametrize("family", MODELS)
def test_an_adapter_is_merged_into_the_attention_of_a_plain_folder(family, tmp_path):
    base = MODELS[family](tmp_path / "base", TEXTS)
    train(base, dataclasses.replace(RECIPE, method="lora", steps=4), tmp_path / "work")
    folder = tmp_path / "work" / "model"
    assert not list(folder.glob("*adapter*"))
    old = {name.removeprefix("model."): value for name, value in load_file(base / "model.safetensors").items()}
    new = load_file(folder / "model.safetensors")
    assert new.keys() == old.keys() - {"lm_head.weight"}
    changed = {name.rsplit(".", 2)[1] for name, value in new.items() if not np.array_equal(value, old[name])}
    assert changed == ({"query", "value"} if family == "bert" else {"q_proj", "v_proj"})


def test_the_loaded_folder_gives_the_vectors_that_training_ended_with(case, tmp_path):
    base, recipe = case
    encoder = SentenceEncoder(base, device="cpu", pooling="last")
    untrained = encoder.encode(TEXTS)
    tune(encoder, TRAINING, VALIDATION, dataclasses.replace(recipe, steps=4), tmp_path)
    loaded = SentenceEncoder(tmp_path / "model", device="cpu", pooling="last").encode(TEXTS)
    np.testing.assert_allclose(encoder.encode(TEXTS), loaded, atol=1e-6)
    assert np.abs(loaded - untrained).max() > 1e-3


def test_an_attention_by_unknown_names_is_refused_by_lora(tmp_path, monkeypatch):
    base = make_bert(tmp_path / "base", TEXTS)
    monkeypatch.setattr("crossrec.language.lora._PROJECTIONS", (("left", "right"),))
    with pytest.raises(ModelError, match=r"no attention projections named left\+right; use --method=full"):
        train(base, dataclasses.replace(RECIPE, method="lora"), tmp_path / "work")


def test_lora_without_peft_names_the_extra(tmp_path, monkeypatch):
    base = make_bert(tmp_path / "base", TEXTS)
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ModelError, match=r'pip install "crossrec\[tune\]"'):
        train(base, dataclasses.replace(RECIPE, method="lora"), tmp_path / "work")


def test_a_loss_that_is_no_number_ends_the_training(tmp_path):
    base = make_bert(tmp_path / "base", TEXTS)
    encoder = SentenceEncoder(base, device="cpu")
    model = encoder.load()[1]
    tuning_steps = []

    def spoil(step, loss):
        tuning_steps.append(step)
        model.embeddings.word_embeddings.weight.data.fill_(float("nan"))

    with pytest.raises(ModelError, match="loss of step 2 is not finite; set a smaller learning rate"):
        tune(encoder, TRAINING, VALIDATION, dataclasses.replace(RECIPE, steps=8), tmp_path, spoil)
    assert tuning_steps == [1]
