"""Say where a service leaves its records; where that may not be written, in a folder that goes."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from runner import files
from runner.record import folders
from runner.run.private_folder import PrivateFolder
from runner.supervise.plan import Plan

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Places:
    """Be the places of one service.

    Attributes:
        plan: With the place of its record.
        folder: Its own, for locks, records and kept notebooks.
        is_kept: It is there when the service has ended.
    """

    plan: Plan
    folder: Path
    is_kept: bool = True


@contextlib.contextmanager
def found(plan: Plan) -> Iterator[Places]:
    """Find them: a service that may write nowhere still serves, and says what is missing."""
    if plan.is_trial:
        yield Places(plan=plan.recording_below(None), folder=plan.out.parent)
        return
    folder = folders.folder_of(plan.path)
    if files.can_be_made(folder):
        yield Places(plan=plan.recording_below(folder), folder=folder)
        return
    said = "nothing is recorded, and no version outlives this process: user %d may not write in %s"
    log.warning(said, os.geteuid(), folder.absolute())
    with contextlib.closing(PrivateFolder()) as temporary:
        own = temporary.path / folder.name
        is_named = plan.out != folders.default_out(plan.path)
        out = plan.out if is_named else own / plan.out.name
        plan = dataclasses.replace(plan, out=out).recording_below(None)
        yield Places(plan=plan, folder=own, is_kept=False)
