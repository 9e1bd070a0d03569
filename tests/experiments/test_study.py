"""The study's measurements: every part gives its rows, and every question asks for what it needs."""

import pytest

from crossrec.experiments.transfer import plan
from crossrec.experiments.transfer.asked import ASKED
from crossrec.experiments.transfer.parts import PARTS
from crossrec.experiments.transfer.tasks import task

TINY = (
    "context.encoder=hashing", "steps=256", "people=16", "train_users=16", "eval_people=6", "env.horizon=12",
    "env.items_per_scenario=30", "env.n_candidates=12", "agent.learning_starts=64", "agent.batch_size=16",
    "agent.hidden=8", "agent.head=4",
)  # fmt: skip
OPTIONS = {
    "agent": {"arm": "gated", "context": "template", "words": TINY},
    "misled": {"words": TINY},
    "left_out": {"target": "news", "context": "template", "words": TINY},
    "at_home": {"target": "news", "context": "template", "words": TINY},
    "tuned": {"target": "news", "words": TINY, "budgets": (600,)},
    "continual": {"order": ("news", "video"), "words": TINY},
    "matrix": {"world": "mirrored", "words": TINY, "people": 6},
    "overlap": {"source": "news", "target": "video", "words": TINY, "people": 8},
    "adapters": {"source": "news", "target": "video", "words": TINY, "people": 60},
    "twins": {"steps": 6000, "people": 6},
}
ROWS = {
    "agent": 1 + 12 + 1,
    "misled": 1,
    "left_out": 1,
    "at_home": 1,
    "tuned": 4,
    "continual": 2 + 4,
    "matrix": 25 * 7,
    "overlap": 3,
    "adapters": 3 + 2 * 6,
    "twins": 6,
}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_measured_and_kept(part, tmp_path):
    asked = task(part, str(tmp_path), seed=0, **OPTIONS[part])
    assert not asked.is_kept()
    assert asked.compute() == ""
    assert asked.is_kept()
    rows = asked.rows()
    assert len(rows) == ROWS[part]
    assert rows["value"].notna().sum() >= len(rows) - 2  # prompting again has no cosine, nor has being known
    assert rows["seed"].eq(0).all()


def test_a_damaged_file_is_told_of_and_measured_again(tmp_path, capsys):
    asked = task("left_out", str(tmp_path), seed=0, **OPTIONS["left_out"])
    asked.file.parent.mkdir(parents=True)
    asked.file.write_bytes(b"half")
    assert not asked.is_kept()
    assert "is damaged" in capsys.readouterr().err
    assert not asked.file.exists()


def test_a_part_that_fails_says_why(tmp_path):
    assert (
        "did you mean 'news'"
        in task("at_home", str(tmp_path), seed=0, target="newz", context="none", words=TINY).compute()
    )


def test_sizes_plan_every_part_once_per_agent():
    for name, size in plan.SIZES.items():
        asked = plan.tasks_of(size, "study")
        assert len({each.file for each in asked}) == len(asked), name
        assert {each.part for each in asked} == set(PARTS)
        assert set(plan.plan_of(size, "study")) == set(ASKED)


def test_a_question_asks_for_what_it_needs_and_no_more():
    size = plan.SIZES["quick"]
    for name in ASKED:
        asked = plan.tasks_of(size, "study", (name,))
        assert asked
        assert set(asked) <= set(plan.tasks_of(size, "study"))
    few = plan.tasks_of(size, "study", ("ensemble", "cold"))
    assert {dict(each.options)["arm"] for each in few} == {"joint", "gated", "stacked", "average"}
    assert (
        len(few)
        == len(set(few))
        < len(plan.tasks_of(size, "study", ("ensemble",))) + len(plan.tasks_of(size, "study", ("cold",)))
    )


def test_options_hold_for_all_agents():
    asked = plan.tasks_of(plan.SIZES["full"], "study", overrides=("steps=5000", "agent.gamma=0.5"))
    said = [dict(each.options)["words"] for each in asked if each.part != "twins"]
    assert all("agent.gamma=0.5" in words for words in said)
    steps = {next(w for w in reversed(words) if w.startswith("steps=")) for words in said}
    assert steps == {"steps=5000", "steps=1000"}  # a fifth where scenarios arrive one after another
