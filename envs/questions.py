"""Questions as environments: each isolates one effect, so that a policy that ignores it loses something.

A question is a set of options under an id. What a policy loses is measured between two oracles: one that sees the
whole truth and one that is blind to the effect (``crossrec/simulation/blind.py``); where the question is about the
future, the seeing one looks ahead and the blind one is greedy. Bounds and pages stand in ``docs/environments/``;
``make bounds`` makes them again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_PLAIN: dict[str, Any] = {"facet": "", "rho": 0.6, "dwell_spread": 0.5, "patience": 1.0, "base": -3.6}
_FEED = {**_PLAIN, "name": "feed", "dwell": 20.0, "conversion": 0.001, "follow_up": -1.0}
_SHOP = {**_PLAIN, "name": "shop", "dwell": 30.0, "conversion": 0.3, "follow_up": 1.0}
_EVENLY = {"dayparts": (1, 1, 1, 1), "devices": (1, 1, 1, 1)}


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        name: Of the id, ``crossrec/NAME-v0``.
        asks: The question.
        description: What people do here, and why that makes the question matter.
        blind: To what the oracle is blind that ignores the effect; see ``crossrec.simulation.blind.BLIND``.
        options: What the id sets of :class:`crossrec.config.EnvConfig`.
        references: Where the effect comes from.
    """

    name: str
    asks: str
    description: str
    blind: str
    options: dict[str, Any] = field(repr=False)
    references: str = ""

    @property
    def env_id(self) -> str:
        """The id."""
        return f"crossrec/{self.name}-v0"


QUESTIONS: tuple[Question, ...] = (
    Question(
        "Drift",
        "What does a policy lose that takes people to be who they were?",
        "People's shared interest moves a fifth of the way to every item that they enjoy, over lives of 120 "
        "steps in which "
        "nobody leaves for good. After a few clicks they are somebody else.",
        "drift",
        {
            "horizon": 120,
            "behaviour": {"drift": 0.2, "churn": 0.0, "satiation": 0.0, "intent": 1.0},
        },
        "Interest evolution: RecSim (Ie et al. 2019). Influence of what is shown: SARDINE (Deffayet et al. 2023).",
    ),
    Question(
        "Satiation",
        "What does a policy lose that shows more of what was liked?",
        "People soon have had enough of a topic, and that fades slowly; a topic left alone for long is missed "
        "and wanted "
        "more than at first. What is shown now costs clicks on the same topic later, so planning pays.",
        "satiation",
        {
            "scenarios": ["music"],
            "n_candidates": 20,
            "horizon": 60,
            "behaviour": {
                "satiation": 3.0,
                "satiation_decay": 0.97,
                "rebound": 2.0,
                "intent": 0.0,
                "churn": 0.0,
                "mood": 0.0,
                "session_minutes": 1e5,
            },
        },
        "Rebounding bandits (Leqi et al. 2021). Boredom: SARDINE (Deffayet et al. 2023).",
    ),
    Question(
        "CarryOver",
        "What does a policy lose that forgets what people came from?",
        "A click puts its topic on the mind nine times in ten, and what is on the mind goes along to every next "
        "scenario. "
        "People move often. Who only knows the routines of the daypart misses it.",
        "carry_over",
        {
            "horizon": 60,
            "behaviour": {
                "carry_over": 1.0,
                "on_mind": 0.9,
                "leave": 0.3,
                "intent": 4.0,
                "session_minutes": 60.0,
                "churn": 0.0,
            },
        },
        "Personalised bridges between domains: PTUPCDR (Zhu et al. 2022). Scene-dependent transfer: EXIT (2024).",
    ),
    Question(
        "Transitions",
        "What does a policy lose that does not care where people go next?",
        "A feed entertains and sells nothing; a shop sells. Only sales count. People stay where they are "
        "satisfied, and a "
        "click in the feed sends them to the shop, each by own heavy-tailed habits. A policy that plans lets "
        "people go.",
        "future",
        {
            "scenarios": [{**_FEED, **_EVENLY}, {**_SHOP, **_EVENLY}, {**_FEED, **_EVENLY, "name": "clips"}],
            "n_candidates": 20,
            "horizon": 100,
            "reward": {"click": 0.0, "dwell": 0.0, "conversion": 1.0},
            "behaviour": {
                "churn": 0.0,
                "leave": 0.15,
                "leave_mood": 10.0,
                "mood": 0.6,
                "transition_feedback": 3.0,
                "transition_habit": 0.5,
                "session_minutes": 1e4,
            },
        },
        "Transitions between scenarios: RecoGym (Rohde et al. 2018). Heavy-tailed app use: Turner et al. 2019.",
    ),
    Question(
        "Retention",
        "What does a policy lose that takes every click it can get?",
        "A third of the titles promise more than the items keep: they are clicked far more often and "
        "disappoint. Sessions "
        "are short, and who leaves one dissatisfied rarely returns. Only clicks count, so greed empties the room.",
        "future",
        {
            "scenarios": ["news"],
            "n_candidates": 20,
            "horizon": 100,
            "reward": {"click": 1.0, "dwell": 0.0, "conversion": 0.0},
            "behaviour": {
                "bait": 3.0,
                "churn": 0.1,
                "churn_mood": 15.0,
                "session_minutes": 3.0,
                "mood": 0.3,
                "gap_mood": 0.0,
                "satiation": 0.3,
            },
        },
        'Long-term satisfaction, "choc or kale": RecSim (Ie et al. 2019). Return and leaving: KuaiSim (Zhao '
        "et al. 2023).",
    ),
    Question(
        "ColdStartUser",
        "What does a policy lose that treats newcomers as the average person?",
        "Lives of ten steps that begin with an empty history: who somebody is has to be learnt within a few "
        "clicks, or "
        "read from the profile.",
        "person",
        {"horizon": 10, "behaviour": {"churn": 0.0}},
        "User cold start: Schein et al. 2002.",
    ),
    Question(
        "ColdStartItem",
        "What does a policy lose that only shows items with a past?",
        "Three items in ten are new: nobody has met them, so their popularity says nothing, though they are as "
        "good as "
        "the others. Half of what may be shown is new.",
        "new_items",
        {
            "new_items": 0.3,
            "candidates": {"new": 0.5},
            "n_candidates": 20,
        },
        "Item cold start: Schein et al. 2002.",
    ),
    Question(
        "Ageing",
        "What does a policy lose that takes old news for new?",
        "News loses in worth by the day; the observation tells the age of each candidate. The week repeats, so every "
        "item is news once a week.",
        "ageing",
        {"scenarios": ["news"], "behaviour": {"ageing": 0.8, "churn": 0.0}},
        "Short lives of news items: the MIND data set (Wu et al. 2020).",
    ),
    Question(
        "LongTail",
        "What does a policy lose that shows only what is popular?",
        "People want items about their topics, whatever their quality, and three candidates in ten are drawn by "
        "popularity. "
        "Most of what suits a person stands outside the most popular fifth.",
        "tail",
        {
            "items_per_scenario": 2_000,
            "candidates": {"popular": 0.3},
            "behaviour": {"quality": 0.2},
        },
        "The long tail: Anderson 2006. Popularity bias: Abdollahpouri et al. 2019.",
    ),
    Question(
        "Slate",
        "What does a policy lose that does not care in which order items stand?",
        "Six items are shown at once. Each place is examined less often than the one above, and at most one item is "
        "clicked, so the best belongs first. What is shown and not clicked satiates all the same.",
        "places",
        {
            "scenarios": ["shopping", "news", "social"],
            "slate_size": 6,
            "history_length": 24,
            "behaviour": {"position": 2.0},
        },
        "Slates: SlateQ (Ie et al. 2019). Examination: Richardson, Dominowska and Ragno 2007; cascade: Craswell "
        "et al. 2008.",
    ),
)
