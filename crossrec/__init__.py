"""CrossRec: people who move across recommendation scenarios, language contexts, and agents that learn.

Importing this package registers the environments with Gymnasium; it imports neither torch nor transformers.
"""

from crossrec.envs.registration import ENV_IDS, register_all

__version__ = "0.1.0"
__all__ = ["ENV_IDS", "__version__"]

register_all()
