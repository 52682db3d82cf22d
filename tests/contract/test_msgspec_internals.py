"""What we use of msgspec that was not always so."""

from __future__ import annotations

import msgspec
import pytest


def test_what_msgspec_refuses_is_a_value_error() -> None:
    """Since 0.21: what is no JSON and what has the wrong shape are caught alike."""
    assert issubclass(msgspec.ValidationError, ValueError)
    assert issubclass(msgspec.DecodeError, ValueError)


def test_a_number_that_no_float_holds_is_refused_as_any_other() -> None:
    """Since 0.22: before, it ended in a SystemError of the interpreter."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(10**400, float)
