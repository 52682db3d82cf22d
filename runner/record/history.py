"""Keep the records of earlier runs beside the newest one, and keep them true.

A process is looked for by its number only where it ran. What another host has left open stays so,
as nobody here can see whether it still runs there.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from runner.files import (
    is_of_this_boot,
    is_process_alive,
    is_replaceable,
    show_at,
    target_of,
)
from runner.identity import replica
from runner.record import card
from runner.record.ledger import Ledger
from runner.record.private_files import write_private
from runner.record.run_status import ENDED_WELL, OPEN, RunStatus

KEPT = 10
_NOBODY = 2**31 - 1  # no process's number: Linux has up to 2**22
_NOT_FOR_FILES = re.compile(r"[^\w.+-]+")


def keep_last(out: Path) -> None:
    """Give what is at ``out``, which is locked, a name of its own before a new run replaces it.

    The last ``KEPT`` records are kept, and the newest of those that ended well besides,
    so that a run that fails again and again cannot push it out. ``out`` itself
    never goes missing. What is no record of ours is kept for ever.
    """
    mark_if_killed(out, is_locked=True)
    if record := _read(out):
        name = _name_of(record)
        if _keep_as(out, name):
            Ledger(out.parent).add(name)
    elif out.is_file():
        _keep_for_good(out)
    prune(out)


def prune(out: Path) -> None:
    """Remove the oldest records beside ``out``, but for the newest that ended well."""
    ledger = Ledger(out.parent)
    ledger.sweep()
    newest_first = [out.with_name(name) for name in reversed(ledger.names())]
    newest_good = next((path for path in newest_first if _ended_well(path)), None)
    ledger.remove([path.name for path in newest_first[KEPT:] if path != newest_good])


def note(record: Path) -> None:
    """Note a record that a run is about to write as ours, to be pruned one day."""
    Ledger(record.parent).add(record.name)


def take_names(folder: Path, names: Iterable[str]) -> None:
    """Note names in a folder as ours; what has one and is not ours is kept under another one."""
    ledger = Ledger(folder)
    for path in (folder / name for name in set(names).difference(ledger.names())):
        if path.is_file():
            _keep_for_good(path)
            path.unlink()
        ledger.add(path.name)


def mark_all_killed(out: Path) -> None:
    """Correct every record of ours beside ``out``, and ``out``, maybe another name of one.

    The folder is locked.
    """
    for path in _kept(out):
        is_same_file = out.exists() and path.samefile(out)
        mark_if_killed(path, is_locked=True)
        if is_same_file:
            show_at(path, out)
    mark_if_killed(out, is_locked=True)


def is_kept(out: Path) -> bool:
    """Tell whether ``out`` is only another name of a record that is kept beside it."""
    return out.exists() and any(path.samefile(out) for path in _kept(out))


def _kept(out: Path) -> list[Path]:
    return [out.with_name(name) for name in Ledger(out.parent).names()]


def _name_of(record: dict[str, Any]) -> str:
    facts = record["metadata"].get("papermill")
    started = str(facts.get("start_time") or "unknown") if isinstance(facts, dict) else "unknown"
    run = record["metadata"]["runner"]
    parts = (started[:19].replace(":", ""), run.get("host"), run.get("pid", 0))
    name = ".".join(str(part) for part in parts if part is not None)
    return f"{_NOT_FOR_FILES.sub('_', name)}.ipynb"


def _keep_for_good(path: Path) -> None:
    changed = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
    stem = f"{path.stem}-of-{changed:%Y-%m-%dT%H%M%S}"
    names = (f"{stem}{part}{path.suffix}" for part in ("", *map("-{}".format, range(1, 1000))))
    next(name for name in names if _keep_as(path, name) or path.samefile(path.with_name(name)))


def _keep_as(out: Path, name: str) -> bool:
    """Give a file another name besides, or a copy; tell whether that was not there yet."""
    path = out.with_name(name)
    try:
        os.link(out.resolve(), path)
    except FileExistsError:
        return False
    except OSError:  # a disk without hard links
        if path.exists():
            return False
        write_private(path, out.read_bytes())
    return True


def reason_of(path: Path) -> str:
    """Give why a run ended, as its record says; empty if it does not."""
    return str(facts_of(path).get("reason", ""))


def facts_of(path: Path) -> dict[str, Any]:
    """Give what a record says of its run; empty when it is no record of ours."""
    record = _read(path)
    return dict(record["metadata"]["runner"]) if record else {}


def is_left_open(path: Path) -> bool:
    """Tell a record of ours that a run has not closed, and that we may replace."""
    return facts_of(path).get("status") in OPEN and is_replaceable(target_of(path))


def mark_if_killed(
    out: Path,
    reason: str = "the process that ran it ended without closing the record",
    *,
    is_locked: bool = False,
) -> None:
    """Correct a record that is not closed though its process is gone (kill -9, power cut).

    Args:
        out: The record.
        reason: Why it is not closed.
        is_locked: We hold the lock that its writer held. So the writer is gone if it was on this
            machine, be it in a container that had another name.
    """
    record = _read(out)
    if not record or record["metadata"]["runner"].get("status") not in OPEN:
        return
    facts = record["metadata"]["runner"]
    started = str(facts.get("process_start") or "")
    if not _is_of_here(facts, started, is_locked=is_locked):
        return
    if is_process_alive(_number(facts.get("pid")), started):
        return
    record["metadata"]["runner"].update(status=RunStatus.KILLED, reason=reason)
    for cell in record["cells"]:
        facts = cell["metadata"].get("papermill", {})
        if facts.get("status") == "running":
            facts["status"] = "interrupted"
        for output in filter(card.is_card, cell.get("outputs", ())):
            card.end_without_word(output, reason)
    if is_replaceable(target_of(out)):  # who was killed has left it read-only
        with contextlib.suppress(OSError):
            out.chmod(stat.S_IMODE(out.stat().st_mode) | stat.S_IWUSR)
    write_private(out, json.dumps(record, indent=1, ensure_ascii=False) + "\n", durable=True)


def _is_of_here(facts: dict[str, Any], started: str, *, is_locked: bool) -> bool:
    """Tell whether the process of a record is one that we could see; of before, none has a host."""
    is_same_host = facts.get("host") in (None, replica())
    return is_same_host or (is_locked and is_of_this_boot(started))


def _number(pid: Any) -> int:
    return pid if isinstance(pid, int) and pid > 0 else _NOBODY


def _ended_well(path: Path) -> bool:
    record = _read(path)
    return bool(record) and record["metadata"]["runner"].get("status") in ENDED_WELL


def _read(path: Path) -> dict[str, Any]:
    """Read a record of ours; empty when there is none or it is something else."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return record if isinstance(record["metadata"]["runner"], dict) else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
