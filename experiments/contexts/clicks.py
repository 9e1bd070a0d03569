"""A log of clicks to learn from: what a recommender may know of each moment, and what was clicked in it.

People live under a policy that explores: at every step a coin decides between a random candidate and the most popular
one. Some people are held out; they are shown random candidates only, so that what is measured on their clicks does not
reward having learned what the policy likes to show (Li et al. 2011). Some of them choose the best point of a training,
others say what it is worth: a figure that something was chosen by flatters it.

References:
    Li et al., "Unbiased offline evaluation of contextual-bandit-based news article recommendation algorithms", WSDM
    2011.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.config import ContextConfig, TrainConfig
from crossrec.envs.context import VectorContextWrapper
from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.errors import ConfigError, check_range
from crossrec.language.clicks import Clicks
from crossrec.language.context import ContextSource
from crossrec.language.encoder import HashingEncoder
from crossrec.language.generator import VerbatimGenerator
from crossrec.language.projection import Projection
from crossrec.language.reader import LanguageReader, Vectors
from crossrec.observation import CANDIDATES, CONTEXT, MASK
from crossrec.random import as_uniform, keys
from crossrec.simulation.state import Seen
from crossrec.world.synthetic import World, world_of

EXPLORED = 0.5  # share of what most people are shown that is drawn at random
VALIDATION = TEST = 0.1  # shares of people whose clicks are not trained on
_AT_ONCE = 2048  # people who live in one batch
_NOISE = 3_000_017  # keeps these lives' noise apart from that of training and evaluation
_COIN, _PICK, _SPLIT = 31, 32, 33  # tags of keys


@dataclasses.dataclass(frozen=True)
class Log:
    """Clicks in three parts that share no person.

    Attributes:
        training: To learn from.
        validation: To choose by.
        test: To measure what was chosen.
        people: (m,) ids of all people who lived for this log.
    """

    training: Clicks
    validation: Clicks
    test: Clicks
    people: NDArray[np.int64]


def click_log(config: TrainConfig, people: int) -> Log:
    """One life each of the first people of the training range, never of those met in evaluation.

    A person's clicks depend on the seed and the options alone, not on how many people live for the log. Hidden truth
    is not looked at; an item's topic is an attribute of the catalogue.

    Args:
        config: Says who lives where, and what the prompt of ``context=encode`` sees and how it words it.
        people: How many, from 20.

    Raises:
        ConfigError: If there are fewer people before the first of the evaluation, or slates are shown.
    """
    if config.env.slate_size > 1:
        raise ConfigError(
            f"env.slate_size={config.env.slate_size}: an encoder learns from items shown one at a time; allowed: 1."
        )
    users = config.env.first_user + np.arange(_checked(config, people))
    lot = as_uniform(keys(config.seed, users, _SPLIT))
    part = (lot < VALIDATION + TEST).astype(np.int64) + (lot < TEST)  # 0 training, 1 validation, 2 test
    world = world_of(config.env)
    reader = _PromptReader(world, config.context)
    # Who lives on after the first life is not recorded, but must not be a stranger either.
    env_config = dataclasses.replace(config.env, last_user=config.env.first_user + people)
    parts = []
    for start in range(0, people, _AT_ONCE):
        batch = slice(start, start + _AT_ONCE)
        env = VectorContextWrapper(CrossScenarioVectorEnv(len(users[batch]), env_config), reader)
        explored = np.where(part[batch] > 0, 1.0, EXPLORED)
        parts.append(_live(env, users[batch], config.seed, start, explored, world.catalogue.popularity))
    person, prompt, item, candidates = (np.concatenate(column) for column in zip(*parts, strict=True))
    texts = ["", *world.catalogue.texts()]

    def clicks(wanted: int) -> Clicks:
        rows = part[person - config.env.first_user] == wanted
        return Clicks(
            prompts=reader.texts,
            items=texts,
            topics=world.catalogue.main_topic.astype(np.int64),
            prompt=prompt[rows],
            item=item[rows],
            person=person[rows],
            group=world.catalogue.scenario[item[rows]].astype(np.int64),
            candidates=candidates[rows],
        )

    return Log(clicks(0), clicks(1), clicks(2), users)


def _checked(config: TrainConfig, people: int) -> int:
    first, end = config.env.first_user, min(config.env.last_user, config.eval_first_user)
    check_range("--people", people, 20)
    if first + people > end:
        edge = "eval_first_user" if end == config.eval_first_user else "env.last_user"
        raise ConfigError(
            f"--people={people} from id {first} goes beyond {edge}={end}; allowed: at most {end - first} "
            "(people met in evaluation are never learned from)."
        )
    return people


def _live(
    env: VectorContextWrapper,
    users: NDArray[np.int64],
    seed: int,
    place: int,
    explored: NDArray[np.float64],
    popularity: NDArray[np.float32],
) -> tuple[NDArray[Any], ...]:
    """Persons (m,), prompts' numbers (m,), clicked items (m,) and candidates (m, C) of the clicks of one life each."""
    rows: list[tuple[NDArray[Any], ...]] = []
    observation, _ = env.reset(seed=seed + _NOISE + place, options={"user": users})
    alive, step = np.ones(len(users), np.bool_), 0
    columns = np.arange(observation[CANDIDATES].shape[1])
    while alive.any():
        offered = np.where(observation[MASK] > 0, observation[CANDIDATES], 0)
        life = keys(seed, users, step)
        coin, luck = as_uniform(keys(life, _COIN)), as_uniform(keys(life[:, None], _PICK, columns))
        score = np.where((coin < explored)[:, None], luck, popularity[offered])
        action = np.where(offered > 0, score, -1.0).argmax(axis=1)
        prompt = observation[CONTEXT][:, 0].astype(np.int64)
        observation, _, terminated, truncated, infos = env.step(action)
        clicked = np.flatnonzero(alive & (infos["reward_parts"]["click"] > 0))
        rows.append((users[clicked], prompt[clicked], offered[clicked, action[clicked]], offered[clicked]))
        alive &= ~(terminated | truncated)
        step += 1
    return tuple(np.concatenate(column) for column in zip(*rows, strict=True))


class _PromptReader(LanguageReader):
    """Reads each moment's prompt when an agent's context would be read, and gives its number in place of a vector.

    Attributes:
        texts: The prompts by number; float32 tells 16.7 million of them apart.
    """

    def __init__(self, world: World, context: ContextConfig) -> None:
        source = ContextSource(VerbatimGenerator(), HashingEncoder(1), None)
        super().__init__(world, source, Projection(np.zeros(1), np.ones((1, 1))), context)
        self.texts: list[str] = []
        self._numbers: dict[str, int] = {}

    def read(self, seen: Seen, rows: NDArray[np.intp], intent: NDArray[np.integer]) -> Vectors:
        """(m, 1) numbers of the prompts."""
        numbers = np.zeros((len(rows), 1), np.float32)
        for place, prompt in enumerate(self.prompts(seen.at(rows))):
            number = self._numbers.setdefault(prompt.text, len(self.texts))
            if number == len(self.texts):
                self.texts.append(prompt.text)
            numbers[place] = number
        return numbers
