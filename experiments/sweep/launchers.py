"""Where runs are computed: Hydra's launchers, each with a config in ``conf/hydra/launcher`` and most with an extra."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from crossrec.errors import ConfigError, check_name


@dataclass(frozen=True)
class Launcher:
    """One way to compute runs.

    Attributes:
        config: Its config below ``conf/hydra/launcher``, or Hydra's own.
        what: For people.
        package: Hydra's plugin that it needs, if any.
        extra: Extra of CrossRec that installs it.
        jobs: Option that says how many runs there are at once; ``{}`` is the number.
        address: Option for the address of a cluster.
    """

    config: str
    what: str
    package: str | None = None
    extra: str | None = None
    jobs: str | None = None
    address: str | None = None


LAUNCHERS: Mapping[str, Launcher] = {
    "serial": Launcher("basic", "one run after the other"),
    "joblib": Launcher("local", "processes of this machine", "hydra_joblib_launcher", None, "hydra.launcher.n_jobs={}"),
    "ray": Launcher(
        "cluster",
        "a Ray cluster, or this machine as one",
        "hydra_ray_launcher",
        "ray",
        "++hydra.launcher.ray.init.num_cpus={}",
        "hydra.launcher.ray.init.address",
    ),
    "slurm": Launcher(
        "queue", "jobs of a Slurm queue", "hydra_submitit_launcher", "slurm", "hydra.launcher.array_parallelism={}"
    ),
    "submitit": Launcher(
        "queue_here",
        "as slurm, in processes of this machine, all at once, to try it out",
        "hydra_submitit_launcher",
        "slurm",
    ),
}


def launcher_words(name: str, jobs: int, address: str | None) -> list[str]:
    """Hydra's options for a launcher.

    Args:
        name: One of :data:`LAUNCHERS`.
        jobs: How many runs at once.
        address: Of a running cluster, or None to start one here.

    Raises:
        ConfigError: If the name is unknown, its plugin is missing, or it has no address.
    """
    check_name("--launcher", name, LAUNCHERS)
    launcher = LAUNCHERS[name]
    if launcher.package is not None:
        require(f"--launcher {name}", launcher.package, launcher.extra)
    words = [f"hydra/launcher={launcher.config}"]
    if address is not None:
        if launcher.address is None:
            raise ConfigError(f"--address goes with --launcher ray, not with {name}.")
        return [*words, f"{launcher.address}={address}"]  # a cluster knows its own size
    return [*words, launcher.jobs.format(jobs)] if launcher.jobs is not None else words


def require(asked: str, plugin: str, extra: str | None) -> None:
    """Check that a plugin of Hydra is installed.

    Raises:
        ConfigError: If it is not; says what to install.
    """
    if importlib.util.find_spec("hydra_plugins") and importlib.util.find_spec(f"hydra_plugins.{plugin}"):
        return
    what = f"'crossrec[{extra}]'" if extra is not None else plugin.replace("_", "-")
    raise ConfigError(f"{asked} needs {plugin.replace('_', '-')}, which is not installed; pip install {what}.")


def quiet_ray() -> None:
    """Let Ray neither report its use over the network nor set threads of its own."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")


def end_ray() -> None:
    """End what this process started of Ray, so that nothing computes on after a sweep."""
    ray = sys.modules.get("ray")
    if ray is not None and ray.is_initialized():
        ray.shutdown()
