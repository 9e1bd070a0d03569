"""How well contexts predict what people want, beside what agents see anyway and what the prompts are made from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from crossrec.config import CONTEXTS, TrainConfig
from crossrec.errors import ConfigError, check_name, check_range
from crossrec.options import check_context_config, check_train_config
from crossrec.statistics import mean_over_people

from ..progress import Progress
from ..report import wide_console
from .features import Evidence, Features, gather
from .held_out import SHARES, held_out, hits, log_loss
from .labelled import UNKNOWN
from .leakage import leakage
from .probe_report import print_gains, print_shares, write_probe
from .tables import check_table_file

TARGETS = {"intent": "intent", "liked": "next_like"}  # labels of a moment, and the beginnings of their columns
_FEWEST_PEOPLE = 20
_FEWEST_LABELS = 100


def print_probe(config: TrainConfig, names: Sequence[str], people: int, out: str | None) -> None:
    """Print how well contexts predict what people want and whether they leak, and write it where that is asked.

    Args:
        config: Of a run; the names replace its context's name.
        names: Contexts; "none" is the row "observation" of every table.
        people: Lives to learn from and to test on, of people who are never met in training.
        out: ``.md``, ``.csv`` or ``.parquet``; beside a ``.md`` also a figure.

    Raises:
        ConfigError: If an option is wrong, before anything is computed; or if too few moments have a label.
        ModelError: If a model is missing or damaged, or a server fails.
        StoreError: If the store cannot be used.
    """
    import torch

    config = _checked(config, names, people)
    check_table_file(out)
    torch.set_num_threads(1)  # as a run does: two busy threads on a busy machine are slower than one
    with Progress(None, show=True) as progress:
        evidence = gather(config, [name for name in dict.fromkeys(names) if name != "none"], progress)
        check_labels(evidence)
        progress.stage("classifiers", len(TARGETS) * len(feature_sets(evidence)) + len(evidence.contexts))
        table = probe(evidence, config.seed, progress.advance)
        gains = leakage(evidence, config.seed, progress.advance)
    title = (
        f"{', '.join(str(getattr(s, 'name', s)) for s in config.env.scenarios)}; encoder {config.context.encoder}; "
        f"{len(evidence.log):,} moments of {people} new people"
    )
    if out is not None:  # first, since the screen may be a pipe that nobody reads to its end
        write_probe(Path(out), table, gains, title)
    console = wide_console()
    print_shares(console, table, title)
    print_gains(console, gains)


def _checked(config: TrainConfig, names: Sequence[str], people: int) -> TrainConfig:
    """The config with the people to meet."""
    for name in names:
        check_name("--contexts", name, CONTEXTS)
        check_context_config(dataclasses.replace(config.context, name=name), "context.")
    check_range("--people", people, _FEWEST_PEOPLE)
    config = dataclasses.replace(config, eval_people=people)
    check_train_config(config)
    return config


def check_labels(evidence: Evidence) -> None:
    """Check that there is enough to learn from.

    Raises:
        ConfigError: If too few moments have a label.
    """
    for label in TARGETS:
        known = int((getattr(evidence.log, label) != UNKNOWN).sum())
        if known < _FEWEST_LABELS:
            raise ConfigError(
                f"only {known} moments have the label '{label}', too few to learn from (at least {_FEWEST_LABELS}); "
                "set more --people or a longer env.horizon."
            )


def feature_sets(evidence: Evidence) -> dict[str, list[Features]]:
    """Blocks of features by the name of their row: what is there without contexts, contexts, and both together."""
    contexts = evidence.contexts.items()
    return {
        "majority class": [np.zeros((len(evidence.log), 1), np.float32)],
        "observation": [evidence.observation],
        "prompt fields": evidence.fields,
        **{name: [vectors] for name, vectors in contexts},
        **{f"observation + {name}": [evidence.observation, vectors] for name, vectors in contexts},
    }


def probe(evidence: Evidence, seed: int, on_done: Callable[[], object] | None = None) -> pd.DataFrame:
    """What each set of features tells of each target on people who were not learnt from.

    Args:
        evidence: Moments, what is known of them, and contexts.
        seed: Of the bootstrap.
        on_done: Called after each set and target.

    Returns:
        One row per set of :func:`feature_sets`: its name as ``features``, and for each of TARGETS, by the beginning of
        the column: ``_top1`` with ``_top1_low`` and ``_top1_high`` (95% interval over people), ``_top3``, ``_log_loss``
        [nats], ``_moments``.
    """
    rows = []
    for name, blocks in feature_sets(evidence).items():
        row: dict[str, Any] = {"features": name}
        for label, column in TARGETS.items():
            row |= {f"{column}_{key}": value for key, value in _scores(evidence, blocks, label, seed).items()}
            if on_done is not None:
                on_done()
        rows.append(row)
    return pd.DataFrame(rows)


def _scores(evidence: Evidence, blocks: Sequence[Features], label: str, seed: int) -> dict[str, float]:
    labels = getattr(evidence.log, label)
    known = np.flatnonzero(labels != UNKNOWN)
    labels, people = labels[known], evidence.log.seen.user[known]
    told = held_out([block[known] for block in blocks], labels, people, SHARES if len(blocks) > 1 else (1.0,))
    first = mean_over_people(hits(told, labels), people, seed)
    return {
        "top1": first.value,
        "top1_low": first.low,
        "top1_high": first.high,
        "top3": float(hits(told, labels, 3).mean()),
        "log_loss": float(log_loss(told, labels).mean()),
        "moments": len(known),
    }
