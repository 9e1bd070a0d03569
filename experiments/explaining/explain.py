"""Why one item was shown: a run's agent lives up to a moment, and its inputs are taken away there one by one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from crossrec.config import TrainConfig
from crossrec.envs.context import ContextWrapper
from crossrec.envs.rendering.log import LifeLog, Scene, clock, place_words
from crossrec.errors import ConfigError
from crossrec.language.build import uses_model
from crossrec.language.reader import LanguageReader, OracleReader
from crossrec.observation import CANDIDATES, CONTEXT, MASK
from crossrec.world.synthetic import world_of
from crossrec.world.text import TOPICS

from .. import journey
from ..journey import check_numbers, file_writer, lived, log_of, trained, whom
from ..run import RunFolder
from .explanation import Candidate, Explanation, Part, Parts, text_of
from .figure import draw_explanation
from .reached import others, titles_of

if TYPE_CHECKING:
    from crossrec.agents.attribution import Attribution  # torch

OPTIONS = ("user", "step", "seed")
_NEXT = 4  # runners-up that are named
_WRITERS = {
    ".png": lambda explanation, path: draw_explanation(explanation, path),
    ".md": lambda explanation, path: path.write_text(
        f"# {explanation.chosen.title}\n\n```\n{text_of(explanation)}```\n", encoding="utf-8"
    ),
    ".json": lambda explanation, path: path.write_text(
        json.dumps(explanation.plain(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    ),
}


@dataclass(frozen=True)
class _Moment:
    """Where a life stands before something is shown."""

    step: int
    observation: Mapping[str, NDArray[Any]]
    place: int  # of the candidate that is shown, the first one of a slate
    slate: int
    scene: Scene
    prompt: str
    text: str


def options_of(words: Sequence[str]) -> dict[str, Any]:
    """Arguments of :func:`explain` from words such as ``["user=17", "step=5"]``.

    Raises:
        ConfigError: For an unknown option or a value of the wrong type.
    """
    return journey.options_of(words, OPTIONS, ())


def explain(
    run: str | Path,
    *,
    user: int | None = None,
    step: int | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
) -> Explanation:
    """Explain what a run's agent shows to one person at one moment.

    Args:
        run: The run's folder; its training must be finished.
        user: Id of the person; default: the first person of the run's evaluation.
        step: Of the life, from 0; default: the first before which something was liked, else 0.
        seed: Noise of the life; default 0, for a person of the run's evaluation the noise of that evaluation.
        out: File to write: ``.png`` (a picture), ``.md`` (the text) or ``.json``.

    Raises:
        ConfigError: For a wrong option, a step beyond the life's end, or without captum.
        RunError: If the run's folder is damaged or its training is not finished.
        ModelError: If a language model or encoder is needed that is not there.
    """
    write = file_writer(out, _WRITERS)
    check_numbers(user=user, step=step, seed=seed)
    from crossrec.agents.attribution import require_captum

    require_captum()
    folder = RunFolder(Path(run))
    config, env, agent = trained(folder)
    user, seed = whom(config, user, seed)
    moment = _reach(env, agent, config, (user, seed), step)
    explanation = _explained(folder, config, agent, log_of(env), moment, (user, seed))
    write(explanation)
    return explanation


def _reach(env: gym.Env[Any, Any], agent: Any, config: TrainConfig, who: tuple[int, int], step: int | None) -> _Moment:
    """The moment at a step; at the first before which something was liked if ``step`` is None, else the first."""
    from crossrec.agents.attribution import liked_places

    first: _Moment | None = None
    before: NDArray[Any] | None = None
    words, taken = ("", ""), 0
    for taken, (observation, action) in enumerate(lived(env, agent, *who)):
        context = observation.get(CONTEXT)
        if context is not None and (
            before is None or not np.array_equal(context, before)
        ):  # kept until it is written anew
            before, words = context, _words(env, config)
        shown = np.ravel(action)
        moment = _Moment(taken, observation, int(shown[0]), shown.size, log_of(env).now, *words)
        first = first or moment
        if taken == step or (step is None and liked_places(observation)):
            return moment
    if step is not None or first is None:
        raise ConfigError(
            f"step={step}: the life of user={who[0]} ends after {taken + 1} steps; allowed: 0 to {taken}."
        )
    return first


def _words(env: gym.Env[Any, Any], config: TrainConfig) -> tuple[str, str]:
    """What a language model was asked, and the context, both in words; empty where there are none."""
    assert isinstance(env, ContextWrapper)
    reader, simulator = env.reader, env.core.simulator
    if isinstance(reader, OracleReader):
        return "", f"{TOPICS[simulator.truth.intent[0]]} (the true topic on the mind)"
    if not isinstance(reader, LanguageReader):
        return "", ""
    prompts = reader.prompts(simulator.seen)
    answer = reader.source.lookup(prompts).answers[0]
    return prompts[0].text.strip() if uses_model(config.context) else "", " ".join(answer.text.split())


def _explained(
    folder: RunFolder, config: TrainConfig, agent: Any, log: LifeLog, moment: _Moment, who: tuple[int, int]
) -> Explanation:
    import torch

    from crossrec.agents.attribution import (
        advantage,
        candidate_scores,
        group_attribution,
        score_unit,
        title_attribution,
    )
    from crossrec.agents.masks import allowed

    def tensors(arrays: Mapping[str, NDArray[Any]]) -> dict[str, torch.Tensor]:
        return {key: torch.as_tensor(value, device=agent.device) for key, value in arrays.items()}

    scores = candidate_scores(agent)
    seen = tensors({key: value[None] for key, value in moment.observation.items()})
    mask, place = seen[MASK], moment.place
    groups = group_attribution(scores, seen, mask, place, tensors(others(config.env)))
    titles = title_attribution(scores, seen, mask, place)
    with torch.no_grad():
        values = scores(seen)
        mean = float(values[0, place]) - float(advantage(values, mask, place))
    world = world_of(config.env)
    catalogue = world.catalogue

    def candidate(i: int) -> Candidate:
        score = float(values[0, i])
        item = int(moment.observation[CANDIDATES][i])
        return Candidate(catalogue.title(item) if item else "(nothing)", score, score - mean)

    ok = allowed(mask)[0]
    order = [i for i in values[0].argsort(descending=True).tolist() if ok[i] and i != place]
    liked = titles_of(map(int, titles.names), moment.observation, world, config.env.slate_size)
    return Explanation(
        run=str(folder.path),
        agent=config.agent.name,
        unit=score_unit(agent),
        user=who[0],
        about=log.about,
        seed=who[1],
        step=moment.step,
        when=clock(moment.scene.minute, full=True),
        doing=f"{log.doing(moment.scene)}, {place_words(moment.scene)}",
        context=config.context.name,
        prompt=moment.prompt,
        text=moment.text,
        slate=moment.slate,
        allowed=int(ok.sum()),
        chosen=candidate(place),
        runners_up=tuple(candidate(i) for i in order[:_NEXT]),
        groups=_parts(groups, [(str(name), "") for name in groups.names]),
        titles=_parts(titles, liked),
    )


def _parts(found: Attribution, named: Sequence[tuple[str, str]]) -> Parts:
    values = found.contributions.tolist()
    parts = tuple(Part(name, value, about) for (name, about), value in zip(named, values, strict=True))
    return Parts(parts, found.everything, found.nothing, found.exact)
