"""Recommendation scenarios: where people meet recommendations, and how people behave there."""

from __future__ import annotations

import os
import re
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from crossrec.errors import ConfigError, check_name, check_range, nearest
from crossrec.observation import DAYPARTS, DEVICES

FACETS = ("", "price", "length", "age")


@dataclass(frozen=True)
class Scenario:
    """One recommendation scenario.

    Attributes:
        name: Identifier, e.g. ``"news"``.
        facet: What its items have besides a topic: ``"price"`` [EUR], ``"length"`` [min], ``"age"`` [h] or ``""``.
        base: Utility of an item that nothing speaks for [logits].
        rho: How strongly it shares interests with the rest, -1 to 1.
        dwell: Median time on a clicked item [s].
        dwell_spread: Standard deviation of log dwell.
        conversion: Probability of a conversion after a click on an item of utility 0.
        patience: Factor on how long people stay; 1 is average.
        dayparts: Weight of each daypart (morning, midday, evening, night).
        devices: Weight of each device (phone, tablet, desktop, tv).
        follow_up: How readily people move on to it after a click elsewhere; 0 is neutral.
        examination: Share of attention that each place of a slate keeps of the place above, 0 to 1.
        query: Whether people type a search query on entering.
        phrase: What a person there is doing, e.g. ``"listening to podcasts"``; default: "browsing" and the name.
    """

    name: str
    facet: str
    base: float
    rho: float
    dwell: float
    dwell_spread: float
    conversion: float
    patience: float
    dayparts: tuple[float, ...]
    devices: tuple[float, ...]
    follow_up: float = 0.0
    examination: float = 0.8
    query: bool = False
    phrase: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = checked(field.name, getattr(self, field.name), f"scenario {shown(self.name)}: ")
            object.__setattr__(self, field.name, value)


RANGES = {
    "base": (-20.0, 20.0),
    "rho": (-1.0, 1.0),
    "dwell": (1e-3, 1e6),
    "dwell_spread": (0.0, 5.0),
    "conversion": (1e-6, 1.0 - 1e-6),
    "patience": (1e-3, 1e3),
    "follow_up": (-20.0, 20.0),
    "examination": (0.0, 1.0),
}
MOST_SCENARIOS = 100  # an observation tells scenarios in bytes
MAX_WEIGHT = 1e6  # habits are float32
WEIGHTS = {"dayparts": DAYPARTS, "devices": DEVICES}
_ENDINGS = (".yaml", ".yml")
_NAME = re.compile(r"[^\W_]([\w -]*\w)?")  # so it is no file name, and a command line takes it as it is


def checked(field: str, value: Any, where: str) -> Any:
    """One field's value as a scenario keeps it.

    Args:
        field: Name of a field of :class:`Scenario`.
        value: What was found.
        where: Stands before the field in messages.

    Raises:
        ConfigError: If it is not allowed; names the field, the value and what is allowed.
    """
    option = f"{where}{field}"
    if field in WEIGHTS:
        return _weights(option, value, WEIGHTS[field])
    if field in RANGES:
        return number(option, value, *RANGES[field])
    value = _plain(value)
    found = f"{option}={shown(value)}"
    if field == "query":
        if not isinstance(value, bool):
            raise ConfigError(f"{found} must be true or false.")
    elif field == "facet":
        if not isinstance(value, str) or value not in FACETS:
            raise ConfigError(f"{found} is unknown; {nearest(str(value), FACETS[1:])}, or '' for none.")
    elif not isinstance(value, str):
        raise ConfigError(f"{found} must be text, in quotes where it reads like something else.")
    elif field == "name" and not _NAME.fullmatch(value):
        raise ConfigError(
            f"{found} must be a word such as 'podcasts'; allowed: letters, digits, inside also _ - and spaces."
        )
    elif field == "phrase" and not value.isprintable():
        raise ConfigError(f"{found} must be words on one line, such as 'listening to podcasts'.")
    return value


def number(option: str, value: Any, low: float, high: float) -> float:
    """A number in a range, as a float.

    Args:
        option: What stands before the value in messages.
        value: What was found.
        low: The least that is allowed.
        high: The most.

    Raises:
        ConfigError: If it is no number, or out of range.
    """
    plain = _plain(value)
    if not isinstance(plain, (int, float)) or isinstance(plain, bool):
        raise ConfigError(f"{option}={shown(plain)} must be a number from {low:g} to {high:g}.")
    check_range(option, plain, low, high)
    return float(plain)


def shown(value: Any) -> str:
    """A value as messages show it: not longer than a sentence bears."""
    return "nothing" if value is None else _REPR.repr(value)


_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 60
_REPR.maxlevel = 2


def _plain(value: Any) -> Any:
    """NumPy's scalars and arrays as Python's numbers and lists."""
    return value.tolist() if hasattr(value, "tolist") else value


def _weights(option: str, value: Any, names: Sequence[str]) -> tuple[float, ...]:
    """Weights that can be normalised, one per name."""
    weights = _plain(value)
    found, allowed = f"{option}={shown(weights)}", f"must be {len(names)} weights ({', '.join(names)})"
    if not isinstance(weights, (tuple, list)) or len(weights) != len(names):
        raise ConfigError(f"{found} {allowed}.")
    numbers = [number(f"{option}: {name}", w, 0.0, MAX_WEIGHT) for name, w in zip(names, weights, strict=True)]
    if max(numbers) < 1.0 / MAX_WEIGHT:
        raise ConfigError(f"{found} {allowed}, not all of them 0.")
    return tuple(numbers)


SCENARIOS: dict[str, Scenario] = {
    s.name: s
    for s in (
        Scenario("shopping", "price", -4.2, 0.6, 45.0, 0.8, 0.08, 1.0, (1.0, 1.5, 3.0, 1.0), (3.0, 1.0, 3.0, 0.0), 0.6),
        Scenario("news", "age", -3.8, 0.5, 70.0, 0.7, 0.05, 0.8, (4.0, 3.0, 1.5, 0.5), (5.0, 1.0, 3.0, 0.0), 0.0),
        Scenario("social", "", -3.6, 0.7, 20.0, 0.9, 0.15, 1.3, (2.0, 3.0, 3.0, 2.0), (6.0, 1.0, 1.0, 0.0), 0.4),
        Scenario("music", "length", -3.8, 0.5, 180.0, 0.4, 0.20, 1.2, (3.0, 1.5, 1.5, 1.0), (5.0, 1.0, 2.0, 0.5), -0.2),
        Scenario("video", "length", -4.0, 0.7, 260.0, 0.9, 0.10, 1.0, (0.5, 1.0, 4.0, 4.0), (2.0, 2.0, 1.0, 4.0), 0.2),
        Scenario(
            "education",
            "length",
            -4.2,
            0.4,
            420.0,
            0.7,
            0.25,
            0.9,
            (2.0, 2.0, 2.0, 0.3),
            (1.0, 2.0, 4.0, 0.2),
            -0.3,
            0.85,
        ),
        Scenario(
            "search", "", -4.0, 0.8, 30.0, 0.9, 0.12, 0.6, (2.0, 3.0, 2.0, 1.0), (4.0, 1.0, 4.0, 0.0), 0.3, 0.65, True
        ),
        Scenario("games", "", -3.9, 0.3, 540.0, 0.8, 0.06, 1.4, (0.5, 1.0, 3.0, 3.0), (4.0, 2.0, 2.0, 0.5), 0.1),
    )
}
_SHIPPED = dict(SCENARIOS)


def spelt_out(entries: list[Any]) -> list[Any]:
    """The same scenarios with all that is not shipped written out, so that files may change or go."""
    return [found.name if _SHIPPED.get(found.name) == found else found for found in resolve_scenarios(entries)]


def register_scenario(scenario: Scenario, *, replace: bool = False) -> Scenario:
    """Make a scenario known by its name, as ``gym.make(..., scenarios=["news", "podcasts"])`` then finds it.

    Args:
        scenario: What to register.
        replace: Whether it may take the place of one that you registered before.

    Returns:
        The same scenario.

    Raises:
        ConfigError: If it is no :class:`Scenario`, or the name is taken by a different one.
    """
    if not isinstance(scenario, Scenario):
        raise ConfigError(f"register_scenario takes a Scenario; found {scenario!r}; load_scenario(file) makes one.")
    taken = SCENARIOS.get(scenario.name)
    if taken is not None and taken != scenario and (scenario.name in _SHIPPED or not replace):
        how = "choose another name" if scenario.name in _SHIPPED else "choose another name or pass replace=True"
        raise ConfigError(f"scenario '{scenario.name}' is registered already, with other values; {how}.")
    SCENARIOS[scenario.name] = scenario
    return scenario


def resolve_scenarios(entries: Any, option: str = "scenarios") -> tuple[Scenario, ...]:
    """The scenarios that an option names.

    Args:
        entries: Names of registered scenarios, paths of YAML files, :class:`Scenario` objects or mappings of fields.
        option: Name of the option, for messages.

    Raises:
        ConfigError: For an empty list, an unknown name, a wrong file, or two scenarios of one name.
    """
    from crossrec.world.scenario_file import load_scenario, scenario_from

    if not isinstance(entries, (list, tuple)) or not entries:
        raise ConfigError(f"{option}={entries!r} is empty or no list; name at least one scenario, e.g. ['news'].")
    found: list[Scenario] = []
    for entry in entries:
        if isinstance(entry, Scenario):
            found.append(entry)
        elif isinstance(entry, Mapping):
            found.append(scenario_from(entry, option))
        elif isinstance(entry, os.PathLike) or (isinstance(entry, str) and entry.endswith(_ENDINGS)):
            found.append(load_scenario(entry))
        elif isinstance(entry, str):
            if entry not in SCENARIOS and (
                file := next((entry + e for e in _ENDINGS if Path(entry + e).is_file()), "")
            ):
                raise ConfigError(f"{option}={entry!r} is no registered scenario; did you mean the file '{file}'?")
            found.append(SCENARIOS[check_name(option, entry, SCENARIOS)])
        else:
            raise ConfigError(
                f"{option} holds {entry!r}; allowed: names, YAML files, Scenario objects or mappings of their fields."
            )
    if len(found) > MOST_SCENARIOS:
        raise ConfigError(f"{option} names {len(found)} scenarios; allowed: at most {MOST_SCENARIOS}.")
    names = [scenario.name for scenario in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ConfigError(f"{option}={names!r} names a scenario twice; each may stand once: '{twice[0]}'.")
    return tuple(found)
