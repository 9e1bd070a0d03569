"""What a person lived through, kept for people to look at.

Mood and the topic on the mind are hidden truth. They stand here because a log is for people; no observation is made of
it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from crossrec.observation import AGE_BANDS, DEVICES, LANGUAGES, LOCATIONS, WEEKDAYS
from crossrec.world.scenario import Scenario
from crossrec.world.text import TOPICS, interests_text, query_text, scenario_phrase

from ..base import PeopleCore

CHURN, HORIZON = "churn", "horizon"
_CONVERTED = {"price": "bought", "age": "shared", "length": "finished"}  # by what items have; elsewhere they are liked
_CONVERTED_IN = {"music": "liked", "search": "saved"}


@dataclass(frozen=True)
class Scene:
    """A moment before something is shown.

    Attributes:
        minute: Of the week.
        away: Gap before a session that has just begun [min], 0 within one.
        entered: Whether this is the first moment in the scenario.
        scenario: Index.
        device: Name.
        location: Name.
        query: Search query, or empty.
        intent: Topic on the mind.
        mood: Satisfaction, 0 to 1.
    """

    minute: float
    away: float
    entered: bool
    scenario: int
    device: str
    location: str
    query: str
    intent: str
    mood: float


@dataclass(frozen=True)
class Shown:
    """One place of a slate; ``title`` is empty where nothing stood."""

    title: str
    clicked: bool
    dwell: float  # [s]
    converted: bool


@dataclass(frozen=True)
class Turn:
    """One step: the moment, what was shown, what came of it.

    Attributes:
        scene: Before it.
        shown: One per place of the slate.
        reward: What the policy got.
        mood: After it.
    """

    scene: Scene
    shown: tuple[Shown, ...]
    reward: float
    mood: float

    @property
    def choice(self) -> Shown | None:
        """What was clicked, if anything."""
        return next((place for place in self.shown if place.clicked), None)


@dataclass
class LifeLog:
    """One life since its reset.

    Attributes:
        user: Id of the person.
        about: Age, language and interests as the profile states them.
        scenarios: Of the environment.
        horizon: Steps after which a life is cut off.
        now: The moment that comes next.
        turns: What was shown so far.
        end: ``CHURN``, ``HORIZON`` or empty.
    """

    user: int
    about: str
    scenarios: tuple[Scenario, ...]
    horizon: int
    now: Scene
    turns: list[Turn] = field(default_factory=list)
    end: str = ""

    @classmethod
    def begin(cls, core: PeopleCore) -> LifeLog:
        """The log of a life that was just begun, of the first person of ``core``."""
        seen = core.simulator.seen
        profile = seen.profile[0].tolist()
        age, language = AGE_BANDS[profile.index(1)], LANGUAGES[profile.index(1, len(AGE_BANDS)) - len(AGE_BANDS)]
        about = f"{age}, {language}. {interests_text(seen.stated[0].tolist())}"
        return cls(int(seen.user[0]), about, core.world.scenarios, core.config.horizon, _scene(core))

    def add(self, core: PeopleCore) -> None:
        """Write down the step that ``core`` has just taken."""
        outcome = core.outcome
        assert outcome is not None  # a step was taken
        parts = {name: float(values[0]) for name, values in outcome.parts.items()}
        place = int(outcome.place[0]) if parts["click"] else -1
        shown, before = [], set()
        for j, item in enumerate(outcome.items[0].tolist()):
            title = core.world.catalogue.title(item) if item and item not in before else ""
            before.add(item)
            clicked = j == place
            shown.append(Shown(title, clicked, 60.0 * parts["dwell"] * clicked, clicked and parts["conversion"] > 0))
        after = _scene(core)
        self.turns.append(Turn(self.now, tuple(shown), float(outcome.reward[0]), after.mood))
        self.now = after
        self.end = CHURN if outcome.terminated[0] else HORIZON if outcome.truncated[0] else ""

    def scenario(self, scene: Scene) -> Scenario:
        """Where a moment is."""
        return self.scenarios[scene.scenario]

    def doing(self, scene: Scene) -> str:
        """What the person does, e.g. ``"watching videos on the tv"``."""
        spec = self.scenario(scene)
        return f"{spec.phrase or scenario_phrase(spec.name)} on the {scene.device}"

    def outcome(self, turn: Turn) -> str:
        """What came of a step, e.g. ``"4:12 finished"``; empty without a click."""
        choice = turn.choice
        if choice is None:
            return ""
        spec = self.scenario(turn.scene)
        word = _CONVERTED_IN.get(spec.name) or _CONVERTED.get(spec.facet, "liked")
        return f"{stopwatch(choice.dwell)} {word}" if choice.converted else stopwatch(choice.dwell)

    def totals(self) -> tuple[str, str]:
        """How many steps were taken, and the sums over them, in words."""
        choices = [choice for turn in self.turns if (choice := turn.choice)]
        attention = span(sum(choice.dwell for choice in choices) / 60.0)
        total = sum(turn.reward for turn in self.turns)
        counts = [_count(len(choices), "click"), _count(sum(choice.converted for choice in choices), "conversion")]
        return _count(len(self.turns), "step"), f"{', '.join(counts)}, {attention} of attention, return {total:.2f}"


def place_words(scene: Scene) -> str:
    """Where the person is: ``"at home"``, ``"on the move"``."""
    return scene.location if scene.location == LOCATIONS[-1] else f"at {scene.location}"


def clock(minute: float, *, full: bool = False) -> str:
    """A minute of the week as ``"Wed 21:04"``, or with the whole name of the day."""
    day, rest = divmod(int(minute), 24 * 60)
    name = WEEKDAYS[day] if full else WEEKDAYS[day][:3]
    return f"{name} {rest // 60:02d}:{rest % 60:02d}"


def stopwatch(seconds: float) -> str:
    """Seconds as ``"4:12"``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def span(minutes: float) -> str:
    """Minutes as ``"7 h 12 min"``."""
    days, rest = divmod(round(minutes), 24 * 60)
    hours, rest = divmod(rest, 60)
    if days:
        return f"{_count(days, 'day')} {hours} h" if hours else _count(days, "day")
    return f"{hours} h {rest} min" if hours else f"{rest} min"


def cut(text: str, letters: int) -> str:
    """The text, or what fits of it."""
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _scene(core: PeopleCore) -> Scene:
    seen, truth = core.simulator.seen, core.simulator.truth
    return Scene(
        minute=float(seen.minute[0]),
        away=float(seen.away[0]),
        entered=bool(seen.entered[0]),
        scenario=int(seen.scenario[0]),
        device=DEVICES[seen.device[0]],
        location=LOCATIONS[seen.location[0]],
        query=query_text(int(seen.query[0])),
        intent=TOPICS[truth.intent[0]],
        mood=float(truth.satisfaction[0]),
    )
