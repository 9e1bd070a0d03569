"""Hydra's grid sweeper, with every run checked and those that are finished left out before anything is launched."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from crossrec.errors import ConfigError

from ..compose import check, sentence
from ..run import RunFolder
from .job import run_of

Planned = dict[str, tuple[RunFolder, list[str]]]  # folder and options by the folder's name


class GridSweeper(Sweeper):
    """All combinations of the values of all options, in one batch.

    Args:
        runs: The folder of runs that was asked for.
        on_plan: Called with all runs, before the first is launched.
    """

    def __init__(self, runs: str, on_plan: Callable[[Planned], None]) -> None:
        self.runs = runs
        self.on_plan = on_plan

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra gives to every sweeper."""
        self.hydra_context, self.config = hydra_context, config
        self.launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Compose, check and launch.

        Args:
            arguments: Options as they were typed, without Hydra's own.

        Raises:
            ConfigError: If an option of any run is wrong; nothing has been launched then.
        """
        from hydra._internal.core_plugins.basic_sweeper import BasicSweeper  # Hydra loads it anew when it starts

        assert self.hydra_context is not None
        assert self.config is not None
        params = {} if self.config.hydra.sweeper.params is None else self.config.hydra.sweeper.params
        typed = {word.partition("=")[0] for word in arguments}
        words = [f"{option}={value}" for option, value in params.items() if option not in typed] + list(arguments)
        try:
            parsed = OverridesParser.create(config_loader=self.hydra_context.config_loader).parse_overrides(words)
            combinations = BasicSweeper.split_arguments(parsed, None)[0]
        except Exception as error:
            raise ConfigError(sentence(error, words)) from error
        planned: Planned = {}
        for combination in combinations:
            folder = checked(self.hydra_context, self.config, combination, self.runs)
            planned.setdefault(folder.path.name, (folder, list(combination)))  # the same run twice is one run
        self.on_plan(planned)
        missing = [words for folder, words in planned.values() if not folder.result_file.is_file()]
        if missing:
            for done in self.launcher.launch(missing, initial_job_idx=0):
                done.return_value  # noqa: B018 (raises what kept a run from beginning)


def checked(context: HydraContext, config_of_sweep: DictConfig, words: Sequence[str], runs: str) -> RunFolder:
    """The folder of one run of a sweep.

    Args:
        context: Hydra's.
        config_of_sweep: What Hydra composed for the sweep.
        words: The run's options.
        runs: The folder of runs that was asked for.

    Raises:
        ConfigError: Names the option, what was found and what is allowed.
    """
    own = [*config_of_sweep.hydra.overrides.hydra, *words]
    try:
        composed = context.config_loader.load_sweep_config(config_of_sweep, list(words))
        folder, config = run_of(composed)
    # Hydra lets errors of its YAML parser and of its own Python through.
    except Exception as error:
        raise ConfigError(sentence(error, own)) from error
    check(config, own)
    if config.runs != runs:
        raise ConfigError(f"runs={config.runs} in a config; set runs= on the command line, for the whole sweep.")
    return folder
