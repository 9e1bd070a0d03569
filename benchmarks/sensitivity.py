"""Sensitivity of behaviour: every effect switched off, at its default and doubled, on the same people.

Prints two tables, what each effect should move and all that it moves, and writes docs/effects.md and docs/effects.png.
The same people live with the same noise at all three strengths, so differences are between their own lives.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.behaviour import Lives
from benchmarks.effect_statistics import LEVELS, Effect, Finding, find, lives_at
from benchmarks.effects import EFFECTS
from benchmarks.effects_page import DETAILS, OVERVIEW, details, overview, write_page

DOCS = Path(__file__).parents[1] / "docs"
PEOPLE, HORIZON = 1_000, 80


def measured(effects: Sequence[Effect], people: int, horizon: int) -> list[Finding]:
    """What was found of each effect; shows a bar on standard error."""
    lives: dict[str, dict[str, Lives]] = {}
    runs = [(effect, level) for effect in effects for level in LEVELS]
    for effect, level in track(runs, "sensitivity", console=Console(stderr=True)):
        lives.setdefault(effect.name, {})[level] = lives_at(effect, level, people, horizon)
    return [find(effect, lives[effect.name]) for effect in effects]


def _table(title: str, headings: Sequence[str], blocks: Iterable[Sequence[Sequence[str]]]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for heading in headings:
        words = heading in ("effect", "statistic", "should move", "does it")
        table.add_column(heading, justify="left" if words else "right", no_wrap=True)
    for block in blocks:
        for place, row in enumerate(block):
            table.add_row(*row, end_section=len(block) > 1 and place == len(block) - 1)
    return table


def main() -> None:
    """Print the tables and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=PEOPLE, help=f"lives per strength; default {PEOPLE}")
    parser.add_argument("--horizon", type=int, default=HORIZON, help=f"steps of a life; default {HORIZON}")
    parser.add_argument("--only", help="one effect by name, e.g. satiation; the page is left as it is")
    options = parser.parse_args()
    effects = [effect for effect in EFFECTS if options.only in (None, effect.name)]
    if not effects:
        parser.error(f"--only={options.only} is no effect; choose from {', '.join(e.name for e in EFFECTS)}")
    findings = measured(effects, options.people, options.horizon)
    console = Console()
    wide = Console(width=max(console.width, 190))
    blocks = [
        [[finding.effect.name if i == 0 else "", *row] for i, row in enumerate(details(finding))]
        for finding in findings
    ]
    wide.print(_table("all that each effect moves; * what it should move", ("effect", *DETAILS), blocks))
    wide.print(_table("what each effect should move", OVERVIEW, [[overview(finding)] for finding in findings]))
    for finding in findings:
        wide.print(f"{finding.effect.name}: {finding.verdict}", highlight=False)
    if options.only is None:
        write_page(DOCS, findings, options.people, options.horizon)


if __name__ == "__main__":
    main()
