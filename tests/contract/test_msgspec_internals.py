"""What we use of msgspec that was not always so."""

from __future__ import annotations

import msgspec


def test_what_msgspec_refuses_is_a_value_error() -> None:
    """Since 0.21: what is no JSON and what has the wrong shape are caught alike."""
    assert issubclass(msgspec.ValidationError, ValueError)
    assert issubclass(msgspec.DecodeError, ValueError)
