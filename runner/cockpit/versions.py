"""List the versions of a service that are kept, the newest first.

A supervisor says them; of a service that has ended, or whose supervisor is of before, its files do.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner.cockpit.run_summary import process_of
from runner.cockpit.run_values import text_of
from runner.cockpit.services import Service, commit_of, facts_of, notebooks_in
from runner.identity import start_of
from runner.record.run_status import OPEN

_MOST = 100
_SUFFIX = ".ipynb"
_LARGEST = 16_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Version:
    """Be a notebook that has served, or was to.

    Attributes:
        run: The run that it is known by.
        sha256: Of the notebook.
        kept: The notebook; None if it is not kept.
        since: When it began to serve, or to start; ISO.
        state: ``serving``, ``kept`` or ``failed``.
        cause: Why it was started.
        commit: Of the author's.
        author: Of that commit.
        subject: The first line of what that says.
        reason: Why it failed.
        rehearsal: How it answered what was recorded.
        record: Of its run; None if it is not kept.
    """

    run: str
    sha256: str = ""
    kept: Path | None = None
    since: str = ""
    state: str = "kept"
    cause: str = ""
    commit: str = ""
    author: str = ""
    subject: str = ""
    reason: str = ""
    rehearsal: dict[str, Any] = dataclasses.field(default_factory=dict)
    record: Path | None = None


def versions_of(
    service: Service, said: dict[str, Any] | None, status: dict[str, Any] | None
) -> list[Version]:
    """List them.

    Args:
        service: Whose.
        said: The supervisor's answer to ``versions``; None if there is none.
        status: Its answer to ``status``, likewise.
    """
    listed = (said or {}).get("versions")
    if isinstance(listed, list):
        return [_said(service, each) for each in listed[:_MOST] if isinstance(each, dict)]
    return [*_kept(service, _serving(service, status))]


def _said(service: Service, said: dict[str, Any]) -> Version:
    texts = ("sha256", "since", "state", "cause", "commit", "author", "subject", "reason")
    run, kept = text_of(said.get("run")), text_of(said.get("kept"))
    facts = _facts(service, run)
    return Version(
        run=run,
        kept=_file_of(service, Path(kept)) if kept else None,
        rehearsal=_rehearsal(facts),
        record=_record(service, run),
        **{name: text_of(said.get(name)) for name in texts},
    )


def _serving(service: Service, status: dict[str, Any] | None) -> Any:
    """Name the run that serves: a supervisor says it, or else a record that nobody has closed."""
    if status is not None:
        return (status.get("serving") or {}).get("run")
    facts = facts_of(service.out)
    is_open = facts.get("status") in OPEN and not process_of(facts).is_gone
    return facts.get("run") if is_open and facts.get("ready") else None


def _kept(service: Service, serving: Any) -> Iterator[Version]:
    folder = service.folder / "sources"
    for name in [*reversed(notebooks_in(folder))][:_MOST]:
        run = name.removesuffix(_SUFFIX)
        facts = _facts(service, run)
        yield Version(
            run=run,
            sha256=text_of(facts.get("notebook_sha256")) or _hash_of(folder / name),
            kept=folder / name,
            since=text_of(facts.get("ready")) or start_of(run),
            state="serving" if run == serving else "kept",
            commit=commit_of(facts),
            rehearsal=_rehearsal(facts),
            record=_record(service, run),
        )


def _file_of(service: Service, path: Path) -> Path | None:
    """Give a kept notebook, as we find it: a supervisor in a container names another path."""
    for each in (path, service.folder / "sources" / path.name):
        if each.parent == service.folder / "sources" and each.is_file():
            return each
    return None


def _record(service: Service, run: str) -> Path | None:
    record = service.folder / f"{run}{_SUFFIX}"
    return record if run and record.parent == service.folder and record.is_file() else None


def _facts(service: Service, run: str) -> dict[str, Any]:
    record = _record(service, run)
    return facts_of(record) if record else {}


def _rehearsal(facts: dict[str, Any]) -> dict[str, Any]:
    said = facts.get("rehearsal")
    return said if isinstance(said, dict) else {}


def _hash_of(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.sha256(opened.read(_LARGEST)).hexdigest()
    except OSError:
        return ""
