"""A hook that goes wrong only after its trial is refused at that call."""

import numpy as np
import pytest

from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.errors import ConfigError

LATER = {
    "choice": lambda moment, utility: np.full_like(utility, np.nan),
    "transition": lambda moment, weights: -weights,
    "reward": lambda parts, reward: np.zeros(7),
    "dynamics": lambda moment, feedback: moment.truth.satisfaction.fill(50.0),
}


@pytest.mark.parametrize("name", LATER)
def test_a_hook_that_goes_wrong_after_its_trial_is_refused_by_name_and_gives_no_number_out(name):
    gone = []

    def hook(first, given):
        return LATER[name](first, given) if gone else None if name == "dynamics" else given

    env = CrossScenarioVectorEnv(20, hooks={name: hook}, behaviour={"leave": 1.0})
    env.reset(seed=0)
    for step in range(5):
        env.step(np.full(20, step))
    gone.append(True)
    with pytest.raises(ConfigError, match=rf"hooks\['{name}'\] (returned|left)"):
        env.step(np.zeros(20, np.int64))
