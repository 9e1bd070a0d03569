"""The command ``crossrec context finetune``: an encoder that knows what people click on in which moment."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from rich import box
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from crossrec.config import ContextConfig, TrainConfig
from crossrec.errors import ConfigError, check_name, check_range
from crossrec.language.build import make_encoder
from crossrec.language.clicks import Figures, chance, gain, measure
from crossrec.language.lora import check_peft
from crossrec.language.models import check_folder, fingerprint
from crossrec.language.sentence import SentenceEncoder
from crossrec.language.tuning import LEARNING_RATES, METHODS, Recipe, tune
from crossrec.world.text import TOPICS

from ..run import provenance, write_json
from .clicks import Log, click_log

NOTE = "crossrec.json"
"""The file in a tuned folder that says how it was made."""
_NAMES = {"recall": "clicked item ranked first", "mrr": "mean reciprocal rank", "topic": "topic by its nearest items"}


@dataclass(frozen=True)
class Tuning:
    """How an encoder is trained.

    Attributes:
        method: One of METHODS: all weights, or a LoRA adapter, which is merged into them at the end.
        people: Lives in the log, 20 or more; a fifth is held out: to choose by, and to measure on.
        steps: Gradient steps, 1 to 1,000,000.
        batch: Clicks per gradient step, 2 to 4,096.
        topic_weight: Weight of the topic loss, 0 to 100.
        learning_rate: At its highest, above 0 and at most 1; None: the method's own.
        temperature: Of the softmax over cosines, 0.001 to 10.
    """

    method: str = "full"
    people: int = 4_000
    steps: int = 150
    batch: int = 64
    topic_weight: float = 0.3
    learning_rate: float | None = None
    temperature: float = 0.05

    def check(self) -> None:
        """Check every value.

        Raises:
            ConfigError: Names the first option that is wrong, its value and what is allowed.
        """
        check_name("--method", self.method, METHODS)
        check_range("--people", self.people, 20)
        check_range("--steps", self.steps, 1, 1_000_000)
        check_range("--batch", self.batch, 2, 4_096)
        check_range("--topic-weight", self.topic_weight, 0.0, 100.0)
        check_range("--temperature", self.temperature, 0.001, 10.0)
        if self.learning_rate is not None:
            check_range("--learning-rate", self.learning_rate, 1e-9, 1.0)


def finetune(config: TrainConfig, tuning: Tuning, out: str) -> Path:
    """Train the config's encoder on clicks, print what that changed, and write its model folder.

    The same command again finds the folder finished and changes nothing, or goes on with a training that was stopped.
    People met in evaluation are never learned from.

    Args:
        config: Names the encoder, the people's world, what prompts see, and the seed.
        tuning: How to train.
        out: The new folder, for ``context.encoder_folder=``; missing or empty, or made by the same command.

    Raises:
        ConfigError: If an option is wrong, or the folder holds anything else.
        ModelError: If the encoder is missing or damaged, or peft is needed and not installed.
    """
    tuning.check()
    encoder = make_encoder(config.context)
    if not isinstance(encoder, SentenceEncoder):
        raise ConfigError(f"context.encoder={config.context.encoder} has no weights to train; allowed: minilm, lm.")
    if tuning.method == "lora":
        check_peft()
    log = click_log(config, tuning.people)
    _check_enough(log, tuning)
    recipe = _recipe(tuning, config.seed, len(TOPICS))
    digest = _digest(encoder, recipe, log)
    folder = Path(out).expanduser()
    console = Console()
    if _is_there(folder, digest):
        console.print(f"{folder} is there already, made by the same options.", soft_wrap=True)
    else:
        with _workplace(folder, digest) as work:
            with tqdm(total=recipe.steps, unit="step", disable=None) as bar:
                points = tune(encoder, log.training, log.validation, recipe, work, partial(_show, bar))
            figures = _worth(encoder, work / "model", log, points, config.seed)
            made = _made(encoder, tuning, recipe, log, digest)
            write_json(work / "model" / NOTE, {**made, "figures": figures})
            if folder.is_dir():
                folder.rmdir()  # it is empty; not everywhere can a folder take an empty one's place
            (work / "model").replace(folder)
    _print(console, folder, config.context.pooling)
    return folder


def _show(bar: Any, step: int, loss: float) -> None:
    bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
    bar.update(step - bar.n)  # a resumed training begins somewhere in between


def _recipe(tuning: Tuning, seed: int, topics: int) -> Recipe:
    rate = tuning.learning_rate if tuning.learning_rate is not None else LEARNING_RATES[tuning.method]
    return Recipe(
        method=tuning.method,
        steps=tuning.steps,
        batch=tuning.batch,
        topic_weight=float(tuning.topic_weight),
        learning_rate=rate,
        temperature=tuning.temperature,
        topics=topics,
        seed=seed,
    )


def _check_enough(log: Log, tuning: Tuning) -> None:
    if len(log.training) < tuning.batch:
        raise ConfigError(
            f"--batch={tuning.batch} is more than the {len(log.training)} clicks of --people={tuning.people}; "
            "set a smaller batch or more people."
        )
    for name, clicks in (("choose by", log.validation), ("measure on", log.test)):
        if not len(clicks):
            raise ConfigError(f"--people={tuning.people} left no click to {name}; set more people.")


def _digest(encoder: SentenceEncoder, recipe: Recipe, log: Log) -> str:
    """A hash of all that decides the outcome, but for rounding."""
    found = hashlib.sha256(json.dumps([encoder.identity, dataclasses.asdict(recipe)], sort_keys=True).encode())
    for clicks in (log.training, log.validation, log.test):
        for values in dataclasses.asdict(clicks).values():
            found.update(json.dumps(values).encode() if isinstance(values, list) else values.tobytes())
    return found.hexdigest()[:12]


def tuned_pooling(folder: Path) -> str:
    """How the token states of a tuned encoder are pooled.

    Raises:
        ConfigError: If the folder is none that :func:`finetune` made.
    """
    try:
        pooling = json.loads((folder / NOTE).read_bytes())["options"]["pooling"]
    except (OSError, ValueError, LookupError, TypeError):
        raise ConfigError(f"--tuned={folder} is no folder that `crossrec context finetune` made.") from None
    return str(pooling)


def _is_there(folder: Path, digest: str) -> bool:
    """Whether the folder is finished.

    Raises:
        ConfigError: If it holds anything else.
        ModelError: If it is finished, but not whole any more.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    try:
        note = json.loads((folder / NOTE).read_bytes())
    except (OSError, ValueError):
        note = None
    if not isinstance(note, dict) or "digest" not in note:
        raise ConfigError(f"--out={folder} holds something else; name a folder that is missing or empty.")
    if note["digest"] != digest:
        raise ConfigError(f"--out={folder} holds an encoder that was made by other options; name another folder.")
    check_folder(folder, "encoder")
    shutil.rmtree(_work_folder(folder, digest), ignore_errors=True)  # left where a process was killed at the very end
    return True


@contextmanager
def _workplace(folder: Path, digest: str) -> Iterator[Path]:
    """A folder beside the wanted one for what is not finished; gone at the end, but left where that is not reached.

    Raises:
        ConfigError: If it cannot be made, or the same command is at work in it.
    """
    work = _work_folder(folder, digest)
    try:
        work.mkdir(parents=True, exist_ok=True)
        lock = FileLock(work / "lock", timeout=0)
        lock.acquire()
    except OSError as error:  # a Timeout is one
        reason = "the same command is making it" if isinstance(error, Timeout) else error.strerror
        raise ConfigError(f"--out={folder} cannot be written ({reason}); name another folder.") from error
    try:
        yield work
    finally:
        lock.release()
    shutil.rmtree(work)


def _work_folder(folder: Path, digest: str) -> Path:
    return folder.parent / f".{folder.name}-{digest}"


def _made(encoder: SentenceEncoder, tuning: Tuning, recipe: Recipe, log: Log, digest: str) -> dict[str, Any]:
    """How a folder was made, for its note."""
    return {
        "digest": digest,
        "base": {"folder": str(encoder.folder), "fingerprint": fingerprint(encoder.folder)},
        "options": {**dataclasses.asdict(recipe), "people": tuning.people, "pooling": encoder.pooling},
        "clicks": {name: len(getattr(log, name)) for name in ("training", "validation", "test")},
        **provenance(),
    }


def _worth(base: SentenceEncoder, model: Path, log: Log, points: list[Figures], seed: int) -> dict[str, Any]:
    """What a folder is worth beside the one that it was made from, for its note."""
    before, after = (
        measure(SentenceEncoder(folder, device=base.device, pooling=base.pooling), log.test)
        for folder in (base.folder, model)
    )
    return {
        "before": before.figures,
        "after": after.figures,
        "chance": chance(log.test),
        "gain": dataclasses.asdict(gain(before, after, seed)),  # of mrr
        "points": points,
    }


def _print(console: Console, folder: Path, pooling: str) -> None:
    """What the folder's note says."""
    note = json.loads((folder / NOTE).read_bytes())
    figures, clicks = note["figures"], note["clicks"]
    said = f"Trained on {clicks['training']:,} clicks, measured on {clicks['test']:,} clicks of other people:"
    console.print(said, soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("", "chance", "before", "after"):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for key, name in _NAMES.items():
        known = [figures[column].get(key) for column in ("chance", "before", "after")]
        table.add_row(name, *("" if value is None else f"{value:.3f}" for value in known))
    console.print(table)
    console.print(_verdict(**figures["gain"]), soft_wrap=True)
    more = f" context.pooling={pooling}" if pooling != ContextConfig().pooling else ""
    console.print(f"Use it with context=encode context.encoder_folder={folder}{more}", soft_wrap=True)


def _verdict(value: float, low: float, high: float) -> str:
    change = f"The mean reciprocal rank changed by {value:+.3f} (95% interval {low:+.3f} to {high:+.3f})"
    if low > 0.0:
        return f"{change}."
    if high < 0.0:
        return f"{change}: the encoder is worse than before; keep the old one, or train on more people."
    return f"{change}, which may be chance; train and measure on more people to know."
