"""What language costs: contexts per second one by one, in batches and from a warm store; and the environment's speed.

(a) is what a simulator does that calls a model within its step: one blocking call for every step of every person, by
the same model with the same prefix reuse. It is timed on some of its calls and scaled to all of them. (b) is what a run
does: each distinct prompt once, in full batches. (c) reads what (b) wrote from the store, as a later run does.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table

from crossrec.config import ContextConfig, EnvConfig
from crossrec.experiments.lab import Lab, build_lab
from crossrec.language.build import make_generator, make_source
from crossrec.language.prompt import Prompt
from crossrec.language.reader import LanguageReader

PEOPLE, STEPS = 256, 20  # of the lives whose contexts are written
BLOCKING = 48  # calls of (a) that are timed
PRECISIONS = ({"dtype": "float32"}, {"dtype": "bfloat16"}, {"quantisation": "dynamic"})
_SAMPLE = 128  # prompts written in each precision
FEWER, KEPT = 1 / 20, 0.6  # bars: (b) beside (a), and throughput with language beside without
_CROWDS = (16, 64, 256)
_ROUNDS, _REPEATS = 7, 40  # measurements of throughput, and how often lives are lived in each


@dataclass(frozen=True)
class Way:
    """One way to come by the contexts of the same lives.

    Attributes:
        name: In words.
        contexts: How many it makes in all.
        seconds: Wall-clock time for all of them.
        calls: Of the model.
    """

    name: str
    contexts: int
    seconds: float
    calls: int


class Lives:
    """The same PEOPLE people for STEPS steps, under the same random actions whenever they are asked for.

    Args:
        lab: With a language context.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.actions = np.random.default_rng(0).integers(0, lab.env.n_candidates, (STEPS, PEOPLE))

    def env(self, people: int, with_context: bool) -> Any:
        """An environment of the first of them."""
        return self.lab.make_env(people, users=PEOPLE, with_context=with_context)

    def live(self, env: Any) -> None:
        """Live through all steps once."""
        env.reset(seed=0)
        for actions in self.actions[:, : env.num_envs]:
            env.step(actions)

    def prompts(self) -> list[Prompt]:
        """Every distinct prompt that is met on the way."""
        reader, met = self.lab.reader, dict[int, Prompt]()
        assert isinstance(reader, LanguageReader)
        env = self.env(PEOPLE, with_context=False)
        seen = env.core.simulator.seen
        env.reset(seed=0)
        reader.collect(seen, np.arange(PEOPLE), met)
        for actions in self.actions:
            env.step(actions)
            reader.collect(seen, np.flatnonzero(seen.entered), met)
        return list(met.values())


def generation(lives: Lives, context: ContextConfig) -> list[Way]:
    """Measure the three ways; (b) leaves its contexts in the lab's store."""
    prompts = lives.prompts()
    alone = make_source(context)
    alone.store = None
    alone.lookup(prompts[:1])  # loads the models
    asked = prompts[:: max(len(prompts) // BLOCKING, 1)][:BLOCKING]
    began = time.perf_counter()
    for prompt in track(asked, "one by one", console=Console(stderr=True)):
        alone.lookup([prompt])
    each = (time.perf_counter() - began) / len(asked)
    steps = PEOPLE * STEPS
    ways = [Way(f"(a) one blocking call per step ({len(asked)} timed)", steps, each * steps, steps)]
    ways.append(_batched(lives.lab, prompts, context.batch_size))
    warm = make_source(context)
    began = time.perf_counter()
    warm.lookup(prompts)
    assert warm.generated == 0
    ways.append(Way("(c) from a warm store", len(prompts), time.perf_counter() - began, 0))
    return ways


def _batched(lab: Lab, prompts: list[Prompt], batch_size: int) -> Way:
    source = lab.source
    calls = 0

    def count(done: int) -> None:
        nonlocal calls
        calls += 1

    source.generator.generate(prompts[:1])  # loads the model
    source.encoder.encode(["load"])
    began = time.perf_counter()
    source.lookup(prompts, count)
    seconds = time.perf_counter() - began
    assert source.generated == len(prompts)
    return Way(f"(b) distinct prompts, in batches of {batch_size}", len(prompts), seconds, calls)


def precisions(prompts: list[Prompt]) -> dict[str, tuple[float, float]]:
    """Contexts per second of CPU time, and the share of texts that are float32's, by precision."""
    found: dict[str, tuple[float, float]] = {}
    exact: list[str] = []
    for options in PRECISIONS:
        generator = make_generator(ContextConfig(name="llm", device="cpu", **options))
        generator.generate(prompts[:1])  # loads the model
        began = time.process_time()
        texts = [text for text, _ in generator.generate(prompts[:_SAMPLE])]
        seconds = time.process_time() - began
        exact = exact or texts
        same = float(np.mean([one == other for one, other in zip(texts, exact, strict=True)]))
        found[" ".join(options.values())] = len(texts) / seconds, same
    return found


def throughput(lives: Lives, people: int) -> dict[bool, float]:
    """User-steps per CPU-second without and with language, in turns on the same lives; medians over rounds."""
    rates: dict[bool, list[float]] = {False: [], True: []}
    envs = {on: lives.env(people, with_context=on) for on in rates}
    for round_ in range(_ROUNDS + 1):
        for on, env in envs.items():
            began = time.process_time()
            for _ in range(_REPEATS):
                lives.live(env)
            if round_ > 0:  # the first compiles, and reads each context from the store once
                rates[on].append(_REPEATS * STEPS * people / (time.process_time() - began))
    return {on: float(np.median(values)) for on, values in rates.items()}


def main() -> None:
    """Print the tables and the bars."""
    import torch

    torch.set_num_threads(1)
    console = Console(width=max(Console().width, 100))
    with tempfile.TemporaryDirectory() as folder:
        context = ContextConfig(name="llm", store=str(Path(folder) / "contexts.sqlite"))
        lives = Lives(build_lab(EnvConfig(), context))
        ways = generation(lives, context)
        _print_ways(console, ways)
        rates = {people: throughput(lives, people) for people in _CROWDS}
        _print_rates(console, rates)
        _print_precisions(console, precisions(lives.prompts()))
    for words, held in bars(ways, rates).items():
        console.print(f"bar: {words}: {'holds' if held else 'DOES NOT HOLD'}", highlight=False)


def bars(ways: list[Way], rates: dict[int, dict[bool, float]]) -> dict[str, bool]:
    """Each bar in words, and whether it holds."""
    alone, batched, _ = ways
    calls, seconds = batched.calls / alone.calls, batched.seconds / alone.seconds
    kept = rates[256][True] / rates[256][False]
    return {
        f"at {PEOPLE} people (b) makes 1/{1 / calls:.0f} of the model calls of (a), at most 1/20": calls <= FEWER,
        f"at {PEOPLE} people (b) takes 1/{1 / seconds:.0f} of the time of (a), at most 1/20": seconds <= FEWER,
        f"256 people keep {kept:.0%} of their throughput with language, at least {KEPT:.0%}": kept >= KEPT,
    }


def _print_ways(console: Console, ways: list[Way]) -> None:
    title = f"contexts of {PEOPLE} people for {STEPS} steps each, one thread"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for heading in ("how", "contexts", "per second", "seconds", "model calls per 1,000 steps"):
        table.add_column(heading, justify="left" if heading == "how" else "right")
    for way in ways:
        per_step = 1_000 * way.calls / (PEOPLE * STEPS)
        rate, seconds = way.contexts / way.seconds, way.seconds
        table.add_row(way.name, f"{way.contexts:,}", f"{rate:,.1f}", f"{seconds:,.2f}", f"{per_step:,.1f}")
    console.print(table)


def _print_rates(console: Console, rates: dict[int, dict[bool, float]]) -> None:
    table = Table(title="user-steps per CPU-second, warm store", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("people", "without language", "with language", "kept"):
        table.add_column(heading, justify="right")
    for people, rate in rates.items():
        table.add_row(f"{people:,}", f"{rate[False]:,.0f}", f"{rate[True]:,.0f}", f"{rate[True] / rate[False]:.0%}")
    console.print(table)


def _print_precisions(console: Console, found: dict[str, tuple[float, float]]) -> None:
    table = Table(title=f"precision on a CPU, {_SAMPLE} prompts, one thread", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("precision", "contexts per CPU-second", "texts as in float32"):
        table.add_column(heading, justify="left" if heading == "precision" else "right")
    for name, (rate, same) in found.items():
        table.add_row(name, f"{rate:.1f}", f"{same:.0%}")
    console.print(table)


if __name__ == "__main__":
    main()
