"""What is set about who may ask."""

from __future__ import annotations

import pytest

from runner.access.settings import AccessSettings, Opened
from runner.errors import ConfigurationError

KEY = "a-key-of-some-length"


def test_a_single_key_is_kept_as_its_hash_and_not_handed_down() -> None:
    """What a kernel's environment has of it is nothing."""
    settings = AccessSettings.from_environment({"RUNNER_API_KEY": KEY, "RUNNER_OPEN": "metrics"})
    assert settings.asks_for_keys
    assert KEY not in repr(settings)
    handed_down = {each: text for each, text in settings.environ().items() if text}
    assert handed_down == {"RUNNER_OPEN": "metrics"}
    keys = settings.keys()
    assert keys is not None
    found = keys.find(KEY.encode())
    assert found is not None
    assert found.name == "default"


def test_no_key_is_asked_for_unless_it_is_said() -> None:
    """A variable that is empty says nothing, as in a compose file."""
    settings = AccessSettings.from_environment({"RUNNER_API_KEY": "", "RUNNER_API_KEYS_FILE": ""})
    assert not settings.asks_for_keys
    assert settings.keys() is None


@pytest.mark.parametrize("key", ["short", "a" * 257, "with a space in it", "bell\a" * 5, "é" * 20])
def test_a_key_that_is_none_is_refused_and_not_quoted(key: str) -> None:
    """It could be guessed, or not be sent."""
    with pytest.raises(ConfigurationError) as refused:
        AccessSettings.from_environment({"RUNNER_API_KEY": key})
    assert key not in str(refused.value)


def test_what_cannot_be_opened_is_named() -> None:
    """A word misspelt opens nothing, and is no word that is passed over."""
    opened = AccessSettings.from_environment({"RUNNER_OPEN": "docs, metrics,"}).opened
    assert opened == {Opened.DOCS, Opened.METRICS}
    for wrong in ("doc", "health", "*"):
        with pytest.raises(ConfigurationError, match="metrics, docs"):
            AccessSettings.from_environment({"RUNNER_OPEN": wrong})
