"""Lay out versions in a table, and name notebooks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.supervise.outcome_text import LETTERS
from runner.supervise.status import VERSION_STYLES, local, why

if TYPE_CHECKING:
    from runner.cli.terminal import Cell

VERSION_COLUMNS = ("version", "state", "since", "commit", "author", "why")


def version_rows(versions: Iterable[dict[str, Any]]) -> list[tuple[Cell, ...]]:
    """Lay out what a supervisor says of versions, in ``VERSION_COLUMNS``."""
    return [
        (
            each["sha256"][:LETTERS],
            (each["state"], VERSION_STYLES.get(each["state"], "")),
            local(each["since"]),
            (each["commit"] or "")[:LETTERS],
            each["author"] or "",
            why(each),
        )
        for each in versions
    ]


def short_path(path: Path | None) -> str:
    """Name a file by its path below the working folder, if it is there."""
    if path is None:
        return "the service"
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
