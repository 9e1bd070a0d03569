"""A folder of runs as one page, and as figures and a table for a paper."""

from __future__ import annotations

from pathlib import Path


def templates_folder() -> Path:
    """Where the page's template, style and scripts lie."""
    return Path(__file__).parent / "templates"


def plotly_file() -> Path:
    """Plotly for the browser, only its cartesian charts: browsers take seconds to read the whole."""
    return Path(__file__).parent / "plotly" / "plotly-cartesian.min.js"
