"""What the documents show works: Python blocks run, commands exist, their options compose."""

import re
import shlex
from pathlib import Path

import pytest
from forked import run_code, run_command

from crossrec.experiments.cli import _parser
from crossrec.experiments.compose import compose_train

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
VANILLA = ROOT / "examples" / "vanilla_ppo.py"


def blocks(document, language):
    """The document's code blocks, without the indentation of the list that they stand in."""
    fenced = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", document.read_text(encoding="utf-8"), re.M | re.S)
    return [re.sub(rf"^{indent}", "", block, flags=re.M) for indent, block in fenced]


def write_files(document, folder):
    """Blocks that begin with a comment such as ``# podcasts.yaml`` or ``# my/agent/a.yaml`` are such files."""
    for block in blocks(document, "yaml") + blocks(document, "python"):
        if name := re.match(r"(?:# @package \S+\n)?# ([\w/-]+\.(?:yaml|py))\n", block):
            (folder / name[1]).parent.mkdir(parents=True, exist_ok=True)
            (folder / name[1]).write_text(block, encoding="utf-8")


def numbered(language):
    return [
        pytest.param(document, block, id=f"{document.name}-{number}")
        for document in DOCUMENTS
        for number, block in enumerate(blocks(document, language), 1)
        if block != VANILLA.read_text(encoding="utf-8")
    ]


def commands(program):
    """Arguments of every line of a bash block, or of a table's code, that calls the program."""
    shown = []
    for document in DOCUMENTS:
        lines = [line for block in blocks(document, "bash") for line in block.splitlines()]
        lines += re.findall(r"`((?:crossrec|make) [^`]+)`", document.read_text(encoding="utf-8"))
        shown += [" ".join(line.split()) for line in lines if line.startswith(f"{program} ")]
    return sorted({line for line in shown if "..." not in line})


def said(ended):
    assert ended.status == 0, ended.err
    return ended.out


@pytest.mark.parametrize(("document", "block"), numbered("python"))
def test_python_blocks_run(document, block, tmp_path):
    write_files(document, tmp_path)
    said(run_code(block, tmp_path))


def test_readme_shows_the_vanilla_client_as_it_is():
    source = VANILLA.read_text(encoding="utf-8")
    assert source in blocks(ROOT / "README.md", "python")
    assert len(source.splitlines()) <= 40


@pytest.mark.slow
def test_the_vanilla_client_runs(tmp_path):
    assert re.fullmatch(r"return per life: [\d.]+, .*\n", said(run_code(VANILLA.read_text(encoding="utf-8"), tmp_path)))


@pytest.mark.slow
def test_the_tutorials_commands_run_as_typed(tmp_path):
    tutorial = ROOT / "docs" / "own-scenario.md"
    write_files(tutorial, tmp_path)
    typed = [line for block in blocks(tutorial, "bash") for line in block.splitlines()]
    told = [said(run_command(shlex.split(line)[1:], tmp_path)) for line in typed]
    assert len(told) == 2
    assert told[0] in tutorial.read_text(encoding="utf-8"), "the life that the page shows"


@pytest.mark.parametrize("line", commands("crossrec"))
def test_commands_exist_and_their_options_compose(line, tmp_path, monkeypatch):
    for document in DOCUMENTS:
        write_files(document, tmp_path)
    monkeypatch.chdir(tmp_path)
    line = line.replace("FOLDER", str(tmp_path))
    words = shlex.split(line.removesuffix(" --help"))[1:]
    options = _parser().parse_args(words)  # exits where there is no such command
    if getattr(options, "config_dir", None):
        (tmp_path / "env").mkdir(exist_ok=True)
        (tmp_path / "env" / "fast_drift.yaml").write_text("defaults: [/schema/env@_here_]\nbehaviour: {drift: 0.2}\n")
    if hasattr(options, "overrides"):
        # Of several values, as a sweep takes them, the first.
        several = re.compile(r"=(?:[a-z]+\((?:log,)?)*([^,)\[{]*)[,)].*")
        overrides = [several.sub(r"=\1", word) for word in options.overrides]
        overrides = [word for word in overrides if not word.startswith("hydra.")]
        compose_train(overrides, getattr(options, "config_dir", None))


@pytest.mark.parametrize("line", commands("make"))
def test_make_targets_exist(line):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = [word for word in shlex.split(line)[1:] if "=" not in word]
    assert targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.M), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_links_and_code_paths_lead_somewhere(document):
    text = document.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    missing = [link for link in links if not (document.parent / link).exists()]
    folders = "crossrec|envs|agents|experiments|conf|tests|examples|benchmarks"
    paths = re.findall(rf"`((?:{folders})/[a-z0-9_/]+\.(?:py|yaml))`", text)
    missing += [path for path in paths if not (ROOT / path).exists()]
    assert not missing
