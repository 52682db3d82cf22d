"""Settings from the environment."""

from __future__ import annotations

import pytest

from runner.config import AddressSet, EngineConfig, variable
from runner.errors import ConfigurationError


def test_variables_are_named_after_options() -> None:
    """An option's variable can be guessed from its name."""
    assert variable("--save-every") == "RUNNER_SAVE_EVERY"


def test_the_environment_sets_the_engine() -> None:
    """``papermill --engine runner`` is configured by variables, since it passes no options."""
    config = EngineConfig.from_environment({"RUNNER_GRACE": "2.5", "HOME": "/"})
    assert config == EngineConfig(grace=2.5)


@pytest.mark.parametrize("text", ["", "soon", "0", "-1", "nan", "inf"])
def test_a_wrong_duration_is_refused(text: str) -> None:
    """A variable that is no positive number is named in the error."""
    with pytest.raises(ConfigurationError, match="RUNNER_GRACE"):
        EngineConfig.from_environment({"RUNNER_GRACE": text})


@pytest.mark.parametrize("names", ["", " ", "127.0.0.1, ", "10.0.0.0/8,,::1"])
def test_who_has_no_address_is_none_that_was_named(names: str) -> None:
    """Such as a client on a Unix socket."""
    assert "" not in AddressSet(names)
