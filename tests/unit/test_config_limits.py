"""Limits from the environment."""

from __future__ import annotations

import click
import pytest

from runner.cli.serve_options import read_serve_options
from runner.config import Limits, variable
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


@pytest.mark.parametrize("option", ["health-path", "ready-path", "predict-path"])
def test_a_path_that_nobody_can_ask_for_is_refused(option: str) -> None:
    """A request's path begins with a slash: without one, it would be as good as none."""
    with pytest.raises(ConfigurationError, match=variable(option)):
        Limits.from_environment({variable(option): "ready"})
    with pytest.raises(click.BadParameter, match="ready must begin with /"):
        read_serve_options([f"--{option}", "ready"])
    with read_serve_options([f"--{option}", ""]) as context:
        assert not context.params[option.replace("-", "_")]
