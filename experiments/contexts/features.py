"""What is known of labelled moments, as numbers: what agents see, what prompts may see, and contexts."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossrec.config import ContextConfig, PromptConfig, TrainConfig
from crossrec.language.build import make_reader, make_source
from crossrec.language.context import embed_texts
from crossrec.language.moment import moments
from crossrec.language.prompt import Moment, Prompt
from crossrec.language.reader import LanguageReader
from crossrec.observation import HISTORY, HISTORY_FEEDBACK, PROFILE, QUERY, SITUATION
from crossrec.world.synthetic import World
from crossrec.world.text import query_text

from ..lab import Lab, build_lab
from ..progress import Progress
from .labelled import Labelled, label_moments
from .warm import write_ahead

Features = NDArray[np.float32]  # (m, d)
_FADING = 0.8  # weight of each item of the history, compared with the next newer one
_RARE = 5  # moments that a word of a query or title must be met in to count


@dataclass(frozen=True)
class Evidence:
    """Labelled moments and all that is known of them; features are (m, d) each.

    Attributes:
        log: The moments.
        observation: What agents see without a context.
        fields: What prompts may see, in one or more blocks.
        contexts: Context vectors by name.
    """

    log: Labelled
    observation: Features
    fields: list[Features]
    contexts: dict[str, Features]


def gather(config: TrainConfig, names: Sequence[str], progress: Progress) -> Evidence:
    """Let the people of a run's evaluation live, and read every named context at the same moments.

    Args:
        config: Of a run; its own context's name does not matter.
        names: Contexts.
        progress: Shows how far it is.

    Raises:
        ModelError: If a model is missing or damaged, or a server fails.
        StoreError: If the store cannot be used.
    """
    progress.stage("embed items", config.env.items_per_scenario * len(config.env.scenarios))
    lab = build_lab(config.env, dataclasses.replace(config.context, name="template"), progress.advance)
    plain = lab.reader
    assert isinstance(plain, LanguageReader)
    progress.stage("lives", config.env.horizon)
    log = label_moments(lab, config, progress.advance)
    contexts = {}
    for name in names:
        context = dataclasses.replace(config.context, name=name)
        source = make_source(context)
        reader = make_reader(context, lab.world, source, plain.projection)
        assert reader is not None
        contexts[name] = read_context(dataclasses.replace(lab, source=source, reader=reader), log, context, progress)
    return Evidence(
        log, observed(log, lab.vectors, plain), prompt_fields(log, lab.world, config.context.prompt), contexts
    )


def observed(log: Labelled, vectors: NDArray[np.float32], reader: LanguageReader) -> Features:
    """What agents see without a context: situation, profile, recent items clicked, shown, and clicked last, the query.

    Args:
        log: The moments.
        vectors: (n_items + 1, D) item vectors, row 0 zero.
        reader: Embeds queries.
    """
    seen = log.observation
    history = seen[HISTORY]
    clicked = (seen[HISTORY_FEEDBACK][:, : history.shape[1]] > 0) & (history > 0)
    fading = np.float32(_FADING) ** np.arange(history.shape[1], dtype=np.float32)
    items = vectors[history]  # (m, H, D)
    pooled = [(items * (fading * which)[..., None]).sum(axis=1) for which in (clicked, history > 0)]
    last = items[np.arange(len(items)), clicked.argmax(axis=1)] * clicked.any(axis=1, keepdims=True)
    parts = [seen[SITUATION], seen[PROFILE], *pooled, last]
    if QUERY in seen:
        query, which = np.unique(log.seen.query, return_inverse=True)
        texts = [query_text(q) for q in query.tolist()]
        parts.append(reader.projection.apply(embed_texts(reader.source.encoder, texts, reader.source.store))[which])
    return np.concatenate(parts, axis=1, dtype=np.float32)


def prompt_fields(log: Labelled, world: World, prompt: PromptConfig) -> list[Features]:
    """What a prompt may see, as columns of zeros and ones: one for each value, and one for each word of free text.

    Args:
        log: The moments.
        world: Where they took place.
        prompt: Says what a prompt sees.

    Returns:
        (m, values) and, where a prompt sees queries or titles, (m, words); one empty column if it sees nothing.
    """
    told = moments(world, log.seen)
    values = _table([_values(moment, prompt.sees) for moment in told], 1)
    words = _table([_words(moment, prompt) for moment in told], _RARE)
    return [*values, *words] or [np.zeros((len(log), 1), np.float32)]


def _values(moment: Moment, sees: Sequence[str]) -> list[str]:
    parts = {part for part in sees if part not in ("persona", "query")}
    told = []
    if "persona" in sees:
        parts.add("daypart")  # the note speaks of it
        told = [*(f"likes={topic}" for topic in moment.likes), f"routine={moment.routine}"]
    return told + [f"{part}={getattr(moment, part)}" for part in sorted(parts)]


def _words(moment: Moment, prompt: PromptConfig) -> list[str]:
    query = moment.query if "query" in prompt.sees else ""
    typed = query.lower().split()
    named = [word for title in moment.latest(prompt.titles) for word in title.lower().split()]
    return [f"query={word}" for word in typed] + [f"title={word}" for word in named]


def _table(told: list[list[str]], rarest: int) -> list[Features]:
    """One column for each word that enough moments have; nothing where there is none."""
    from sklearn.feature_extraction.text import CountVectorizer

    met = Counter(word for words in told for word in set(words))
    known = sorted(word for word, times in met.items() if times >= rarest)
    if not known:
        return []
    return [CountVectorizer(analyzer=list, vocabulary=known, binary=True, dtype=np.float32).transform(told).toarray()]


def read_context(lab: Lab, log: Labelled, context: ContextConfig, progress: Progress) -> Features:
    """The context vector of each moment, (m, D); texts are written first, each distinct one once and in full batches.

    Args:
        lab: Holds the context's reader.
        log: The moments.
        context: Options of that context.
        progress: Shows how far it is.

    Raises:
        ModelError: If a model is missing or damaged, or a server fails; what was written before is in the store.
        StoreError: If the store cannot be used.
    """
    reader, rows = lab.reader, np.arange(len(log))
    assert reader is not None
    if isinstance(reader, LanguageReader) and lab.source.store is not None:
        met: dict[int, Prompt] = {}
        reader.collect(log.seen, rows, met)
        progress.watch(lab.source)
        write_ahead(lab, context, list(dict.fromkeys(met.values())), progress)
    return reader.read(log.seen, rows, log.intent)
