"""What the benchmark needs to know of each baseline: what kind it is, and whether it learns from a log."""

from __future__ import annotations

from collections.abc import Mapping

from crossrec.agents.baselines.build import REGISTRY

KIND_OF: Mapping[str, str] = {name: baseline.kind for name, baseline in REGISTRY.items()}
NEEDS_LOG: frozenset[str] = frozenset(name for name, baseline in REGISTRY.items() if baseline.needs_log)
