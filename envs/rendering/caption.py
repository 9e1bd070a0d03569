"""What stands in words around a life's picture: whose life it is, what was shown last, what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .log import CHURN, HORIZON, LifeLog, Scene, Turn, clock, cut, place_words, span

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, SOFT, FAINT, PAPER = "#22303c", "#6b7885", "#dfe4e9", "#ffffff"
PASSED, CONVERTED = "#9fabb6", "#ffd84d"
_LANES = ("#3b7dd8", "#e08a2e", "#3a9d6e", "#8d6cc9", "#d1495b", "#1f9aa8", "#9c6b3f", "#d66ba0")
_LARGE, _TITLES = 6, 10  # titles of a slate that fit in large print, and at all
_ENDS = {CHURN: "left, never to return", HORIZON: "the horizon is reached"}


def colour(lane: int) -> str:
    """The colour of a scenario."""
    return _LANES[lane % len(_LANES)]


class Caption:
    """Writes into a figure.

    Args:
        figure: Where to.
        left: Where words begin, as a share of the width.
        right: Where they end.
    """

    def __init__(self, figure: Figure, left: float, right: float) -> None:
        self.figure, self.left, self.right = figure, left, right
        self._written: list[Any] = []
        self._legend()

    def write(self, log: LifeLog) -> None:
        """Write the words of this life in place of what stood there."""
        for words in self._written:
            words.remove()
        self._written = []
        self._head(log)
        if not log.turns:
            self._put(0.165, "A life begins", fontsize=12, fontweight="bold")
            self._put(0.12, _moment(log, log.now), fontsize=11)
            return
        turn = log.turns[-1]
        self._put(0.165, _moment(log, turn.scene), fontsize=11, color=colour(turn.scene.scenario), fontweight="bold")
        if len(turn.shown) == 1:
            self._put(0.118, turn.shown[0].title or "(nothing)", fontsize=14)
            happened = f"clicked, {log.outcome(turn)}" if turn.choice else "passed by"
            self._put(0.075, happened, fontsize=11, color=INK if turn.choice else SOFT)
        else:
            self._slate(log, turn)
        self._put(0.02, _ENDS.get(log.end) or f"next: {_moment(log, log.now)}", fontsize=9.5, color=SOFT)

    def _head(self, log: LifeLog) -> None:
        self._put(0.955, f"Person {log.user}", fontsize=16, fontweight="bold")
        self._put(0.915, log.about, fontsize=10, color=SOFT)
        self._put(0.955, f"step {len(log.turns)} of {log.horizon}", x=self.right, fontsize=12, ha="right")
        self._put(0.915, log.totals()[1], x=self.right, fontsize=10, color=SOFT, ha="right")

    def _slate(self, log: LifeLog, turn: Turn) -> None:
        """The slate's titles in two columns, the clicked one marked."""
        n = len(turn.shown)
        rows, large = min((n + 1) // 2, _TITLES // 2), n <= _LARGE
        for j, place in enumerate(turn.shown[:_TITLES]):
            column, row = divmod(j, rows)
            title = f"{j + 1}  {cut(place.title or '(nothing)', 48 if large else 60)}"
            if place.clicked:
                title += f"   {log.outcome(turn)}"
            self._put(
                0.128 - 0.034 * row if large else 0.138 - 0.022 * row,
                title,
                x=self.left + 0.48 * column,
                fontsize=11 if large else 9.5,
                fontweight="bold" if place.clicked else "normal",
                color=colour(turn.scene.scenario) if place.clicked else INK,
            )
        if n > _TITLES:
            self._put(0.02, f"and {n - _TITLES} more", x=self.right, fontsize=9.5, color=SOFT, ha="right")

    def _legend(self) -> None:
        from matplotlib.lines import Line2D

        def mark(label: str, **style: Any) -> Any:
            return Line2D([], [], ls="", label=label, **style)

        self.figure.legend(
            handles=[
                mark("passed by", marker="o", ms=4.5, mfc=PAPER, mec=PASSED),
                mark("clicked, larger for longer", marker="o", ms=8, color=SOFT),
                mark("converted", marker="*", ms=8, mfc=CONVERTED, mec=INK, mew=0.5),
            ],
            loc="center right",
            bbox_to_anchor=(self.right + 0.007, 0.87),
            ncols=3,
            frameon=False,
            fontsize=9,
            labelcolor=SOFT,
            handletextpad=0.2,
            columnspacing=1.4,
        )

    def _put(self, y: float, words: str, *, x: float | None = None, **style: Any) -> None:
        style = {"color": INK, "va": "center", "parse_math": False, **style}
        self._written.append(self.figure.text(self.left if x is None else x, y, words, **style))


def _moment(log: LifeLog, scene: Scene) -> str:
    later = f"after {span(scene.away)}, " if scene.away else ""
    search = f', typing "{scene.query}"' if scene.query else ""
    where = f"{clock(scene.minute)}, {log.doing(scene)}{search}, {place_words(scene)}"
    return cut(f"{later}{where}; on the mind: {scene.intent}", 130)
