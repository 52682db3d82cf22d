"""What is a file of keys, and who may read it."""

from __future__ import annotations

import hashlib
import os
import resource
from pathlib import Path

import pytest

from runner.access import key_file
from runner.access.key_file import append_line, line_of, read_keys, stamp_of
from runner.errors import ConfigurationError

HASHES = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(3)]


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_each_line_is_a_name_a_hash_and_perhaps_a_rate(tmp_path: Path, mark: str, end: str) -> None:
    """Comments and empty lines are none; a name may have two keys, so that one can be replaced."""
    text = (
        f"{mark}# whose\n\nalice:{HASHES[0]}\n  alice:{HASHES[1].upper()}  \n"
        f"batch@x:{HASHES[2]} rate=30/min\n"
    )
    keys = read_keys(written(tmp_path / "keys", text.replace("\n", end)))
    assert [(key.name, key.sha256.hex(), key.per_second) for key in keys] == [
        ("alice", HASHES[0], 0),
        ("alice", HASHES[1], 0),
        ("batch@x", HASHES[2], 0.5),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no key"),
        ("# nothing\n", "no key"),
        ("a-secret-key-by-mistake", "line 1"),
        (f"alice:{HASHES[0]}\nbob:1234", "line 2"),
        (f"alice:{HASHES[0]} rate=50", "line 1"),
        (f"alice:{HASHES[0]} rate=1/week", "line 1"),
        (f"alice:{HASHES[0]} rate=0.0/s", "line 1"),
        (f"two words:{HASHES[0]}", "line 1"),
        (f"alice:{HASHES[0]}\nbob:{HASHES[0]}", "line 2"),
    ],
)
def test_what_is_no_file_of_keys_is_refused_as_a_whole(
    tmp_path: Path, text: str, said: str
) -> None:
    """The line's number is said, and nothing of the line: it may be a key."""
    with pytest.raises(ConfigurationError, match=said) as refused:
        read_keys(written(tmp_path / "keys", text))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("mode", "is_fine"),
    [(0o600, True), (0o400, True), (0o440, True), (0o604, False), (0o602, False), (0o620, False)],
)
def test_others_may_not_read_it(tmp_path: Path, mode: int, *, is_fine: bool) -> None:
    """A group may, as that of a pod's volume; nobody but the owner may write."""
    file = written(tmp_path / "keys", f"alice:{HASHES[0]}\n", mode)
    if is_fine:
        assert read_keys(file)
        return
    with pytest.raises(ConfigurationError, match="others can read or change it") as refused:
        read_keys(file)
    assert refused.value.hint == f"chmod 600 {file}"


def test_what_is_no_file_is_refused_without_a_wait(tmp_path: Path) -> None:
    """A pipe that nobody writes to holds nobody up."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    for path in (pipe, tmp_path, tmp_path / "missing"):
        with pytest.raises(ConfigurationError):
            read_keys(path)


def test_a_change_of_rights_is_a_change(tmp_path: Path) -> None:
    """So a file that others can read from now on is noticed."""
    file = written(tmp_path / "keys", f"alice:{HASHES[0]}\n")
    before = stamp_of(file)
    assert stamp_of(file) == before
    file.chmod(0o644)
    assert stamp_of(file) != before
    file.unlink()
    assert stamp_of(file) is None


@pytest.mark.parametrize("before", ["", f"alice:{HASHES[0]}", f"# whose\nalice:{HASHES[0]}\n"])
def test_a_line_is_added_to_what_was_there(tmp_path: Path, before: str) -> None:
    """A last line without an end is not made longer; the file stays its owner's alone."""
    file = tmp_path / "keys"
    if before:
        written(file, before)
    append_line(file, line_of("bob", "key", "9/h"))
    assert file.stat().st_mode & 0o777 == 0o600
    names = [key.name for key in read_keys(file)]
    assert names == (["alice", "bob"] if before else ["bob"])


def test_half_a_line_is_not_left_where_there_is_no_room(tmp_path: Path) -> None:
    """The keys that were there are known when the service starts again."""
    text = f"alice:{HASHES[0]}\n"
    file = written(tmp_path / "keys", text)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(text) + 10, before[1]))
    try:
        with pytest.raises(OSError, match="No space left"):
            append_line(file, line_of("bob", "key"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert file.read_text() == text


@pytest.mark.parametrize("bound", ["_MOST_KEYS", "_MOST_BYTES"])
def test_no_key_is_added_by_which_all_would_be_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    """A file has as many keys as are read of one, and no more."""
    text = f"alice:{HASHES[0]}\n"
    file = written(tmp_path / "keys", text)
    monkeypatch.setattr(key_file, bound, 1 if bound == "_MOST_KEYS" else len(text))
    with pytest.raises(ConfigurationError, match="as many keys"):
        append_line(file, line_of("bob", "key"))
    assert file.read_text() == text


def test_nothing_is_added_to_what_is_no_file_of_keys(tmp_path: Path) -> None:
    """Nor to one that others can read."""
    line = line_of("bob", "key")
    for text, mode in (("no keys", 0o600), (f"alice:{HASHES[0]}\n", 0o644), ("", 0o644)):
        file = written(tmp_path / "keys", text, mode)
        with pytest.raises(ConfigurationError):
            append_line(file, line)
        assert file.read_text() == text


@pytest.mark.parametrize(
    ("name", "rate"), [("a b", ""), ("", ""), ("a:b", ""), ("a", "5"), ("a", "x/s")]
)
def test_a_line_that_could_not_be_read_is_not_made(name: str, rate: str) -> None:
    """So no key is shown that would be refused."""
    with pytest.raises(ConfigurationError):
        line_of(name, "key", rate)
