"""Rules of the house that a reader of one file cannot see: which way imports run, and how long modules may be."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {  # folder -> what it may import of the package
    "crossrec": {"crossrec"},
    "envs": {"crossrec", "envs"},
    "agents": {"crossrec", "agents"},
    "conf": set(),
    "experiments": {"crossrec", "envs", "agents", "experiments", "conf"},
}
FRONT_DOORS = {  # may import environments: one registers them, the other checks those of users
    ROOT / "crossrec" / "__init__.py",
    ROOT / "crossrec" / "testing.py",
}
MODULES = [file for folder in ALLOWED for file in sorted((ROOT / folder).rglob("*.py"))]


def rooms_imported(file):
    """Top-level folders of ours that a module imports, e.g. {"crossrec", "envs"}."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level > 0:
            continue
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            first, _, rest = name.partition(".")
            second = rest.partition(".")[0]
            if first in ALLOWED and first != "crossrec":
                found.add(f"bare {first}")
            elif first == "crossrec":
                found.add(second if second in ALLOWED else "crossrec")
    return found


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_run_one_way(file):
    allowed = ALLOWED[file.relative_to(ROOT).parts[0]] | ({"envs"} if file in FRONT_DOORS else set())
    assert rooms_imported(file) <= allowed


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(ROOT)))
def test_modules_stay_small(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 300


def test_importing_the_package_leaves_torch_alone():
    code = "import crossrec, sys; assert not {'torch', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_module_of_the_simulation_leaves_torch_alone_at_import():
    modules = [
        ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for file in sorted((ROOT / "crossrec").rglob("*.py"))
        if file.name != "__init__.py"
    ]
    code = (
        f"import importlib, sys; [importlib.import_module(m) for m in {modules!r}]; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
