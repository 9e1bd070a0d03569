"""Raw results: one row per policy and seed, and every life's return, from which tables and figures are made again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossrec.errors import RunError
from crossrec.metrics import summary

from ..evaluated import ENDS
from ..run import write_file, write_text

_MEASURED = ("score", "return", "click_rate", "conversion_rate", "dwell", "steps", "visits", "churn")
SCORE_COLUMNS = ("env", "policy", "kind", "seed", "people", *_MEASURED, "commit", "options")
LIFE_COLUMNS = ("env", "policy", "seed", "user", "return")
KINDS = ("learner", "logged", "language", "rule", "bound")
_TEXTS = ("env", "policy", "kind", "commit", "options")
_DIGITS = 6


@dataclass(frozen=True)
class Lived:
    """The lives of one evaluation.

    Attributes:
        env: Where.
        policy: Under which policy.
        kind: One of KINDS.
        seed: Of the policy's training and of the lives' noise.
        people: One row per person, see :data:`crossrec.metrics.COLUMNS`.
        commit: Of the code that computed it.
        options: Options of the policy's runs, but for the seed.
    """

    env: str
    policy: str
    kind: str
    seed: int
    people: pd.DataFrame
    commit: str
    options: str


@dataclass(frozen=True)
class Raw:
    """Raw results.

    Attributes:
        scores: One row per environment, policy and seed, with the columns SCORE_COLUMNS.
        lives: One row per life, with the columns LIFE_COLUMNS.
    """

    scores: pd.DataFrame
    lives: pd.DataFrame

    @property
    def envs(self) -> list[str]:
        """The environments, in the order of the rows."""
        return [str(env) for env in self.scores["env"].unique()]

    def of(self, env: str) -> Raw:
        """The part of one environment."""
        return Raw(*(table[table["env"] == env].reset_index(drop=True) for table in (self.scores, self.lives)))

    def returns(self, policy: str) -> NDArray[np.float64]:
        """(s, n) returns of a policy in the one environment of this part, by seed and person."""
        lives = self.lives[self.lives["policy"] == policy]
        table = lives.pivot(index="seed", columns="user", values="return")
        values: NDArray[np.float64] = table.to_numpy(np.float64)
        return values

    def updated(self, other: Raw) -> Raw:
        """These results with the other's in place of older ones; new environments come last.

        Policies that the other lacks are kept where it met the same people in the same moments, as both ends of the
        scale tell; otherwise the whole environment is replaced.
        """
        order = [*self.envs, *(env for env in other.envs if env not in self.envs)]
        parts = [self.of(env)._with(other.of(env)) for env in order]
        return Raw(
            pd.concat([p.scores for p in parts], ignore_index=True),
            pd.concat([p.lives for p in parts], ignore_index=True),
        )

    def _with(self, other: Raw) -> Raw:
        """As :meth:`updated`, of one environment."""
        if other.scores.empty or self.scores.empty:
            return self if other.scores.empty else other
        if any(not np.array_equal(self.returns(end), other.returns(end)) for end in ENDS):
            return other
        mine = (table[~table["policy"].isin(other.scores["policy"])] for table in (self.scores, self.lives))
        return Raw(*(pd.concat([old, new]) for old, new in zip(mine, (other.scores, other.lives), strict=True)))


def gathered(results: Iterable[Lived], zero: str = ENDS[0], one: str = ENDS[1]) -> Raw:
    """Put results together.

    Args:
        results: All policies' of each environment, both ends of the scale among them.
        zero: Policy at 0.
        one: Policy at 1.
    """
    results = list(results)
    known = {(lived.env, lived.policy, lived.seed): lived.people.set_index("user")["return"] for lived in results}
    rows, lives = [], []
    for lived in results:
        returns = _kept(lived.people["return"])
        users = lived.people["user"]
        low, high = (_kept(known[lived.env, end, lived.seed].loc[users]).mean() for end in (zero, one))
        rows.append(
            {
                "env": lived.env,
                "policy": lived.policy,
                "kind": lived.kind,
                "seed": lived.seed,
                "people": len(users),
                "score": (returns.mean() - low) / (high - low) if high != low else np.nan,
                **summary(lived.people),
                "commit": lived.commit,
                "options": lived.options,
            }
        )
        ids = {"env": lived.env, "policy": lived.policy, "seed": lived.seed}
        lives.append(pd.DataFrame({"user": users, "return": returns, **ids}))
    scores = pd.DataFrame(rows)[list(SCORE_COLUMNS)].round(_DIGITS)
    return Raw(scores, pd.concat(lives, ignore_index=True)[list(LIFE_COLUMNS)])


def files(page: Path) -> tuple[Path, Path]:
    """Where raw results lie beside a page: scores as CSV, lives as Parquet."""
    return page.with_suffix(".csv"), page.with_suffix(".parquet")


def write_raw(raw: Raw, page: Path) -> None:
    """Write raw results beside a page."""
    scores, lives = files(page)
    small = raw.lives.astype(
        {"env": "category", "policy": "category", "seed": "int16", "user": "int64", "return": "float32"}
    )
    write_file(lives, lambda path: small.to_parquet(path, index=False, compression="zstd"))
    write_text(scores, raw.scores.to_csv(index=False))


def read_raw(page: Path) -> Raw:
    """Read the raw results beside a page.

    Raises:
        RunError: If a file is missing or damaged, or the two do not belong together.
    """
    tables = []
    for file, columns in zip(files(page), (SCORE_COLUMNS, LIFE_COLUMNS), strict=True):
        try:
            table = _read_scores(file) if file.suffix == ".csv" else pd.read_parquet(file)
            tables.append(table[list(columns)])
        except FileNotFoundError:
            raise RunError(f"{file} is missing; run `crossrec benchmark agents --out {page}` first.") from None
        # Parsers of CSV and Parquet each raise errors of their own for a damaged file.
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise RunError(f"{file} is damaged ({reason}); restore it, or run the benchmark again.") from error
    scores, lives = tables
    lives = lives.astype({"env": str, "policy": str, "seed": "int64", "return": "float32"})
    found = lives.groupby(["env", "policy", "seed"]).size()
    said = scores.set_index(["env", "policy", "seed"])["people"]
    if not found.sort_index().equals(said.sort_index().rename(None)):
        first, second = files(page)
        raise RunError(f"{first} and {second} do not belong together; restore both, or run the benchmark again.")
    return Raw(scores, lives)


def _read_scores(file: Path) -> pd.DataFrame:
    table = pd.read_csv(file, dtype=dict.fromkeys(_TEXTS, str))  # a commit may look like a number
    return table.fillna(dict.fromkeys(_TEXTS, ""))


def _kept(returns: Any) -> NDArray[np.float64]:
    """Returns with the precision that they are kept with, so that what is made from kept ones is the same."""
    return np.asarray(returns, np.float32).astype(np.float64)
