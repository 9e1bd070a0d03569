"""Bad input at the command line: status 2, one line that says what is wrong and what to do, nothing computed lost."""

import json
import resource
import shutil
import subprocess
import sys
import time

import pytest
from filelock import FileLock

from .conftest import COMMAND, SMALL, assert_one_sentence, in_a_process, only_run

QUICK = ["train", "--quiet", "steps=64", "agent.learning_starts=32", "people=16", "eval_people=3"]


@pytest.fixture
def run(finished, tmp_path):
    """A copy of a finished run, to be damaged."""
    return shutil.copytree(finished, tmp_path / "runs" / finished.name)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_help_answers_in_under_a_second():
    """Of the processor: how long it takes besides is the machine's load."""

    def used():
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        return spent.ru_utime + spent.ru_stime

    seconds = []
    for _ in range(3):
        began = used()
        done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True)
        seconds.append(used() - began)
    assert "train" in done.stdout
    assert min(seconds) < 1.0


def test_a_process_of_its_own_says_one_line_and_fails(tmp_path):
    assert_one_sentence(in_a_process("train", "sed=3", cwd=tmp_path), "'sed'", "did you mean 'seed'?", "steps")
    assert list(tmp_path.iterdir()) == []


def test_a_stack_trace_is_shown_with_the_debug_switch_only(crossrec):
    from crossrec.errors import RunError

    with pytest.raises(RunError, match="no config"):
        crossrec("--debug", "evaluate", "/nowhere")


@pytest.mark.parametrize("words", [[], ["dance"], ["train", "--fast"], ["evaluate"], ["models", "fetch", "--source=x"]])
def test_an_unknown_command_or_switch_is_refused_by_the_parser(words, capfd):
    from crossrec.experiments.cli import main

    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage: crossrec" in capfd.readouterr().err


def test_list_names_everything_that_can_be_chosen(crossrec):
    said = crossrec("list")
    assert said.status == 0
    for name in ("crossrec/CrossScenario-v0", "crossrec/Video-v0", "dqn", "ppo", "shuffled", "cross_scenario"):
        assert name in said.out


@pytest.mark.parametrize("where", ["nowhere", "empty"])
def test_evaluating_what_is_no_run_is_refused_and_makes_no_folder(crossrec, tmp_path, where):
    (tmp_path / "empty").mkdir()
    assert_one_sentence(crossrec("evaluate", tmp_path / where), tmp_path / where, "not a run's folder", "config.yaml")
    assert not (tmp_path / "nowhere").exists()
    assert list((tmp_path / "empty").iterdir()) == []


@pytest.mark.parametrize("left", [0, 10, 5_000, -100])
def test_a_truncated_checkpoint_is_refused_and_everything_else_kept(crossrec, run, left):
    checkpoint = run / "checkpoint.zip"
    checkpoint.write_bytes(checkpoint.read_bytes()[:left])
    before = contents(run)
    said = crossrec("evaluate", run)
    assert_one_sentence(said, checkpoint, "damaged", "delete it and train again")
    after = contents(run)
    for name in ("result.json", "evaluation.parquet", "training.parquet", "config.yaml", "checkpoint.zip"):
        assert {str(k): v for k, v in after.items()}[name] == {str(k): v for k, v in before.items()}[name]


def test_a_missing_checkpoint_is_refused(crossrec, run):
    (run / "checkpoint.zip").unlink()
    assert_one_sentence(crossrec("evaluate", run), run, "no checkpoint.zip", "crossrec train")


def test_a_checkpoint_of_another_agent_is_refused(crossrec, run, finished_ppo):
    shutil.copy(finished_ppo / "checkpoint.zip", run / "checkpoint.zip")
    assert_one_sentence(crossrec("evaluate", run), run / "checkpoint.zip", "another version")


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "\x00\x01{[",
        lambda text: "- 1\n- 2\n",
        lambda text: text.replace("steps: 2000", "steps: many"),
        lambda text: text.replace("steps: 2000", "steps: -3"),
        lambda text: text.replace("horizon:", "horizn:"),
        lambda text: text.replace("name: dqn", "name: banana"),
        lambda text: "agent: 3\n",
    ],
    ids=["half", "empty", "bytes", "a list", "type", "range", "name", "agent", "no agent"],
)
def test_a_damaged_config_is_refused(crossrec, run, damage):
    file = run / "config.yaml"
    damaged = damage(file.read_text())
    assert damaged != file.read_text()
    file.write_text(damaged)
    assert_one_sentence(crossrec("evaluate", run), file, "damaged", "crossrec train")


@pytest.mark.parametrize("quiet", [[], ["--quiet"]], ids=["loud", "quiet"])
@pytest.mark.parametrize("content", ["", "{", "[]", '{"run": 1}', "\x00"], ids=str)
def test_a_damaged_result_is_refused_when_the_run_is_asked_for_again(crossrec, run, content, quiet):
    (run / "result.json").write_text(content)
    said = crossrec("train", *SMALL, f"runs={run.parent}", *quiet)
    assert_one_sentence(said, run / "result.json", "damaged", "delete it and run again")
    assert (run / "result.json").read_text() == content


def test_a_run_that_another_process_works_on_is_left_alone(crossrec, run):
    (run / "result.json").unlink()
    with FileLock(run / ".lock"):
        for words in (["train", "--quiet", *SMALL, f"runs={run.parent}"], ["evaluate", run]):
            assert_one_sentence(crossrec(*words), "another process works on", run)


def test_a_runs_folder_that_cannot_be_made_is_refused(crossrec, tmp_path):
    (tmp_path / "file").write_text("")
    said = crossrec(*QUICK, "context.encoder=hashing", f"runs={tmp_path / 'file' / 'runs'}")
    assert_one_sentence(said, f"runs={tmp_path / 'file' / 'runs'}", "cannot be written", "another folder")


def test_agent_options_out_of_range_are_refused(crossrec, tmp_path):
    said = crossrec(*QUICK, "context.encoder=hashing", f"runs={tmp_path}", "agent.gamma=2")
    assert_one_sentence(said, "agent.gamma=2.0 is out of range; allowed: from 0 to 1")


def test_an_unknown_device_is_refused(crossrec, tmp_path):
    said = crossrec(*QUICK, "context.encoder=hashing", f"runs={tmp_path}", "device=banana")
    assert_one_sentence(said, "device", "banana")


def test_more_than_fits_in_memory_is_refused(crossrec, tmp_path):
    said = crossrec(*QUICK, "context.encoder=hashing", f"runs={tmp_path}", "agent.buffer_size=999999999999")
    assert said.status != 0
    assert len(said.err.splitlines()) == 1
    assert said.err.startswith("crossrec: ")


# Models and stores


def test_a_run_killed_while_training_is_completed_by_the_same_command(crossrec, finished, tmp_path):
    """And its result is that of a run that nobody killed, in another folder."""
    words = ["train", "--quiet", *SMALL, f"runs={tmp_path / 'runs'}"]
    process = subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("runs/*/checkpoint.zip")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.005)
    finally:
        process.kill()
        process.communicate()
    folder = only_run(tmp_path / "runs")
    assert folder.name == finished.name
    assert not (folder / "result.json").exists()
    assert not (folder / "evaluation.parquet").exists()
    assert crossrec(*words) == (0, "", "")
    again = json.loads((folder / "result.json").read_text())
    assert again["scores"] == json.loads((finished / "result.json").read_text())["scores"]
    for name in ("evaluation.parquet", "training.parquet"):
        assert (folder / name).read_bytes() == (finished / name).read_bytes(), name


def test_a_run_cut_off_during_evaluation_is_evaluated_and_not_trained_again(crossrec, run, finished):
    for name in ("result.json", "evaluation.parquet"):
        (run / name).unlink()
    trained = (run / "checkpoint.zip").stat().st_mtime_ns
    assert crossrec("train", "--quiet", *SMALL, f"runs={run.parent}").status == 0
    assert (run / "checkpoint.zip").stat().st_mtime_ns == trained
    assert (run / "evaluation.parquet").read_bytes() == (finished / "evaluation.parquet").read_bytes()


def test_a_training_begun_anew_and_cut_off_does_not_count_as_the_one_before(crossrec, run, monkeypatch):
    """A checkpoint from the middle of training beside the note of an earlier, complete one would be evaluated."""
    for name in ("result.json", "checkpoint.zip"):
        (run / name).unlink()

    def cut_off(file, table):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("crossrec.experiments.train.write_table", cut_off)
        assert crossrec("train", "--quiet", *SMALL, f"runs={run.parent}").status == 130
    assert (run / "checkpoint.zip").exists()
    assert_one_sentence(crossrec("evaluate", run), run)


def test_a_damaged_note_of_the_training_is_refused(crossrec, run):
    (run / "training.json").write_text('{"transitions"')
    assert_one_sentence(crossrec("evaluate", run), run / "training.json", "damaged")


def test_an_interrupted_command_says_that_what_is_done_is_kept(crossrec, monkeypatch):
    def interrupted(words):
        raise KeyboardInterrupt

    monkeypatch.setattr("crossrec.experiments.demo.demo", interrupted)
    said = crossrec("demo")
    assert said.status == 130
    assert said.err.startswith("crossrec: interrupted; what was finished is kept")
    assert len(said.err.splitlines()) == 1


def test_the_module_runs_as_the_installed_command_does():
    done = subprocess.run(
        [sys.executable, "-m", "crossrec.experiments.cli", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("crossrec ")
