"""Recommendation scenarios: where people meet recommendations, and how people behave there."""

from __future__ import annotations

from dataclasses import dataclass

from crossrec.errors import ConfigError, check_range
from crossrec.observation import DAYPARTS, DEVICES


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

    def __post_init__(self) -> None:
        where = f"scenario '{self.name}': "
        check_range(f"{where}base", self.base, -20.0, 20.0)
        check_range(f"{where}rho", self.rho, -1.0, 1.0)
        check_range(f"{where}dwell", self.dwell, 1e-3)
        check_range(f"{where}dwell_spread", self.dwell_spread, 0.0, 5.0)
        check_range(f"{where}conversion", self.conversion, 1e-6, 1.0 - 1e-6)
        check_range(f"{where}patience", self.patience, 1e-3, 1e3)
        if self.facet not in ("", "price", "length", "age"):
            raise ConfigError(f"{where}facet={self.facet!r} is unknown; allowed: '', 'price', 'length', 'age'.")
        for option, weights, names in (("dayparts", self.dayparts, DAYPARTS), ("devices", self.devices, DEVICES)):
            if len(weights) != len(names) or not all(w >= 0 for w in weights) or sum(weights) <= 0:
                raise ConfigError(
                    f"{where}{option}={weights!r} must be {len(names)} weights of at least 0 ({', '.join(names)})."
                )


SCENARIOS: dict[str, Scenario] = {
    s.name: s
    for s in (
        Scenario("shopping", "price", -4.2, 0.6, 45.0, 0.8, 0.08, 1.0, (1.0, 1.5, 3.0, 1.0), (3.0, 1.0, 3.0, 0.0), 0.6),
        Scenario("news", "age", -3.8, 0.5, 70.0, 0.7, 0.05, 0.8, (4.0, 3.0, 1.5, 0.5), (5.0, 1.0, 3.0, 0.0), 0.0),
        Scenario("social", "", -3.6, 0.7, 20.0, 0.9, 0.15, 1.3, (2.0, 3.0, 3.0, 2.0), (6.0, 1.0, 1.0, 0.0), 0.4),
        Scenario("music", "length", -3.8, 0.5, 180.0, 0.4, 0.20, 1.2, (3.0, 1.5, 1.5, 1.0), (5.0, 1.0, 2.0, 0.5), -0.2),
        Scenario("video", "length", -4.0, 0.7, 260.0, 0.9, 0.10, 1.0, (0.5, 1.0, 4.0, 4.0), (2.0, 2.0, 1.0, 4.0), 0.2),
    )
}
