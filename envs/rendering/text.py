"""A life as a log to read: a line per step, and a headline wherever a session begins or a scenario is entered."""

from __future__ import annotations

from .log import CHURN, HORIZON, LifeLog, Scene, Turn, clock, cut, place_words, span

WIDTH = 106  # columns
_OUTCOME = 14  # columns of "60:00 finished"
_MOOD = 6  # cells of the bar
_NAME = 12  # columns of a scenario's name, at most
_NOTHING = "(nothing)"
_ENDS = {CHURN: "The person has left, never to return (churn).", HORIZON: "The horizon of {} steps is reached."}


def life_text(log: LifeLog) -> str:
    """The life so far. It shows mood and the topic on the mind, which are hidden truth, so it is for people only."""
    lines = [f"Person {log.user}: {log.about}"]
    sessions = 0
    for i, turn in enumerate(log.turns):
        sessions += _begins(turn.scene, i)
        lines += _headlines(log, turn.scene, i, sessions)
        lines += _step(log, turn)
        after = log.turns[i + 1].scene if i + 1 < len(log.turns) else log.now
        if after.intent != turn.scene.intent and not after.entered:
            lines.append(f"{'':11}~ on the mind now: {after.intent}")
    if log.end:
        lines += ["", _ENDS[log.end].format(log.horizon)]
    else:
        lines += _headlines(log, log.now, len(log.turns), sessions + _begins(log.now, len(log.turns)))
        lines += [f"{clock(log.now.minute)}  ...", ""]
    return "\n".join([*lines, ", ".join(log.totals()) + "."]) + "\n"


def mood_bar(mood: float, cells: int = _MOOD) -> str:
    """Mood from 0 to 1 as a bar and a number."""
    full = round(mood * cells)
    return f"{'█' * full}{'░' * (cells - full)} {mood:.2f}"


def _begins(scene: Scene, index: int) -> bool:
    return scene.away > 0.0 or index == 0


def _headlines(log: LifeLog, scene: Scene, index: int, session: int) -> list[str]:
    lines = []
    if _begins(scene, index):
        gap = f", {span(scene.away)} later" if scene.away else ""
        lines += ["", _rule(f"Session {session}: {clock(scene.minute, full=True)}{gap}, {place_words(scene)}")]
    if scene.entered:
        search = f', typing "{scene.query}"' if scene.query else ""
        lines.append(f"{'':9}> {log.doing(scene)}{search}; on the mind: {scene.intent}")
    return lines


def _rule(words: str) -> str:
    return f"{words} ".ljust(WIDTH, "─")


def _step(log: LifeLog, turn: Turn) -> list[str]:
    """One line, or for a slate one per place, the clicked one marked; mood stands on the first."""
    name_width = min(max(len(spec.name) for spec in log.scenarios), _NAME)
    first = f"{clock(turn.scene.minute)}  {cut(log.scenario(turn.scene).name, name_width):<{name_width}}  "
    slate = len(turn.shown) > 1
    title_width = WIDTH - len(first) - _OUTCOME - 2 - len(mood_bar(turn.mood)) - (7 if slate else 4)
    lines = []
    for j, place in enumerate(turn.shown):
        number = f"{j + 1:>2} " if slate else ""
        mark = "●" if place.clicked else "·"
        happened = log.outcome(turn) if place.clicked else ""
        left = first if j == 0 else " " * len(first)
        right = mood_bar(turn.mood) if j == 0 else ""
        title = cut(place.title or _NOTHING, title_width)
        lines.append(f"{left}{number}{mark} {title:<{title_width}}  {happened:<{_OUTCOME}}  {right}".rstrip())
    return lines
