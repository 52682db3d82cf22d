"""What is read is whole, or read again."""

from __future__ import annotations

import asyncio

import pytest

from runner.storage import remote
from runner.storage.faults import UnreachableError


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
