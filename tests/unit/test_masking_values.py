"""Values without their secrets."""

from __future__ import annotations

import pytest

from runner.masking.values import masked


def test_values_are_masked_at_any_depth() -> None:
    """Secrets in dictionaries, lists and URLs are found; all else stays."""
    values = {
        "port": 1,
        "token": "t0p",
        "db": {"password": "t0p", "hosts": ["postgres://me:t0p@db/x", "b"]},
        "use_key": True,
        "key": None,
    }
    assert masked(values) == {
        "port": 1,
        "token": "***",
        "db": {"password": "***", "hosts": ["postgres://***@db/x", "b"]},
        "use_key": True,
        "key": None,
    }
    assert values["token"] == "t0p"


@pytest.mark.parametrize("kind", [list, tuple, set, frozenset])
def test_a_password_in_a_url_is_masked_in_whatever_holds_it(kind: type) -> None:
    """What held it stays what it was."""
    assert masked(kind(["postgres://me:t0p@db/x"])) == kind(["postgres://***@db/x"])


def test_named_secrets_are_masked_at_any_depth() -> None:
    """As well-known ones are, a switch too; and a tuple stays one."""
    values = {"login": True, "db": ({"login": "me"},)}
    assert masked(values, {"login"}) == {"login": "***", "db": ({"login": "***"},)}


def test_a_url_takes_time_by_its_length() -> None:
    """Clients choose the texts of a request log."""
    text = "x://" + ":" * 200_000
    assert masked(text) == text
