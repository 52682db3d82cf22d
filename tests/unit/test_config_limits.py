"""Limits from the environment."""

from __future__ import annotations

import pytest

from runner.config import Limits
from runner.errors import ConfigurationError


def test_variables_set_limits_of_their_type() -> None:
    """Whole numbers, seconds and paths arrive as what they are; the rest keeps its default."""
    given = {"RUNNER_MAX_BODY": "10", "RUNNER_KEEP_ALIVE": "2.5", "RUNNER_HEALTH_PATH": ""}
    assert Limits.from_environment(given) == Limits(max_body=10, keep_alive=2.5, health_path="")


@pytest.mark.parametrize("text", ["x", "-1", "1.5", ""])
def test_a_wrong_limit_is_refused(text: str) -> None:
    """The variable is named in the error."""
    with pytest.raises(ConfigurationError, match="RUNNER_MAX_BODY"):
        Limits.from_environment({"RUNNER_MAX_BODY": text})
