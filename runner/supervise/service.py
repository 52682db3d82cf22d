"""Open what a service needs before its first run, and hold it until the last has ended.

The listening sockets are opened once and closed last; a lock in the folder of its records says that
it is served. In between a supervisor does all.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import socket
from pathlib import Path

from runner import errors, files, net
from runner.notebook import document as notebook
from runner.record import folders
from runner.record.out import OutStream, out_at
from runner.record.private_files import make_private_folder
from runner.supervise import places, running
from runner.supervise.events import Exit
from runner.supervise.places import Places
from runner.supervise.plan import Plan, how_far, values_for
from runner.supervise.running import LOCK
from runner.supervise.supervisor import Supervisor
from runner.telemetry import span_export
from runner.tls.server_tls import ServerTls

log = logging.getLogger(__name__)

_OUTCOMES = {error.exit_code: error for error in errors.EXIT_CODES}


def supervise(plan: Plan) -> None:
    """Serve until a stop is asked for.

    Raises:
        ConfigurationError: The address, the notebook or a parameter is wrong.
        RunnerError: What it served ended, and no restart mends it; of the kind of its exit code.
    """
    tls = _tls(plan)
    values_for(plan, plan.path)
    with places.found(plan) as found:
        _supervise(found, tls)


def _supervise(found: Places, tls: ServerTls | None) -> None:
    plan, folder = found.plan, found.folder
    out = out_at(plan.out)
    if isinstance(out, OutStream) and plan.out != Path(os.devnull):
        raise errors.ConfigurationError(
            f"{plan.out}: the record of a service is written again and again",
            hint="name a file, or /dev/null",
        )
    listeners = _listeners(plan)
    with contextlib.ExitStack() as stack:
        for listener in listeners:
            stack.enter_context(contextlib.closing(listener))
        if listeners:
            plan = dataclasses.replace(plan, port=net.port_of(listeners[0]) or plan.port)
        make_private_folder(folder)
        for lock, claim in (
            (folder / LOCK, files.claim(folder / LOCK)),
            (plan.out.with_name(LOCK), out.claimed()),
        ):
            if not stack.enter_context(claim):
                raise running.occupied(plan.path, folder, lock)
        if not plan.is_trial:
            folders.take(folder, plan.path)
        span_export.begin(notebook=plan.path)
        stack.callback(span_export.flush)
        ended = asyncio.run(_live(plan, folder, listeners, tls))
    if ended.code:
        kind = _OUTCOMES.get(ended.code, errors.RunnerError)
        hint = f"the records are in {folder}" if found.is_kept and not plan.is_trial else ""
        raise kind(f"{plan.path}: {ended.reason}", hint=hint)
    log.info("%s stopped%s", plan.path, f"; see {plan.out}" if plan.out.exists() else "")


async def _live(
    plan: Plan, folder: Path, listeners: list[socket.socket], tls: ServerTls | None
) -> Exit:
    return await Supervisor(plan, folder, listeners, tls).run()


def _tls(plan: Plan) -> ServerTls | None:
    """Read the certificate, and say what is odd about its files."""
    if plan.tls is None:
        return None
    if warning := plan.tls.warning():
        log.warning(warning)
    tls = ServerTls.read(plan.tls)
    log.info(
        "clients speak TLS by %s, valid until %s", plan.tls.cert, tls.until or "an unknown day"
    )
    return tls


def _listeners(plan: Plan) -> list[socket.socket]:
    """Open the sockets of all runs; none for a kernel that cannot take them."""
    document = notebook.read(plan.path)
    if document.is_python:
        return net.listeners(plan.host, plan.port, plan.workers)
    if plan.tls is not None:
        raise errors.ConfigurationError(
            f"{plan.path}: its cells are {document.language}, whose server has to speak TLS itself",
            hint="leave out --tls-cert",
        )
    net.check_free(plan.host, plan.port)
    log.warning("%s: %s", plan.path, how_far(plan, document.language))
    return []
