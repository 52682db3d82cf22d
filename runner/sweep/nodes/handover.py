"""Bring a point's files from its node to the folder of the sweep.

The rules of this file:

1. A node gives everything in the point's folder, or nothing: what is more than ``MOST`` is refused
   before it is read.
2. The driver puts the files in place, each in one step, under the record's lock, and the record
   last: a point whose driver was killed meanwhile is run again.
3. A record that says completed already stays: what comes a second time is dropped.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from runner.errors import ConfigurationError, RunnerError
from runner.files import write_atomically
from runner.record import history
from runner.record.out import OutFile
from runner.record.private_files import append_to_private, make_private_folder, write_private
from runner.record.writer import record_failure
from runner.sweep.locks import waited_for
from runner.sweep.nodes import archive
from runner.sweep.nodes.archive import ArchiveError, Bounds, Member
from runner.sweep.nodes.bundle import megabytes
from runner.sweep.outcomes import identity_facts, identity_of
from runner.sweep.point_run import is_completed
from runner.sweep.points import Point

log = logging.getLogger(__name__)

MOST = Bounds(size=256 * 1024**2, files=10_000)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Handover:
    """Be what is left of a point's run.

    Attributes:
        code: The exit code of its process.
        node: Where it ran.
        data: A zip of its files.
        refused: Why there is none; empty if there is.
        died: Workers that died while they ran it, if they are too many to run it again.
        left_behind: Files that the notebook wrote elsewhere; they are lost.
    """

    code: int
    node: str
    data: bytes = dataclasses.field(default=b"", repr=False)
    refused: str = ""
    died: Sequence[str] = ()
    left_behind: Sequence[str] = ()


def collected(folder: Path) -> tuple[bytes, str]:
    """Pack the files of a point's folder; give why not instead if they are too many.

    Hidden files and links stay: they are ours, or lead elsewhere.
    """
    paths = list(_files_of(folder))
    size = sum(path.stat().st_size for path in paths)
    if size > MOST.size or len(paths) > MOST.files:
        largest = max(paths, key=lambda path: path.stat().st_size)
        return b"", (
            f"the run left {len(paths)} files of {megabytes(size)} in its folder, more than the"
            f" {MOST.files} files or {megabytes(MOST.size)} that come back from a node; the"
            f" largest is {largest.relative_to(folder)}"
        )
    named = ((path, path.relative_to(folder).as_posix()) for path in paths)
    return archive.packed(archive.member_of(path, name) for path, name in named), ""


def commit(point: Point, handover: Handover, seconds: float) -> None:
    """Put a point's files in place.

    Args:
        point: Whose.
        handover: What a node gave.
        seconds: How long to wait for another run that writes the record.

    Raises:
        ConfigurationError: Another run is writing the record, and goes on doing so.
        ArchiveError: The node gave something else than a point's files.
    """
    found = {str(member.name): member for member in archive.members(handover.data, MOST)}
    record = found.pop(point.record.name, None)
    if record is not None and not _is_record_of(record, point):
        raise ArchiveError(f"{handover.node} gave the record of another point than {point.name}")
    with _held(point, seconds):
        if is_completed(point.record, point.identity):
            return
        _clear(point)
        for name, member in found.items():
            _write(point, name, member)
        if record is not None:
            write_private(point.record, record.content, durable=True)


def commit_failure(
    point: Point, source: Path, error: RunnerError, origin: Mapping[str, Any], seconds: float
) -> None:
    """Record that a point failed without a record of its own: it is not run again by itself.

    Args:
        point: Which.
        source: The notebook.
        error: Why.
        origin: What is known of the notebook.
        seconds: How long to wait for another run that writes the record.
    """
    facts = {**origin, **identity_facts(point)}
    with _held(point, seconds):
        if not is_completed(point.record, point.identity):
            _clear(point)
            record_failure(source, OutFile(point.record), error, facts, None)


def _clear(point: Point) -> None:
    """Keep the record of before under another name, and remove the model that was its."""
    history.keep_last(point.record)
    if point.own_model:
        point.own_model.unlink(missing_ok=True)
        point.own_model.with_suffix(".json").unlink(missing_ok=True)


def _write(point: Point, name: str, member: Member) -> None:
    folder, path = point.record.parent, point.record.parent / name
    if any(part.startswith(".") for part in member.name.parts[:1]):
        return
    make_private_folder(path.parent)
    if not path.parent.resolve().is_relative_to(folder.resolve()):
        raise ArchiveError(f"{path}: a link leads out of the point's folder")
    if path == point.log:  # below earlier ones
        with append_to_private(path) as file:
            file.write(member.content)
        return
    if path.is_symlink():
        path.unlink()
    write_atomically(path, member.content, mode=0o777 if member.is_executable else 0o666)


def _is_record_of(member: Member, point: Point) -> bool:
    try:
        facts = json.loads(member.content)["metadata"]["runner"]
        return identity_of(facts) == point.identity
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


@contextlib.contextmanager
def _held(point: Point, seconds: float) -> Iterator[None]:
    """Hold the record's lock; a run of a sweep that was killed is about to end, and is waited for.

    To be called in a thread of its own.
    """
    with waited_for(OutFile(point.record).claimed, seconds) as is_ours:
        if not is_ours:
            raise ConfigurationError(f"{point.record}: another run is writing it")
        yield


def _files_of(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        is_top = Path(place) == folder
        folders[:] = [name for name in folders if not (is_top and name.startswith("."))]
        paths = (Path(place, name) for name in names if not (is_top and name.startswith(".")))
        yield from (path for path in paths if path.is_file() and not path.is_symlink())
