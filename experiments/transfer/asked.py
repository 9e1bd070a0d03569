"""The study's questions, in the order of its page; kept apart, for the command line names them before it loads more."""

from __future__ import annotations

from collections.abc import Mapping

ASKED: Mapping[str, str] = {
    "joint": "Does one agent for all scenarios beat independent ones?",
    "matrix": "What is knowing people in one scenario worth in another, and does rho tell?",
    "mirrored": "Where does transfer harm? The same agents where video is mirrored.",
    "zero-shot": "Which context helps in a scenario that was never trained in?",
    "adapters": "Do adapters beat the identity?",
    "cold": "How many interactions does language save with a new person?",
    "overlap": "What does it cost that people are new here?",
    "ensemble": "Does a gated ensemble of experts beat one network?",
    "tuning": "What is learning elsewhere worth before and while learning here?",
    "continual": "What is kept when scenarios arrive one after another?",
    "known": "Are the measures right where the answer is known?",
}
