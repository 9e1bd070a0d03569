"""CrossRec: people who move across recommendation scenarios, language contexts, and agents that learn.

Importing this package registers the environments with Gymnasium; it imports neither torch nor transformers.
"""

from typing import TYPE_CHECKING, Any

from crossrec.envs.registration import ENV_IDS, register_all
from crossrec.world.scenario import Scenario, register_scenario

if TYPE_CHECKING:
    from crossrec.world.scenario_file import load_scenario

__version__ = "0.1.0"
__all__ = ["ENV_IDS", "Scenario", "__version__", "load_scenario", "register_scenario"]

register_all()


def __getattr__(name: str) -> Any:
    if name == "load_scenario":  # when asked for: reading YAML takes a tenth of this import
        from crossrec.world.scenario_file import load_scenario

        return load_scenario
    raise AttributeError(f"module 'crossrec' has no attribute '{name}'")
