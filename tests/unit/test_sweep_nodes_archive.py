"""Zips: the same files give the same one, and none leads out of a folder or out of its bounds."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from runner.sweep.nodes import archive
from runner.sweep.nodes.archive import ArchiveError, Bounds, Member

BOUNDS = Bounds(size=100, files=2)


def zip_of(name: str, content: bytes = b"1") -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        made.writestr(name, content)
    return data.getvalue()


def test_the_same_files_make_the_same_zip(tmp_path: Path) -> None:
    """Whatever their times and their order; what may be executed stays so."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    two.write_text("2")
    one.chmod(0o755)
    first = archive.packed([archive.member_of(one, "a/one"), archive.member_of(two, "two")])
    os.utime(one, (1, 1))
    again = archive.packed([archive.member_of(two, "two"), archive.member_of(one, "a/one")])
    assert first == again
    archive.unpack(first, tmp_path / "out", BOUNDS)
    assert (tmp_path / "out/a/one").read_text() == "1"
    assert os.access(tmp_path / "out/a/one", os.X_OK)
    assert not os.access(tmp_path / "out/two", os.X_OK)


@pytest.mark.parametrize("name", ["../up", "a/../../up", "/root", "folder/"])
def test_no_file_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    """Nothing of it is written then."""
    with pytest.raises(ArchiveError, match="no file below a folder"):
        archive.unpack(zip_of(name), tmp_path / "out", BOUNDS)
    assert not (tmp_path / "out").exists()


def test_what_is_too_much_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """By its size unpacked, or by the number of its files."""
    with pytest.raises(ArchiveError, match="101 bytes"):
        archive.unpack(zip_of("a", b"0" * 101), tmp_path, BOUNDS)
    many = archive.packed(Member(PurePosixPath(name), b"") for name in "abc")
    with pytest.raises(ArchiveError, match="3 files"):
        archive.unpack(many, tmp_path, BOUNDS)


def broken_zip() -> bytes:
    """Give a zip whose file is no deflated one."""
    data = bytearray(archive.packed([Member(PurePosixPath("a"), b"0" * 90)]))
    start = 30 + len("a")  # behind the file's head
    data[start : start + 4] = b"\xff" * 4
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [b"", b"no zip", zip_of("a")[:-8], broken_zip()],
    ids=["none", "text", "half", "broken"],
)
def test_half_a_zip_is_an_error_of_ours(data: bytes) -> None:
    """Whoever calls knows one kind of error."""
    with pytest.raises(ArchiveError, match="not a whole zip"):
        list(archive.members(data, BOUNDS))
