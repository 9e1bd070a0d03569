"""Models that are named by their id on the Hugging Face hub instead of a folder."""

from __future__ import annotations

import re
from pathlib import Path

from crossrec.errors import ModelError

_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_SECONDS = 5.0
_NEEDED = [
    "config.json",
    "generation_config.json",
    "tokenizer*.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "model*.safetensors",
    "model.safetensors.index.json",
]


def is_hub_id(name: str) -> bool:
    """Whether a name has the form ``organisation/model``."""
    return _ID.fullmatch(name) is not None


def cached(repository: str, revision: str | None) -> Path | None:
    """The snapshot that the hub's cache on this machine has; nobody is asked whether it is the newest."""
    import huggingface_hub
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        # Without the patterns a snapshot that lacks files which nobody needs would not count.
        there = huggingface_hub.snapshot_download(
            repository, revision=revision, allow_patterns=_NEEDED, local_files_only=True
        )
        return Path(there)
    except (HFValidationError, LocalEntryNotFoundError, OSError):
        return None


def download(option: str, repository: str, revision: str | None) -> Path:
    """Get a snapshot into the hub's cache.

    Args:
        option: Where the id was found, for messages.
        repository: The id.
        revision: Branch, tag or commit; default: the main branch.

    Raises:
        ModelError: If the hub cannot be reached in a few seconds, or does not have it.
    """
    import huggingface_hub

    try:
        # The library's own first question has no time limit; asked here, it has one.
        huggingface_hub.HfApi().model_info(repository, revision=revision, timeout=_SECONDS)
        # By its name and not by its commit: the cache notes under which names a snapshot was got.
        return Path(huggingface_hub.snapshot_download(repository, revision=revision, allow_patterns=_NEEDED))
    # The hub's client raises errors of several libraries; whichever it is, the hub did not give the model.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        at = f" at revision {revision}" if revision else ""
        raise ModelError(
            f"{option}={repository} is neither a folder nor a model{at} in the hub's cache, and the Hugging Face hub "
            f"did not give it ({reason}); check the name and the network, or offline copy the model's folder here and "
            "name that, or copy the hub's cache from another machine and name its folder in HF_HUB_CACHE."
        ) from error
