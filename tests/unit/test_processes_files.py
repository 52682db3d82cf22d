"""Open files are waited for whatever their number is."""

from __future__ import annotations

import fcntl
import os
import resource
from collections.abc import Iterator

import pytest

from runner import processes


@pytest.fixture
def high_pipe() -> Iterator[tuple[int, int]]:
    """A pipe whose ends have numbers beyond what `select` takes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
    low = os.pipe()
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 1100) for fd in low]
    yield high[0], high[1]
    for fd in (*low, *high):
        os.close(fd)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_more_open_files_than_select_takes(high_pipe: tuple[int, int]) -> None:
    """A notebook, or who starts a service, may have thousands open."""
    read, write = high_pipe
    assert processes.readable([read], 0) == set()
    assert processes.is_writable(write, 0)
    os.write(write, b"x")
    assert processes.readable([read], 0) == {read}
