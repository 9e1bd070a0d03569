"""A life as a picture: a lane per scenario over the steps, the topic on the mind, mood below, the latest step in words.

A step is as wide as any other, so that a minute's browsing and an hour's video are both visible; between sessions there
is a gap that says how long it was. The picture of a long life shows its latest part.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crossrec.simulation.dynamics import scaled_dwell
from crossrec.simulation.journey import AVERAGE_MOOD

from .caption import CONVERTED, FAINT, INK, PAPER, PASSED, SOFT, Caption, colour
from .log import CHURN, LifeLog, Scene, clock, cut

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INCHES, DPI = (12.0, 7.2), 100
_MAX_WIDTH = 60.0  # [inches] of a saved picture
_STEP = 0.193  # width of a step [inches]
_SIDES = (1.02, 0.18)  # room left and right of the lanes [inches]
_GAP, _SESSION = 2.0, 5.0  # width of a gap between sessions, and of a session with the gap after it, at least [steps]
_LETTERS = 3.1  # letters of small print in the width of a step
_TIMES = 1 / 6  # share of the lanes' height that is for the times of sessions
_MOOD, _GROUND, _NOW = "#4f9d69", "#f5f7f9", "#fff3c4"


class LifeFigure:
    """Draws lives into one figure, again and again.

    Args:
        figure: An empty figure; the wider, the more steps it shows.
    """

    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        figure.set_facecolor(PAPER)
        width = figure.get_figwidth()
        left, right = _SIDES[0] / width, 1 - _SIDES[1] / width
        self.steps = (right - left) * width / _STEP
        self.caption = Caption(figure, 0.24 / width, right)
        self.lanes = figure.add_axes((left, 0.40, right - left, 0.43))
        self.mind = figure.add_axes((left, 0.345, right - left, 0.035), sharex=self.lanes)
        self.mood = figure.add_axes((left, 0.215, right - left, 0.11), sharex=self.lanes)
        for axes in (self.lanes, self.mind, self.mood):
            axes.set_facecolor("none")
            axes.tick_params(length=0, labelsize=9, labelcolor=SOFT)
            axes.xaxis.set_visible(False)
            axes.spines[:].set_visible(False)
        self.mind.set(ylim=(0, 1), yticks=[0.5], yticklabels=["on the mind"])
        self.mood.set(ylim=(0, 1), yticks=[0, 1], yticklabels=["low", "high"])
        self.mood.set_ylabel("mood", color=SOFT, fontsize=9, labelpad=8)
        self.mood.axhline(AVERAGE_MOOD, color=FAINT, lw=1, ls=(0, (4, 3)))
        self.mood.axhline(0, color=FAINT, lw=1)
        self._names: tuple[str, ...] = ()
        self._drawn: list[Any] = []

    def draw(self, log: LifeLog) -> None:
        """Draw the life so far in place of what was there."""
        for artist in self._drawn:
            artist.remove()
        self._drawn = []
        self._name_lanes(log)
        x, scenes = positions(log), _scenes(log)
        begin = max(x[-1] + 1.5 - self.steps, 0.0)
        self.lanes.set_xlim(begin, begin + self.steps)
        first = int(np.searchsorted(x, begin))
        self._sessions(scenes, x, first)
        self._visits(scenes, x, first)
        self._minds(scenes, x, first)
        self._marks(log, x, first)
        self._moods(log, x, first)
        self.caption.write(log)

    def _name_lanes(self, log: LifeLog) -> None:
        names = tuple(spec.name for spec in log.scenarios)
        if names == self._names:
            return
        self._names, places = names, range(len(names))
        below, above = len(names) - 0.4, 0.55  # the first and the last lane's distance to what is around [lanes]
        self.lanes.set_ylim(below, -(above + below * _TIMES) / (1 - _TIMES))
        self.lanes.set_yticks(places, [cut(name, 13) for name in names])
        self.lanes.hlines(places, 0, 1, transform=self.lanes.get_yaxis_transform(), color=FAINT, lw=1, zorder=0)
        for lane, label in enumerate(self.lanes.get_yticklabels()):
            label.set(color=colour(lane), fontsize=10.5, fontweight="bold")

    def _sessions(self, scenes: list[Scene], x: NDArray[np.float64], first: int) -> None:
        """A soft ground under each session, and when it began."""
        top, edge = self.lanes.get_xaxis_transform(), self.lanes.get_xlim()[0] + 0.1
        for begin, end in _runs(first, len(scenes), lambda i: scenes[i].away > 0):
            self._add(self.lanes.axvspan(x[begin] - 0.6, x[end] + 0.6, color=_GROUND, lw=0, zorder=-2))
            at, scene = max(x[begin] - 0.5, edge), scenes[begin]
            self._text(self.lanes, at, 0.95, clock(scene.minute), transform=top, color=INK, fontsize=8.5)
            if scene.away:
                self._text(self.lanes, at, 0.885, f"+{_short(scene.away)}", transform=top, color=SOFT, fontsize=8)

    def _visits(self, scenes: list[Scene], x: NDArray[np.float64], first: int) -> None:
        """A ribbon for each visit to a scenario, and the way from one to the next."""
        lanes = np.array([scene.scenario for scene in scenes], float)
        for begin, end in _runs(first, len(scenes), lambda i: scenes[i].entered):
            ends, lane, hue = [x[begin] - 0.05, x[end] + 0.05], [lanes[begin]] * 2, colour(scenes[begin].scenario)
            self._add(*self.lanes.plot(ends, lane, color=hue, alpha=0.2, lw=15, solid_capstyle="round", zorder=1))
        away = [i - first for i in range(first + 1, len(scenes)) if scenes[i].away]
        self._add(*self.lanes.plot(*_broken(away, x[first:], lanes[first:]), color="#c3cbd3", lw=1.2))

    def _marks(self, log: LifeLog, x: NDArray[np.float64], first: int) -> None:
        """A mark for each step, what comes next, and a bright ground under the latest step."""
        turns = log.turns[first:]
        lane = np.array([turn.scene.scenario for turn in turns], int)
        colours = np.array([colour(i) for i in lane])
        clicked = np.array([turn.choice is not None for turn in turns], bool)
        converted = np.array([turn.choice is not None and turn.choice.converted for turn in turns], bool)
        dwell = np.array([turn.choice.dwell if turn.choice else 0.0 for turn in turns])
        area = np.maximum(30.0 + 220.0 * scaled_dwell(dwell) ** 3, 130.0 * converted)
        at = x[first : first + len(turns)]
        for chosen, style in (
            (~clicked, {"s": 16, "c": PAPER, "edgecolors": PASSED, "linewidths": 1.0}),
            (clicked, {"s": area[clicked], "c": colours[clicked], "edgecolors": PAPER, "linewidths": 0.8}),
            (converted, {"s": 46, "c": CONVERTED, "marker": "*", "edgecolors": INK, "linewidths": 0.5}),
        ):
            if chosen.any():
                self._add(self.lanes.scatter(at[chosen], lane[chosen], zorder=4, **style))
        if log.end == CHURN:
            self._add(*self.lanes.plot(at[-1:] + 1, lane[-1:], marker="x", color=INK, ms=8, mew=2))
        elif not log.end:
            now = log.now.scenario
            self._add(*self.lanes.plot(x[-1:], [now], marker=">", color=colour(now), ms=8, mec=PAPER, zorder=5))
        for axes in (self.lanes, self.mood) if turns else ():
            self._add(axes.axvspan(at[-1] - 0.5, at[-1] + 0.5, color=_NOW, lw=0, zorder=-1))

    def _minds(self, scenes: list[Scene], x: NDArray[np.float64], first: int) -> None:
        """What is on the mind: a strip that is cut where it changes, named where the name fits."""
        for begin, end in _runs(
            first, len(scenes), lambda i: scenes[i].away or scenes[i].intent != scenes[i - 1].intent
        ):
            left, right = x[begin] - 0.46, x[end] + 0.46
            self._add(self.mind.axvspan(left, right, color="#e9edf1", lw=0))
            if (letters := int((right - left) * _LETTERS)) > 3:
                name = cut(scenes[begin].intent, letters)
                self._text(self.mind, (left + right) / 2, 0.48, name, color=INK, fontsize=7.5, ha="center")

    def _moods(self, log: LifeLog, x: NDArray[np.float64], first: int) -> None:
        """Mood after each step; before the first one, the mood that the person came with."""
        moods = np.array([turn.mood for turn in log.turns] or [log.now.mood])
        away = [i - first for i in range(first + 1, len(moods)) if log.turns[i].scene.away]
        at, mood = _broken(away, x[first : len(moods)], moods[first:])
        self._add(self.mood.fill_between(at, mood, color=_MOOD, alpha=0.18, lw=0))
        self._add(*self.mood.plot(at, mood, color=_MOOD, lw=1.8, marker=".", ms=4, clip_on=False))
        self._add(*self.mood.plot(at[-1:], mood[-1:], marker="o", color=_MOOD, ms=5, clip_on=False))

    def _text(self, axes: Any, x: float, y: float, words: str, **style: Any) -> None:
        self._add(axes.text(x, y, words, va="center", clip_on=True, parse_math=False, **style))

    def _add(self, *artists: Any) -> None:
        self._drawn += artists


def agg_figure(width: float = INCHES[0]) -> Figure:
    """An empty figure [inches] that is drawn into memory, whatever Matplotlib's backend is."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure((width, INCHES[1]), dpi=DPI)
    FigureCanvasAgg(figure)
    return figure


def save_life(log: LifeLog, file: Path) -> None:
    """Write a picture of a whole life, PNG, as wide as the life is long; of a very long one the latest part."""
    width = (positions(log)[-1] + 1.5) * _STEP + sum(_SIDES)
    figure = agg_figure(min(max(width, INCHES[0]), _MAX_WIDTH))
    LifeFigure(figure).draw(log)
    figure.savefig(file, format="png")


def positions(log: LifeLog) -> NDArray[np.float64]:
    """Where each moment stands, (moments,) [steps]: one step after the other, with gaps between sessions."""
    x, begun = [0.7], 0.7
    for scene in _scenes(log)[1:]:
        x.append(max(x[-1] + _GAP, begun + _SESSION) if scene.away else x[-1] + 1.0)
        begun = x[-1] if scene.away else begun
    return np.array(x)


def _scenes(log: LifeLog) -> list[Scene]:
    """All moments; where the life has ended nothing comes next."""
    scenes = [turn.scene for turn in log.turns]
    return scenes if log.end else [*scenes, log.now]


def _runs(first: int, end: int, begins: Callable[[int], object]) -> list[tuple[int, int]]:
    """First and last index of each run from ``first`` to before ``end``; a run begins where ``begins`` says so."""
    starts = [i for i in range(first, end) if i == first or begins(i)]
    return list(zip(starts, [start - 1 for start in starts[1:]] + [end - 1], strict=True))


def _broken(places: list[int], *lines: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Lines with a break before each of these places."""
    return tuple(np.insert(line, places, np.nan) for line in lines)


def _short(minutes: float) -> str:
    if minutes >= 24 * 60:
        return f"{minutes / (24 * 60):.1f} d"
    return f"{minutes / 60:.0f} h" if minutes >= 60 else f"{minutes:.0f} min"
