"""Rendering of the single environment: a log to read, a picture, or a window.

Renderings show mood and the topic on the mind, which are hidden truth: they are for people, never an observation.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crossrec.errors import ConfigError, check_name

from ..base import PeopleCore
from .log import LifeLog
from .text import life_text

if TYPE_CHECKING:
    from .figure import LifeFigure

FPS = 4  # steps per second of videos and of the window
RENDER_MODES = ("ansi", "rgb_array", "human")
_WINDOWS = ("macosx", "qtagg", "gtk4agg", "gtk3agg", "tkagg", "wxagg")  # Matplotlib's, in its own order
_INSTEAD = "use render_mode='ansi' or 'rgb_array'"


def has_screen() -> bool:
    """Whether there is a screen; told by the system on macOS and Windows, by DISPLAY or WAYLAND_DISPLAY elsewhere."""
    return sys.platform in ("darwin", "win32") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))


def modes_here() -> list[str]:
    """Modes that an environment declares: ``human`` only where there is a screen, for Gymnasium's checker tries all.

    The class declares it everywhere: else ``gym.make`` would open a window of its own, which needs pygame.
    """
    return [mode for mode in RENDER_MODES if mode != "human" or has_screen()]


class Renderer:
    """Writes down one life after the other, and shows the current one.

    Args:
        mode: ``ansi``, ``rgb_array`` or ``human``.

    Attributes:
        log: The life since the last reset.

    Raises:
        ConfigError: For another mode, or ``human`` without a screen.
    """

    def __init__(self, mode: str) -> None:
        check_name("render_mode", str(mode), RENDER_MODES)
        if mode == "human":
            _open_backend()
        self.mode = mode
        self.log: LifeLog | None = None
        self._figure: LifeFigure | None = None

    def begin(self, core: PeopleCore) -> None:
        """A life begins."""
        self.log = LifeLog.begin(core)
        self._show()

    def step(self, core: PeopleCore) -> None:
        """A step was taken."""
        assert self.log is not None  # steps come after a reset
        self.log.add(core)
        self._show()

    def render(self) -> str | NDArray[np.uint8] | None:
        """The life so far: text, an (H, W, 3) image, or None where the window shows it already.

        Raises:
            ConfigError: Before the first reset.
        """
        if self.log is None:
            raise ConfigError("render() came before reset(); call reset() first.")
        if self.mode == "ansi":
            return life_text(self.log)
        return self._image(self.log) if self.mode == "rgb_array" else None

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._figure is not None and self.mode == "human":
            import matplotlib.pyplot as plt

            plt.close(self._figure.figure)
        self._figure = None

    def _image(self, log: LifeLog) -> NDArray[np.uint8]:
        from .figure import LifeFigure, agg_figure

        if self._figure is None:
            self._figure = LifeFigure(agg_figure())
        self._figure.draw(log)
        canvas: Any = self._figure.figure.canvas
        canvas.draw()
        return np.array(canvas.buffer_rgba(), np.uint8)[..., :3].copy()

    def _show(self) -> None:
        if self.mode != "human" or self.log is None:
            return
        import matplotlib.pyplot as plt

        from .figure import DPI, INCHES, LifeFigure

        if self._figure is None:
            self._figure = LifeFigure(plt.figure(figsize=INCHES, dpi=DPI, num="CrossRec"))
            plt.show(block=False)
        figure: Any = self._figure.figure
        if plt.fignum_exists(figure.number):  # a person may have closed the window
            self._figure.draw(self.log)
            figure.canvas.draw_idle()
            figure.canvas.start_event_loop(1 / FPS)

    def __getstate__(self) -> dict[str, Any]:
        # A figure can be neither copied nor pickled; it is drawn anew from the log.
        return {**vars(self), "_figure": None}


def _open_backend() -> None:
    """Let Matplotlib draw to windows.

    Raises:
        ConfigError: Without a screen, or where Matplotlib has nothing to open a window with.
    """
    if not has_screen():
        raise ConfigError(f"render_mode='human' needs a screen, and there is none here; {_INSTEAD}.")
    import matplotlib.pyplot as plt
    from matplotlib import get_backend

    tried = get_backend().lower()
    for backend in (tried, *_WINDOWS) if tried in _WINDOWS else _WINDOWS:
        try:
            plt.switch_backend(backend)
            return
        except ImportError:
            continue
    toolkits = ", ".join(_WINDOWS)
    raise ConfigError(
        f"render_mode='human' needs a window of Matplotlib, and none of {toolkits} works here; {_INSTEAD}."
    )
