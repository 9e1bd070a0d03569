"""The page about effects of behaviour and its figure, docs/effects.md and docs/effects.png, from what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from benchmarks.behaviour import STATISTICS
from benchmarks.effect_statistics import DIFFERENCES, LEVELS, Estimate, Finding
from crossrec.experiments.run import write_file

OVERVIEW = ("effect", "strengths", "should move", "off", "default", "doubled", "does it")
DETAILS = ("statistic", *LEVELS, *(f"{before} -> {after}" for before, after in DIFFERENCES[:2]))
_ARROWS = {1: "↑", -1: "↓", 0: " "}
_WAY = {True: "up", False: "down"}
_DECIMALS = {"session length": 1, "return gap": 0, "switches": 2}  # of a statistic; shares have 3
_UNITS = {"session length": " [min]", "return gap": " [min]", "switches": " per 10 steps"}
_BLUE, _COLUMNS = "#2f6fb2", 6


def number(name: str, value: float, sign: str = "") -> str:
    """A value of a statistic as tables show it."""
    return f"{value:{sign}.{_DECIMALS.get(name, 3)}f}" if value == value else "-"


def overview(finding: Finding) -> list[str]:
    """The row of an effect in the overview, under :data:`OVERVIEW`."""
    effect, name = finding.effect, finding.effect.moves
    strengths = " / ".join(f"{strength:g}" for strength in effect.strengths.values())
    means = [number(name, finding.levels[name][level].mean) for level in LEVELS]
    return [effect.name, strengths, f"{name} {_WAY[effect.up]}", *means, "yes" if finding.holds else "NO"]


def details(finding: Finding) -> list[list[str]]:
    """Rows of all statistics of an effect, under :data:`DETAILS`; a star marks what it should move."""
    rows = []
    for name, levels in finding.levels.items():
        star = " *" if name == finding.effect.moves else ""
        found = [_cell(name, levels[level]) for level in LEVELS]
        for pair in DIFFERENCES[:2]:
            estimate = finding.differences[name][pair]
            found.append(f"{_cell(name, estimate, '+')} {_ARROWS[estimate.sign]}".rstrip())
        rows.append([f"{name}{_UNITS.get(name, '')}{star}", *found])
    return rows


def _cell(name: str, estimate: Estimate, sign: str = "") -> str:
    if estimate.mean != estimate.mean:
        return "-"
    low, high = (number(name, value, sign) for value in (estimate.low, estimate.high))
    return f"{number(name, estimate.mean, sign)} ({low} to {high})"


def write_page(folder: Path, findings: Sequence[Finding], people: int, horizon: int) -> None:
    """Write effects.md and effects.png.

    Args:
        folder: Where to.
        findings: Of all effects.
        people: How many were met.
        horizon: [steps] of their lives.
    """
    draw(folder / "effects.png", findings)
    filled = {
        "PEOPLE": f"{people:,}",
        "HORIZON": str(horizon),
        "STATISTICS": "\n".join(f"| {name} | {words} |" for name, words in STATISTICS.items()),
        "OVERVIEW": _markdown(OVERVIEW, [_linked(overview(finding)) for finding in findings]),
        "SECTIONS": "\n\n".join(_section(finding) for finding in findings),
    }
    text = _PAGE
    for key, value in filled.items():
        text = text.replace(f"{{{key}}}", value)
    write_file(folder / "effects.md", lambda path: path.write_text(text, encoding="utf-8"))


def _linked(row: list[str]) -> list[str]:
    return [f"[{row[0]}](#{row[0]})", *row[1:]]


def _markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('->', '→') for cell in line)} |" for line in lines)


def _section(finding: Finding) -> str:
    effect = finding.effect
    strengths = ", ".join(f"{strength:g} {level}" for level, strength in effect.strengths.items())
    rows = [[cell.replace(" *", " ★") for cell in row] for row in details(finding)]
    told = (
        f"{effect.words} Option `behaviour.{effect.name}`: {strengths}. Source: {effect.source}. "
        f"Measured in {effect.here}. {_measured(finding)}"
    )
    return f"""## {effect.name}

    {effect.formula}

{fill(told, 120, break_on_hyphens=False, break_long_words=False)}

{_markdown(DETAILS, rows)}"""


def _measured(finding: Finding) -> str:
    """What the effect does, in a sentence or two."""
    name = finding.effect.moves
    means = " to ".join(number(name, finding.levels[name][level].mean) for level in LEVELS)
    moved = {
        other: pairs["off", "default"].sign
        for other, pairs in finding.differences.items()
        if other != name and pairs["off", "default"].sign
    }
    also = " and ".join(
        f"{', '.join(other for other, sign in moved.items() if sign == way)} {_ARROWS[way]}"
        for way in (1, -1)
        if way in moved.values()
    )
    verdict = finding.verdict
    first = f"It {verdict if finding.holds else f'**{verdict}**'}: {means}."
    return f"{first} Switched on, it also moves {also}." if also else f"{first} Switched on, it moves nothing else."


def draw(file: Path, findings: Sequence[Finding]) -> None:
    """Draw a panel per effect: the statistic that it should move at each strength, with 95% intervals.

    Args:
        file: PNG to write.
        findings: Of all effects.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    lines = -(-len(findings) // _COLUMNS)
    figure, panels = plt.subplots(lines, _COLUMNS, figsize=(14.0, 2.45 * lines), layout=layout, squeeze=False)
    for axes, finding in zip(panels.flat, findings, strict=False):
        _panel(axes, finding)
    for axes in panels.flat[len(findings) :]:
        axes.axis("off")
    write_file(file, lambda path: figure.savefig(path, dpi=110, format="png"))
    plt.close(figure)


def _panel(axes: Any, finding: Finding) -> None:
    effect, levels = finding.effect, finding.levels[finding.effect.moves]
    found = [levels[level] for level in LEVELS]
    means = [estimate.mean for estimate in found]
    errors = [[e.mean - e.low for e in found], [e.high - e.mean for e in found]]
    axes.errorbar(range(3), means, errors, color=_BLUE, marker="o", ms=5, lw=1.8, capsize=3, elinewidth=1.2)
    axes.set_title(effect.name, fontsize=10.5, fontweight="bold", loc="left")
    axes.set_ylabel(f"{effect.moves}{_UNITS.get(effect.moves, '')}", fontsize=8)
    axes.set_xticks(range(3), [f"{level}\n{strength:g}" for level, strength in effect.strengths.items()], fontsize=8)
    axes.tick_params(axis="y", labelsize=8)
    axes.set_xlim(-0.35, 2.35)
    axes.margins(y=0.2)
    axes.grid(axis="y", color="#e5e8eb", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


_PAGE = """# What each effect of behaviour does

<!-- Written by benchmarks/sensitivity.py; run it to change this page. -->

People behave by effects that can each be switched off, see `BehaviourConfig` in
[crossrec/config.py](../crossrec/config.py). Here every effect is switched off, set to its default and doubled (shares
at most to 1), and what people do is counted. Where `CrossScenario-v0` has an effect switched off, the default is what
the environment named beside it sets. All figures are from one run of

```bash
make sensitivity
```

which takes a minute or two, prints the tables below and writes this page and its figure.

![What each effect should move, at three strengths, with 95% intervals over people](effects.png)

{PEOPLE} people live one life of at most {HORIZON} steps each, the same people with the same noise at all strengths,
under one policy: on half of all moments it shows the candidate with the highest true expected reward, on the other half
any candidate (slates: the best in order, or any). Statistics are of one person; tables show means over people with 95%
bootstrap intervals. Differences are between the same person's lives, so they are known better than the levels and the
figure suggest; they leave out people who lack a value at one of the two. An arrow marks an interval that excludes 0,
as one in twenty would by chance. Rates of people who leave early count as much as those of people who stay.

| statistic | of one person |
|---|---|
{STATISTICS}

## Overview

Each effect declares in `benchmarks/effects.py` what it should move, and an environment in which that can show. It
should do so from off to the default, and not turn back from there to the double. `tests/test_sensitivity.py` asks the
same from off to the double, of fewer people.

{OVERVIEW}

{SECTIONS}
"""
