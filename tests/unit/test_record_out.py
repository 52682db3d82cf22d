"""Where a record may be written, and how: files, links, streams, and what is refused."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from runner import files
from runner.errors import ConfigurationError, RunnerError
from runner.record import out as outs
from runner.record.out import OutFile, OutStream, out_at, with_values


def send(out: OutFile | OutStream, *texts: str) -> None:
    with out.claimed() as is_ours:
        assert is_ours
        for text in texts:
            out.write(text, durable=True)


def test_a_file_is_written_at_every_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder that is made for it, also when the working folder is moved meanwhile."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    out = out_at(Path("deep/er/out.ipynb"))
    assert not Path("deep").exists()
    with out.claimed():
        (tmp_path / "work").rename(tmp_path / "moved")
        out.write("text")
        assert (tmp_path / "moved/deep/er/out.ipynb").read_text() == "text"
    assert [path.name for path in (tmp_path / "moved/deep/er").iterdir()] == ["out.ipynb"]


def test_a_link_is_claimed_with_what_it_leads_to(tmp_path: Path) -> None:
    """Two runs never write one file, by whichever name."""
    (tmp_path / "link").symlink_to("file")
    with out_at(tmp_path / "link").claimed() as first, out_at(tmp_path / "file").claimed() as next_:
        assert (first, next_) == (True, False)


def test_what_is_written_in_place_is_claimed_by_itself(
    tmp_path: Path, acting_as_nobody: Callable[[], AbstractContextManager[None]]
) -> None:
    """Beside it no file can be made; it is not removed."""
    path = tmp_path / "out.ipynb"
    path.write_text("old")
    path.chmod(0o666)
    tmp_path.chmod(0o555)
    with acting_as_nobody(), out_at(path).claimed() as first, out_at(path).claimed() as second:
        assert (first, second) == (True, False)
        out_at(path).write("new")
    tmp_path.chmod(0o755)
    assert path.read_text() == "new"


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("before", [None, 0o664, 0o604])
@pytest.mark.usefixtures("usual_umask")
def test_nobody_else_writes_a_record_while_its_run_does(tmp_path: Path, before: int | None) -> None:
    """What they write were lost at the next save; at the end the permissions are as they were."""
    path = tmp_path / "out.ipynb"
    if before is not None:
        path.touch()
        path.chmod(before)
    out, usual = OutFile(path), before or 0o600
    for text in "ab":
        out.write(text, is_open=True)
        assert (path.read_text(), mode(path)) == (text, usual & 0o444)
    out.write("c")
    assert (path.read_text(), mode(path)) == ("c", usual)


@pytest.mark.usefixtures("usual_umask")
def test_permissions_that_somebody_gives_meanwhile_stay(tmp_path: Path) -> None:
    """Such as those to let others read it."""
    out = OutFile(tmp_path / "out.ipynb")
    out.write("a", is_open=True)
    out.path.chmod(0o644)
    out.write("b", is_open=True)
    out.write("c")
    assert mode(out.path) == 0o644


def test_what_is_written_in_place_can_be_written_again(
    tmp_path: Path, acting_as_nobody: Callable[[], AbstractContextManager[None]]
) -> None:
    """So it stays as it is."""
    path = tmp_path / "out.ipynb"
    path.touch()
    path.chmod(0o666)
    tmp_path.chmod(0o555)
    with acting_as_nobody():
        out = OutFile(path)
        for text in ("long", "short"[:2], "c"):
            out.write(text, is_open=text != "c")
            assert (path.read_text(), mode(path)) == (text, 0o666)
    tmp_path.chmod(0o755)


@pytest.mark.parametrize(("status", "is_refused"), [("running", False), ("completed", True)])
@pytest.mark.usefixtures("usual_umask")
def test_what_a_killed_run_has_left_is_no_file_that_somebody_protects(
    tmp_path: Path,
    acting_as_nobody: Callable[[], AbstractContextManager[None]],
    status: str,
    is_refused: bool,
) -> None:
    """It is read-only too, and the next run writes it, with the permissions of any other."""
    tmp_path.chmod(0o777)
    with acting_as_nobody():
        path = tmp_path / "out.ipynb"
        path.write_text(json.dumps({"cells": [], "metadata": {"runner": {"status": status}}}))
        path.chmod(0o400)
        if is_refused:
            with pytest.raises(ConfigurationError, match="it is read-only"):
                out_at(path)
            return
        out = out_at(path)
        assert isinstance(out, OutFile)
        out.write("a", is_open=True)
        out.write("b")
        assert mode(path) == 0o600
    tmp_path.chmod(0o755)


def test_a_pipe_gets_the_record_once_as_it_is_at_the_end(tmp_path: Path) -> None:
    """Whoever reads it would take several for one that is broken."""
    path, read = tmp_path / "pipe", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: read.append(path.read_text()))
    reader.start()
    large = "x" * 300_000
    send(out_at(path), "first", large)
    reader.join()
    assert read == [large]
    assert path.is_fifo()


@pytest.mark.parametrize("name", ["/dev/fd/{}", "/proc/self/fd/{}", "link", "-"])
def test_an_open_file_gets_the_record_where_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As from any program that writes to it: what was there before stays."""
    path = tmp_path / "log"
    with path.open("w") as file:
        file.write("before\n")
        file.flush()
        os.set_inheritable(file.fileno(), True)
        if name == "link":
            (tmp_path / "link").symlink_to(f"/dev/fd/{file.fileno()}")
            place = tmp_path / "link"
        else:
            place = Path(name.format(file.fileno()))
        out = out_at(place)
        if name == "-":
            out = OutStream(place, file.fileno())
        send(out, "first", "last")
        file.write("\nafter")
    assert path.read_text() == "before\nlast\nafter"
    assert (tmp_path / "link").is_symlink() is (name == "link")


def test_what_was_sent_is_not_sent_again(tmp_path: Path) -> None:
    """Whoever looks whether something is left to send finds nothing."""
    with (tmp_path / "log").open("wb") as file:
        out = OutStream(Path("log"), file.fileno())
        send(out, "text")
        out.send()
    assert (tmp_path / "log").read_text() == "text"


def test_a_file_that_we_have_opened_ourselves_is_nobodys_to_name(tmp_path: Path) -> None:
    """A number that happens to be one of ours would get the record instead of an error."""
    with (tmp_path / "ours").open("wb") as file:
        with pytest.raises(ConfigurationError, match="Bad file descriptor"):
            out_at(Path(f"/dev/fd/{file.fileno()}"))
        os.set_inheritable(file.fileno(), True)
        assert isinstance(out_at(Path(f"/dev/fd/{file.fileno()}")), OutStream)


def test_a_device_stays_one(tmp_path: Path) -> None:
    """It is written to, and not replaced; nothing is made beside it."""
    ours, theirs = os.openpty()
    link = tmp_path / "terminal"
    link.symlink_to(os.ttyname(theirs))
    out = out_at(link)
    assert isinstance(out, OutStream)
    send(out, "first", "last")
    files.write_atomically(link, ".", durable=True)
    assert os.read(ours, 4) + os.read(ours, 1) == b"last."
    assert link.is_symlink()
    assert link.is_char_device()
    assert [path.name for path in tmp_path.iterdir()] == ["terminal"]
    os.close(ours)
    os.close(theirs)


def test_a_stream_that_nobody_reads_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it is opened, while it is written, and when its reader has ended."""
    monkeypatch.setattr(outs, "_STREAM_WAIT", 0.01)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RunnerError, match="pipe: the record was not taken"):
        send(out_at(tmp_path / "pipe"), "text")
    read, write = os.pipe()
    with pytest.raises(RunnerError, match=r"nothing was read for 0\.01 s"):
        send(OutStream(Path("pipe"), write), "x" * 300_000)
    os.close(read)
    with pytest.raises(RunnerError, match="Broken pipe"):
        send(OutStream(Path("pipe"), write), "text")
    out = OutStream(Path("pipe"), write)
    out.write("text")
    with pytest.raises(ZeroDivisionError), out.claimed():  # another failure is told first
        _ = 1 / 0
    os.close(write)


def test_what_cannot_be_written_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line, which says why."""
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("file").touch()
    Path("loop").symlink_to("loop")
    for name, said in {
        "folder": "it is a folder",
        "file/out.ipynb": "Not a directory",
        "loop": "Too many levels of symbolic links",
        "x" * 300: "File name too long",
        "a\0b": "null",
        "/dev/fd/99": "Bad file descriptor",
        "/proc/self/fd/99": "Bad file descriptor",
    }.items():
        with pytest.raises(ConfigurationError, match=said):
            out_at(Path(name))
    with Path("file").open() as file:  # open for reading, and ours
        os.set_inheritable(file.fileno(), True)
        with pytest.raises(ConfigurationError, match="Bad file descriptor"):
            out_at(Path(f"/dev/fd/{file.fileno()}"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "loop"]


def test_what_is_not_ours_to_write_is_refused(
    tmp_path: Path, acting_as_nobody: Callable[[], AbstractContextManager[None]]
) -> None:
    """A file that is read-only is not replaced, though the folder would allow it."""
    path = tmp_path / "out.ipynb"
    path.write_text("old")
    path.chmod(0o444)
    tmp_path.chmod(0o777)
    with acting_as_nobody(), pytest.raises(ConfigurationError, match="it is read-only"):
        out_at(path)
    tmp_path.chmod(0o555)
    with acting_as_nobody(), pytest.raises(ConfigurationError, match="not ours to write in"):
        out_at(tmp_path / "sub" / "new.ipynb")
    tmp_path.chmod(0o755)


@pytest.mark.parametrize(
    ("path", "filled"),
    [
        ("out_{alpha}.ipynb", "out_0.5.ipynb"),
        ("{name}/out.ipynb", "b/out.ipynb"),
        ("{{alpha}}.ipynb", "{alpha}.ipynb"),
        ("out_{alpha:.2f}.ipynb", "out_0.50.ipynb"),
        ("out.ipynb", "out.ipynb"),
    ],
)
def test_parameters_in_braces_name_the_record(path: str, filled: str) -> None:
    """As in papermill, whose braces they are."""
    assert with_values(Path(path), {"alpha": 0.5, "name": "b"}) == Path(filled)


@pytest.mark.parametrize("path", ["{beta}", "{", "}", "{}", "{0}", "{alpha.x}", "{alpha:z}"])
def test_braces_that_name_no_parameter_are_told(path: str) -> None:
    """By the names that there are."""
    with pytest.raises(ConfigurationError, match="what stands in braces is no parameter") as told:
        with_values(Path(path), {"alpha": 1})
    assert "alpha" in told.value.hint
