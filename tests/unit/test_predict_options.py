"""Options that make no sense are refused."""

from __future__ import annotations

from typing import Any

import pytest

from runner.predict.targets import EndpointOptions, batched, endpoint


@pytest.mark.parametrize(
    ("options", "error"),
    [({"answer": 3}, TypeError), ({"max_batch": 0}, ValueError), ({"exmaple": 1}, TypeError)],
)
def test_a_wrong_option_is_an_error(options: Any, error: type[Exception]) -> None:
    """Also one that does not exist."""
    with pytest.raises(error):
        endpoint(len, **options)


def test_options_are_kept_with_their_target() -> None:
    """For one of several."""
    wanted = endpoint(len, answer="val", max_batch=1)
    assert wanted.target is len
    assert wanted.options == EndpointOptions(answer="val", max_batch=1)


def test_a_batch_has_at_least_one_item() -> None:
    """Else nothing would ever be asked."""
    with pytest.raises(ValueError, match="must be 1 or more"):
        batched(max_size=0)
