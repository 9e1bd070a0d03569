"""`crossrec context stats | inspect | verify | export | import`, driven through the command line."""

import sqlite3

import numpy as np
import pytest

from crossrec.config import ContextConfig
from crossrec.language.answer import Answer
from crossrec.language.build import make_source
from crossrec.language.context import ContextSource, embed_texts
from crossrec.language.prompt import Prompt
from crossrec.language.store import Context, ContextStore, Entry, Writer

from .conftest import assert_one_sentence

TEMPLATE = ["context=template", "context.encoder=hashing"]
GONE = Writer("greedy-2-10-float32-none-0123456789abcdef-fedcba9876543210", "mean-pool-2-128-00aa11bb22cc33dd")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("CROSSREC_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def path(tmp_path):
    """A store of contexts and titles that this machine writes again, and of some of a model that is not there."""
    store = ContextStore(tmp_path / "contexts.sqlite")
    parts = make_source(ContextConfig(name="template", encoder="hashing"))
    source = ContextSource(parts.generator, parts.encoder, store)
    source.lookup([Prompt(f"Now in the kitchen {i}.", f"Likes cooking {i}.") for i in range(120)])
    embed_texts(source.encoder, [f"Part {i}: easy sailing" for i in range(40)], store)
    answers = [Answer("chess, tea"), Answer("Likes [red]tea.", "refusal"), Answer("Likes cake.", "empty")]
    vectors = np.eye(3, 384, dtype=np.float32)
    store.put_many(GONE, [Entry(f"Now at 100% {i}.", "", Context(answers[i], vectors[i])) for i in range(3)])
    store.close()
    return store.path


def change(path, number, text=None, vector=None, checksum=True):
    """Edit an entry as a person with an SQLite shell might, with a checksum that fits or with the old one."""
    connection = sqlite3.connect(path)
    with connection:
        query = "SELECT key, text, problem, vector, checksum FROM contexts WHERE id = ?"
        key, old_text, problem, blob, old = connection.execute(query, (number,)).fetchone()
        context = Context(
            Answer(text or old_text, problem), np.frombuffer(blob, np.float32) if vector is None else vector
        )
        values = (context.answer.text, context.vector.tobytes(), context.checksum(key) if checksum else old, number)
        connection.execute("UPDATE contexts SET text = ?, vector = ?, checksum = ? WHERE id = ?", values)
    connection.close()


@pytest.mark.parametrize("action", [["stats"], ["inspect"], ["verify"], ["export", "--out", "x.parquet"]], ids=" ".join)
def test_a_store_that_does_not_exist_is_told_and_not_made(crossrec, tmp_path, monkeypatch, action):
    monkeypatch.chdir(tmp_path)
    said = crossrec("context", *action, *TEMPLATE)
    assert_one_sentence(said, "there is no context store at", tmp_path / "cache", "context.store=")
    assert_one_sentence(crossrec("context", *action, *TEMPLATE, "context.store=here.sqlite"), "at here.sqlite yet")
    assert list(tmp_path.iterdir()) == []


def test_stats_count_each_writers_contexts(crossrec, path):
    said = crossrec("context", "stats", *TEMPLATE, f"context.store={path}", "context.store_entries=5000")
    assert said.status == 0
    rows = [line.split() for line in said.out.splitlines()]
    gone = short(GONE.generator)
    for who, contexts, replaced in (("template-2", 120, "-"), ("titles-1", 40, "-"), (gone, 3, "empty")):
        ((_, count, reason, *_),) = [row for row in rows if who in row]
        assert (count, reason) == (str(contexts), replaced)
    assert sum([short(GONE.encoder)] == row for row in rows) == 1
    store = ContextStore(path)
    assert "empty 33.3%, refusal 33.3%" in said.out
    assert "holds 163 contexts of at most 5,000" in said.out
    assert f"{store.size() / 1e3:,.1f} KB" in said.out


def short(identity):
    for digits in ("0123456789abcdef", "fedcba9876543210", "00aa11bb22cc33dd"):
        identity = identity.replace(digits, f"{digits[:6]}…")
    return identity


def test_stats_of_an_empty_store(crossrec, tmp_path):
    len(ContextStore(tmp_path / "empty.sqlite"))
    said = crossrec("context", "stats", f"context.store={tmp_path / 'empty.sqlite'}")
    assert said.status == 0
    assert "holds 0 contexts of at most 1,000,000" in said.out


def test_inspect_prints_prompts_with_their_texts(crossrec, path):
    def inspect(*words):
        said = crossrec("context", "inspect", *TEMPLATE, f"context.store={path}", *words)
        assert said.status == 0
        return " ".join(said.out.split())

    assert "20 of 163 contexts" in inspect()
    assert "3 of 120 contexts" in inspect("--find", "KITCHEN", "--limit", "3")
    found = inspect("--find", "kitchen 7.")
    assert "Now in the kitchen 7." in found
    assert "Likes cooking 7." in found
    assert "1 of 1 contexts" in found
    found = inspect("--problems")
    assert "Likes [red]tea." in found  # as it is, not as markup
    assert "refusal" in found
    assert "2 of 2 contexts" in found
    assert "3 of 3 contexts" in inspect("--find", "100%")
    assert "0 of 0 contexts" in inspect("--find", "nobody said this")
    said = crossrec("context", "inspect", f"context.store={path}", "--limit", "0")
    assert_one_sentence(said, "--limit=0", "at least 1")


def compared(out):
    """Numbers of the table of what was made again, by row."""
    return {w[0]: [int(n) for n in w[1:]] for w in map(str.split, out.splitlines()) if len(w) == 6 and w[1].isdigit()}


def verify(crossrec, path, *words):
    return crossrec("context", "verify", *TEMPLATE, f"context.store={path}", *words)


def test_verify_makes_a_sample_again_and_finds_it_equal(crossrec, path):
    said = verify(crossrec, path)
    assert said.status == 0, said.err
    assert "163 contexts, every page and entry sound" in said.out
    assert compared(said.out) == {"contexts": [32, 32, 32, 0, 0], "titles": [32, 32, 32, 0, 0]}
    assert compared(verify(crossrec, path, "--sample", "500").out)["contexts"] == [120, 120, 120, 0, 0]
    said = verify(crossrec, path, "--sample", "0")
    assert said.status == 0
    assert compared(said.out) == {}
    assert_one_sentence(verify(crossrec, path, "--sample", "-1"), "--sample=-1")


def test_verify_reports_what_was_tampered_with(crossrec, path):
    vector = next(e.context.vector for _, e in ContextStore(path).entries("kitchen 4."))
    moved = vector.copy()
    moved[3] += np.float32(0.25)
    change(path, 5, vector=moved)
    change(path, 9, text="what nobody wrote")
    change(path, 13, vector=vector_of(path, 13) + np.float32(1e-7))
    change(path, 121 + 8, text="Part of nothing")
    said = verify(crossrec, path, "--sample", "500")
    assert_one_sentence(said, "3 of 160 contexts", path, "come out differently", "bfloat16", "context.store=")
    table = compared(said.out)
    assert table["contexts"][:2] == [120, 119]
    assert table["contexts"][3:] == [1, 2]
    assert table["titles"] == [40, 40, 39, 0, 1]
    for words in ("what nobody wrote", "Likes cooking 8.", "0.25", "Part of nothing"):
        assert words in said.out


def vector_of(path, number):
    connection = sqlite3.connect(path)
    ((blob,),) = connection.execute("SELECT vector FROM contexts WHERE id = ?", (number,)).fetchall()
    connection.close()
    return np.frombuffer(blob, np.float32)


def test_verify_prints_some_of_many_differences(crossrec, path):
    for number in range(1, 31):
        change(path, number, text=f"tampered {number}")
    said = verify(crossrec, path, "--sample", "500")
    assert said.out.count("tampered") == 10
    assert "20 more differ" in said.out
    assert_one_sentence(said, "30 of 160")


@pytest.mark.parametrize("action", [["verify"], ["export", "--out", "x.parquet"], ["inspect"]], ids=" ".join)
def test_a_damaged_entry_is_refused(crossrec, path, action, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    change(path, 5, text="what nobody wrote", checksum=False)
    said = crossrec("context", *action, *TEMPLATE, f"context.store={path}")
    assert_one_sentence(said, path, "checksum does not match")
    assert not list(tmp_path.glob("*.parquet"))


def test_verify_says_whose_contexts_there_are_where_none_can_be_compared(crossrec, path):
    said = crossrec("context", "verify", "context=encode", "context.encoder=hashing", f"context.store={path}")
    assert said.status == 0, said.err
    for words in ("No context of verbatim-2", "template-2", short(GONE.generator), "titles-1"):
        assert words in said.out
    assert compared(said.out) == {"contexts": [0] * 5, "titles": [32, 32, 32, 0, 0]}


def test_verify_checks_the_file_before_it_misses_a_model(crossrec, path):
    said = crossrec("context", "verify", "context=template", f"context.store={path}")
    assert "163 contexts, every page and entry sound" in said.out
    assert_one_sentence(said, "crossrec models fetch")


def test_an_exported_store_is_imported_into_a_new_one(crossrec, path, tmp_path):
    file, other = tmp_path / "c.parquet", tmp_path / "other" / "contexts.sqlite"
    said = crossrec("context", "export", f"context.store={path}", "--out", file)
    assert (said.status, said.out) == (0, f"163 contexts exported to {file} ({file.stat().st_size / 1e3:,.1f} KB)\n")
    for new, known in ((163, 0), (0, 163)):
        said = crossrec("context", "import", f"context.store={other}", "--file", file)
        assert (said.status, said.out) == (0, f"{new} contexts imported into {other}; {known} were there already\n")
    said = verify(crossrec, other, "--sample", "500")
    assert said.status == 0
    assert compared(said.out)["contexts"] == [120, 120, 120, 0, 0]


def test_import_refuses_what_is_no_export_and_makes_no_store(crossrec, path, tmp_path):
    said = crossrec("context", "import", f"context.store={tmp_path / 'new.sqlite'}", "--file", path)
    assert_one_sentence(said, path, "no Parquet file")
    said = crossrec("context", "import", f"context.store={tmp_path / 'new.sqlite'}", "--file", tmp_path / "no.parquet")
    assert_one_sentence(said, "there is no file", tmp_path / "no.parquet")
    assert not (tmp_path / "new.sqlite").exists()
