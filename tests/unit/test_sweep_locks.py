"""The locks of a sweep's folder: one holder each, freed with it, and a word of what for."""

from __future__ import annotations

import errno
import fcntl
import functools
from pathlib import Path
from typing import Any

import pytest

from runner.errors import ConfigurationError
from runner.sweep.locks import FolderLocks, waited_for


def test_a_lock_has_one_holder(tmp_path: Path) -> None:
    """Another driver is told who holds it; once it is free, it is there for the next."""
    ours, theirs = FolderLocks(tmp_path), FolderLocks(tmp_path)
    with ours.claim("C=1", "first, long") as is_ours, theirs.claim("C=1", "second") as is_theirs:
        assert (is_ours, is_theirs) == (True, False)
        assert theirs.word_of("C=1") == "first, long"
        with theirs.claim("C=2") as is_other:
            assert is_other
    with theirs.claim("C=1", "second") as is_theirs:
        assert is_theirs
        assert ours.word_of("C=1") == "second"


def test_waiting_for_a_lock_has_an_end(tmp_path: Path) -> None:
    """By its time, or when nobody wants it any more."""
    claim, waits = functools.partial(FolderLocks(tmp_path).claim, "a"), list[str]()
    with claim():
        with waited_for(claim, 0.2, on_wait=lambda: waits.append("once")) as is_ours:
            assert not is_ours
        with waited_for(claim, 600, lambda: True) as is_ours:
            assert not is_ours
    with waited_for(claim, 600, on_wait=lambda: waits.append("never")) as is_ours:
        assert is_ours
    assert waits == ["once"]


def test_a_disk_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence, before anything is run twice."""

    def flock(*given: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with (
        pytest.raises(ConfigurationError, match="cannot be locked: No locks available"),
        FolderLocks(tmp_path).claim("a"),
    ):
        pass
