"""A front door to the conformance kit: does an environment or a scenario of your own keep CrossRec's promises?

Example:
    >>> from crossrec.testing import check_env, check_scenario
    >>> print(check_env("my/FastDrift-v0"))
    >>> check_scenario("podcasts.yaml").raise_if_failed()
"""

from crossrec.envs.conformance.kit import Check, ConformanceError, Report, check_env, check_scenario

__all__ = ["Check", "ConformanceError", "Report", "check_env", "check_scenario"]
