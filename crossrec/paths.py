"""Where CrossRec keeps what it computed or fetched, outside any run's folder."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_dir() -> Path:
    """The folder of everything that can be fetched or computed again: ``$CROSSREC_CACHE``, else the user's cache."""
    chosen = os.environ.get("CROSSREC_CACHE")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("crossrec", appauthor=False))


def models_dir() -> Path:
    """The folder that ``crossrec models fetch`` fills, one sub-folder per model."""
    return cache_dir() / "models"


def store_path() -> Path:
    """The context store that all runs of this user share by default."""
    return cache_dir() / "contexts-2.sqlite"  # another format is another file, so an update loses nothing
