"""Whose key it is, also when the file of keys has changed."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from runner.access import keys as keys_module
from runner.access.key_file import hash_of, key_of
from runner.access.keys import LONGEST, Keys
from runner.errors import ConfigurationError


class Clock:
    """Be a clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class KeyFile:
    """Write lines to a file of keys, each time another file."""

    def __init__(self, path: Path) -> None:
        self.path, self._count = path, 0

    def write(self, *lines: str, mode: int = 0o600) -> None:
        self._count += 1
        partial = self.path.with_name("partial")
        partial.write_text("\n".join(lines))
        partial.chmod(mode)
        os.utime(partial, (self._count, self._count))
        partial.replace(self.path)


def line(key: str, name: str = "alice", more: str = "") -> str:
    return f"{name}:{hash_of(key).hex()}{more}"


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys")


def names(keys: Keys, *given: str) -> list[str]:
    found = [keys.find(key.encode()) for key in given]
    return [key.name if key else "" for key in found]


def test_a_key_is_found_by_its_hash_alone() -> None:
    """What is nearly a key is none, nor is a key's hash."""
    keys = Keys([key_of("alice", hash_of("right"))])
    assert names(keys, "right", "righ", "right ", "Right", "", hash_of("right").hex()) == [
        "alice",
        *[""] * 5,
    ]


def test_what_is_longer_than_any_key_is_not_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody makes us work by sending much."""
    keys = Keys([key_of("alice", hash_of("right"))])
    hashed: list[int] = []

    def sha256(data: bytes) -> Any:
        hashed.append(len(data))
        return hashlib.new("sha256", data)

    monkeypatch.setattr(keys_module.hashlib, "sha256", sha256)
    assert names(keys, "a" * LONGEST, "a" * (LONGEST + 1), "a" * 60_000) == ["", "", ""]
    assert hashed == [LONGEST]


def test_a_changed_file_is_taken_up_by_who_asks_next(file: KeyFile) -> None:
    """A second later at most; the key that is in no file stays."""
    clock = Clock()
    file.write(line("old"))
    keys = Keys([key_of("fixed", hash_of("fixed"))], file.path, clock=clock)
    file.write(line("new", "bob"))
    assert names(keys, "old", "new", "fixed") == ["alice", "", "fixed"]
    clock.now += 1
    assert names(keys, "old", "new", "fixed") == ["", "bob", "fixed"]


@pytest.mark.parametrize("fault", ["no line", "gone", "empty", "open to others"])
def test_a_change_that_is_none_keeps_the_keys_and_is_said_once(
    file: KeyFile, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is taken up once it is mended."""
    clock = Clock()
    file.write(line("old"))
    keys = Keys(file=file.path, clock=clock)
    if fault == "gone":
        file.path.unlink()
    else:
        text = {"no line": "secret", "empty": "", "open to others": line("new")}[fault]
        file.write(text, mode=0o644 if fault == "open to others" else 0o600)
    for _ in range(3):
        clock.now += 1
        assert names(keys, "old", "new") == ["alice", ""]
    (said,) = [each.getMessage() for each in caplog.records]
    assert str(file.path) in said
    assert "the keys that were known go on to be valid" in said
    assert "secret" not in said
    file.write(line("new", "bob"))
    clock.now += 1
    with caplog.at_level(logging.INFO):
        assert names(keys, "old", "new") == ["", "bob"]


def test_a_rate_goes_on_over_a_change_of_the_file(file: KeyFile) -> None:
    """Else a file written again and again would be a way around it."""
    clock = Clock()
    file.write(line("key", more=" rate=1/h"))
    keys = Keys(file=file.path, clock=clock)
    first = keys.find(b"key")
    file.write(line("key", more=" rate=1/h"), line("other"))
    clock.now += 1
    again = keys.find(b"key")
    assert first is again
    file.write(line("key", more=" rate=2/h"))
    clock.now += 1
    assert keys.find(b"key") is not first


def test_a_file_that_cannot_be_read_at_the_start_is_refused(file: KeyFile) -> None:
    """Nobody serves with fewer keys than were given."""
    with pytest.raises(ConfigurationError):
        Keys([key_of("fixed", hash_of("fixed"))], file.path)
