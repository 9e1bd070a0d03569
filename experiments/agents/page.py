"""The page about the agents, its figures and the README's table, all made from raw results alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from crossrec.errors import ConfigError

from ..figures import draw_scores
from ..run import write_text
from .bars import Bar, bars_of
from .plan import plan_of
from .raw import Raw, files
from .table import Row, cells_of, headings, interval, rows_of

MARK, END = "<!-- written by crossrec benchmark agents -->", "<!-- end -->"
_EMPTY = f"# Agents and baselines\n\n{MARK}\n{END}\n"


@dataclass(frozen=True)
class Answer:
    """What was found in one environment.

    Attributes:
        env: Its name.
        rows: Its table, the best first.
        bars: What is demanded there.
        seeds: How many.
        part: Its raw results.
    """

    env: str
    rows: list[Row]
    bars: list[Bar]
    seeds: int
    part: Raw

    @property
    def reference(self) -> str:
        """Policy that the others are compared with."""
        return plan_of(self.env).reference

    @property
    def met(self) -> str:
        """Who was met."""
        people = max(row.people for row in self.rows)
        seeds = f"seeds 0 to {self.seeds - 1}" if self.seeds > 1 else "seed 0"
        return f"{seeds}, {people} people per seed, never met in training"


def answers(raw: Raw) -> list[Answer]:
    """What was found, by environment in the order of the raw results.

    Raises:
        ConfigError: If an oracle does not beat random with every seed.
    """
    found = []
    for env in raw.envs:
        part = raw.of(env)
        rows = rows_of(part, plan_of(env).reference)
        found.append(Answer(env, rows, bars_of(env, rows, part), part.scores["seed"].nunique(), part))
    return found


def check_marks(file: Path) -> None:
    """Check that a file says where the table goes.

    Raises:
        ConfigError: If there is no such file, or no such place in it.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read ({error}).") from error
    if END not in text.partition(MARK)[2]:
        raise ConfigError(f"{file} has no place for the table: put {MARK} and {END} there, each on a line of its own.")


def write_page(page: Path, found: Sequence[Answer]) -> None:
    """Write tables, figures and demands into a page between its marks; a page that is not there yet gets both.

    Raises:
        ConfigError: If the page has no marks.
    """
    if page.is_file():
        check_marks(page)
    else:
        write_text(page, _EMPTY)
    for answer in found:
        draw_scores(_figure(page, answer), _drawn(answer), _learners(answer.rows), f"{answer.env}: {answer.met}")
    _fill(page, "\n\n".join(_section(page, answer) for answer in found))


def write_readme(readme: Path, found: Sequence[Answer]) -> None:
    """Write one table of all environments into a file between its marks.

    Raises:
        ConfigError: If the file is missing or has no marks.
    """
    check_marks(readme)
    _fill(readme, readme_table(found))


def readme_table(found: Sequence[Answer]) -> str:
    """Every policy with its scores, Markdown; in the order of the first environment, what is not there comes last."""
    rows = {answer.env: {row.policy: row for row in answer.rows} for answer in found}
    kinds = {row.policy: row.kind for answer in found for row in answer.rows}
    lines = [
        [name, kind, *(interval(rows[env][name].score) if name in rows[env] else "" for env in rows)]
        for name, kind in kinds.items()
    ]
    return _markdown(["policy", "kind", *rows], lines, texts=2)


def _section(page: Path, answer: Answer) -> str:
    table = _markdown(headings(answer.rows, answer.reference), [cells_of(row) for row in answer.rows], texts=2)
    bars = "\n".join(f"- {bar}" for bar in answer.bars)
    lines = [
        f"## {answer.env}",
        f"{answer.met[:1].upper()}{answer.met[1:]}.",
        bars,
        table,
        f"![Scores]({_figure(page, answer).name})",
    ]
    if commands := _commands(answer):
        lines.append(f"What trained the learners, once with each seed:\n\n```bash\n{commands}\n```")
    raw = " and ".join(f"[{file.name}]({file.name})" for file in files(page))
    lines.append(f"Raw results: {raw}.")
    return "\n\n".join(filter(None, lines))


def _commands(answer: Answer) -> str:
    scores = answer.part.scores
    learners = scores[scores["kind"] == "learner"].drop_duplicates("policy")
    return "\n".join(f"crossrec train {options} seed=0" for options in learners["options"])


def _drawn(answer: Answer) -> dict[str, dict[str, float]]:
    return {
        row.policy: {"score": row.score.value, "low": row.score.low, "high": row.score.high}
        for row in reversed(answer.rows)
    }


def _learners(rows: Iterable[Row]) -> set[str]:
    return {row.policy for row in rows if row.kind == "learner"}


def _figure(page: Path, answer: Answer) -> Path:
    return page.with_name(f"{page.stem}-{answer.env}.png")


def _fill(file: Path, text: str) -> None:
    before, _, rest = file.read_text(encoding="utf-8").partition(MARK)
    _, _, after = rest.partition(END)
    write_text(file, f"{before}{MARK}\n\n{text}\n\n{END}{after}")


def _markdown(names: Sequence[str], lines: Iterable[Sequence[str]], texts: int) -> str:
    rule = ["---" if place < texts else "---:" for place in range(len(names))]
    return "\n".join(f"| {' | '.join(line)} |" for line in [names, rule, *lines])
