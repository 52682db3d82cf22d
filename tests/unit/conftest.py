"""The rule of this storey: no test starts a process, and none binds a port or a path."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import joblib
import pytest
import urllib3  # noqa: F401 - papermill imports it, and it binds a port then, once

STARTS = {
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.system",
    "socket.bind",
    "subprocess.Popen",
}


class Watch:
    """Refuse and note what belongs to another storey; an audit hook cannot be taken off again."""

    def __init__(self) -> None:
        self.is_on = False
        self.seen: list[str] = []

    def __call__(self, event: str, facts: tuple[Any, ...]) -> None:
        if self.is_on and event in STARTS:
            self.seen.append(f"{event}{facts[1:]}")
            raise AssertionError(self.message())

    def message(self) -> str:
        return f"a unit test did {', '.join(self.seen)}; such tests belong to tests/e2e"


joblib.cpu_count(only_physical_cores=True)  # it asks lscpu, once
WATCH = Watch()
sys.addaudithook(WATCH)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Watch from before the first fixture."""
    WATCH.seen.clear()
    WATCH.is_on = True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """Watch until after the last fixture; fail even if what was raised had been caught."""
    try:
        yield
    finally:
        WATCH.is_on = False
    if WATCH.seen:
        pytest.fail(WATCH.message(), pytrace=False)


@pytest.fixture
def acting_as_nobody(tmp_path: Path) -> Callable[[], AbstractContextManager[None]]:
    """Give what lets root, whom nothing is forbidden, act as a user without rights."""

    @contextmanager
    def act() -> Iterator[None]:
        if os.geteuid():
            yield
            return
        for folder in tmp_path.parents:  # pytest's are root's alone
            if not folder.stat().st_mode & 0o001:
                folder.chmod(0o711)
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)

    return act


@pytest.fixture
def usual_umask() -> Iterator[None]:
    """The one that most systems have: others may read."""
    before = os.umask(0o022)
    yield
    os.umask(before)
