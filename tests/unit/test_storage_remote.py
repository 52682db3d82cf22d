"""By what a file's content in a storage is known again."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from runner.storage import remote


@pytest.mark.parametrize(("age", "is_known"), [(0.0, False), (60.0, True)])
def test_a_page_is_known_by_its_time_once_no_other_can_have_the_same(
    age: float, is_known: bool
) -> None:
    """It is one of whole seconds: saved twice in one, a page would pass for the first."""
    modified = formatdate(time.time() - age, usegmt=True)
    assert remote._stamp({"Last-Modified": modified}) == (modified if is_known else "")


def test_what_tells_contents_apart_goes_before_a_time() -> None:
    """And what is no time tells nothing."""
    assert remote._stamp({"ETag": '"1"', "Last-Modified": formatdate(usegmt=True)}) == '"1"'
    assert remote._stamp({"Last-Modified": "yesterday"}) == remote._stamp({}) == ""
