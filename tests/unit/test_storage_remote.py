"""A file's content in a storage is read whole, and known again."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate

import pytest

from runner.storage import remote
from runner.storage.faults import UnreachableError


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


class System:
    """Be a file system with one file."""

    content = b"new and longer"

    async def _cat_file(self, path: str, start: int, end: int) -> bytes:
        return self.content[start:end]


def test_a_file_that_was_replaced_by_a_larger_one_is_not_cut_off() -> None:
    """Its size was that of the content before: a later read has all of it."""
    whole = len(System.content)
    assert asyncio.run(remote._cat(System(), "b/a", whole)) == System.content
    with pytest.raises(UnreachableError, match="replaced as it was read"):
        asyncio.run(remote._cat(System(), "b/a", whole - 1))
