"""Pages about environments, under the headings of Gymnasium's own docstrings, from the registry and measured bounds."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import crossrec  # registers the environments
from crossrec.envs.questions import Question
from crossrec.simulation.blind import BLIND

assert crossrec.ENV_IDS
_NAMES = {
    "random": "random candidates",
    "popularity": "the most popular candidate",
    "blind oracle": "an oracle that is blind to the effect",
    "greedy oracle": "the greedy oracle: highest true expected reward now",
    "look-ahead oracle": "the look-ahead oracle: rolls the true simulator forward",
}


def write_page(folder: Path, question: Question, found: Mapping[str, Any]) -> None:
    """Write one question's page.

    Args:
        folder: Where to.
        question: What it is about.
        found: Its entry in bounds.json.
    """
    slate = question.options.get("slate_size", 1)
    c = question.options.get("n_candidates", 50)
    action = (
        f"`MultiDiscrete([{c}] * {slate})`: a place among `candidates` for each place of the slate. An item that "
        "stands in it twice is shown once, at its first place."
        if slate > 1
        else f"`Discrete({c})`: the place of the item among `candidates`."
    )
    blind = (BLIND[question.blind].__doc__ or "").strip()
    rows = found["bounds"]
    table = ["| policy | return | 95% interval |", "|---|---|---|"]
    for name, words in _NAMES.items():
        if name in rows:
            row = rows[name]
            table.append(f"| {words} | {row['mean']:.2f} | {row['low']:.2f} to {row['high']:.2f} |")
    gap, room = rows["gap: seeing - blind"], rows.get("head-room: look-ahead - greedy")
    seeing = "look-ahead" if question.blind == "future" else "greedy"
    told = [
        f"The {seeing} oracle brings {_interval(gap)} more than the blind one, on the same people and the same noise: "
        "that is what ignoring the effect costs."
    ]
    if room and question.blind != "future":
        told.append(f"Head-room of looking ahead above greedy: {_interval(room)}.")
    ages = "`candidate_age` is the age of each candidate in weeks. " if question.name == "Ageing" else ""
    extra = ", and `slate`, what happened at each place" if slate > 1 else ""
    text = f"""# {question.env_id}

{question.asks}

```python
import gymnasium as gym

import crossrec

env = gym.make("{question.env_id}")
observation, info = env.reset(seed=0)
```

## Description

{question.description}

## Action Space

{action} Choosing padding (`mask` 0) shows nothing, which is a step without a click.

## Observation Space

A `Dict` of the keys in [crossrec/observation.py](../../crossrec/observation.py). {ages}Item ids stand for items.

## Starting State

A person returns at a random minute of the week with an empty history; `reset(seed=s)` decides who is met.

## Reward

The weighted sum of `info["reward_parts"]`, with the weights of `reward` below, or by default click 1, dwell 0.05 per
minute, conversion 0.5.

{chr(10).join(table)}

Mean return per life over {found["people"]} people, for looking ahead {found["planned"]}. The blind oracle:
{blind[:1].lower()}{blind[1:]}
{chr(10).join(told)}

```bash
make bounds
```

## Episode End

`terminated` when the person leaves never to return, `truncated` after {found["horizon"]} steps.

## Information

`user`, `scenario`, `entered`, `minute`, `away`, after a step `reward_parts`{extra}; with `expose_truth=True` also
`truth`.

## Arguments

What the id sets of [EnvConfig](../../crossrec/config.py); all its fields can be given to `gym.make`.

```python
{_literal(question.options)}
```

## References

{question.references}

## Version History

* v0: first version.
"""
    (folder / f"{_file(question)}").write_text(text, encoding="utf-8")


def write_index(folder: Path, readme: Path, questions: Sequence[Question], found: Mapping[str, Any]) -> None:
    """Write the page that lists all questions with what ignoring each costs, and the same table into the README."""
    lines = ["| environment | question | seeing oracle | blind oracle | cost of ignoring it |", "|---|---|---|---|---|"]
    for question in questions:
        if question.env_id not in found:
            continue
        rows = found[question.env_id]["bounds"]
        gap = rows["gap: seeing - blind"]
        seeing = "look-ahead oracle" if question.blind == "future" else "greedy oracle"
        lines.append(
            f"| [{question.name}-v0]({_file(question)}) | {question.asks} "
            f"| {rows[seeing]['mean']:.2f} | {rows['blind oracle']['mean']:.2f} "
            f"| {_interval(gap)} |"
        )
    (folder / "README.md").write_text(_INDEX.replace("TABLE", "\n".join(lines)), encoding="utf-8")
    text = readme.read_text(encoding="utf-8")
    before, rest = text.split(_MARK, 1)
    after = rest.split("<!-- end -->", 1)[1]
    shown = "\n".join(lines).replace("](", "](docs/environments/")
    readme.write_text(f"{before}{_MARK}\n{shown}\n<!-- end -->{after}", encoding="utf-8")


def _interval(row: Mapping[str, float]) -> str:
    return f"{row['mean']:.2f} ({row['low']:.2f} to {row['high']:.2f})"


def _file(question: Question) -> str:
    return f"{question.name.lower()}.md"


def _literal(options: Mapping[str, Any]) -> str:
    text = json.dumps(options, indent=4).replace("true", "True").replace("false", "False")
    return re.sub(r"([^\[{,\s])(?=\n\s*[\]}])", r"\1,", text)  # commas as the formatter wants them


_MARK = "<!-- written by make bounds -->"
_INDEX = """# Environments

`crossrec list` prints every id. `crossrec/CrossScenario-v0` is the whole: people who move between five scenarios. One
id holds each scenario alone: `Shopping`, `News`, `Social`, `Music`, `Video`, `Education`, `Search` (with what people
type in the observation, `query`) and `Games`. The ids below each ask one question: what would a policy lose that
ignores one effect? It is measured between an oracle that sees all and one that is blind to the effect, on the same
people with the same noise; returns are means per life.

TABLE

`make bounds` prints these figures again, with random, popularity and look-ahead; they stand in
[bounds.json](bounds.json).
"""
