"""Bring what is logged in the kernel and its workers to the log, each record as one line.

That is what `runner` logs itself, and what nobody else has a handler for: of the author's own
loggers, warnings and errors, unless the author has configured `logging` otherwise. What other
handlers write to a stream is printed.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

from runner.config import Limits, setting
from runner.http.access_log import AccessLog
from runner.http.problems import note_handled
from runner.log import LEVELS, Lines, PatientHandler
from runner.serving.logged_facts import logged_facts

# Of the protocols that are spoken beside our own.
_HEALTH_PATHS = {"/health", "/ping", "/v2/health/live", "/v2/health/ready"}


@contextlib.contextmanager
def records_to(fd: int) -> Iterator[None]:
    """Send records to the log meanwhile."""
    level = setting("log-level", "info").upper()
    ours, handler = logging.getLogger("runner"), PatientHandler(fd)
    is_json = setting("log-format", "text") == "json"
    handler.setFormatter(Lines(is_json=is_json, who=_worker, facts=logged_facts))
    handler.setLevel(level)
    last_resort, before = logging.lastResort, (ours.level, ours.propagate)
    ours.addHandler(handler)
    ours.setLevel(level)
    ours.propagate, logging.lastResort = False, handler
    make_record = logging.getLogRecordFactory()
    logging.setLogRecordFactory(functools.partial(_noted, make_record))
    try:
        yield
    finally:
        logging.setLogRecordFactory(make_record)
        logging.lastResort = last_resort
        ours.level, ours.propagate = before
        ours.removeHandler(handler)
        handler.flush()


def _noted(make: Callable[..., logging.LogRecord], *args: Any, **named: Any) -> logging.LogRecord:
    """Make a record; what it says was raised is noted for the request that is answered here.

    Many frameworks log what an app has raised, and answer 500 by themselves.
    """
    record = make(*args, **named)
    error = record.exc_info[1] if record.exc_info else None
    if error is not None and record.levelno >= logging.ERROR:
        note_handled(error)
    return record


def _worker() -> str:
    return f"worker {os.getpid()}: "  # a forked one has its own


def access_log_to(fd: int, limits: Limits) -> AccessLog | None:
    """Make what has a line for each request; None if none is asked for."""
    if setting("access-log", "0") != "1":
        return None
    asks_for_all = setting("access-log-all", "0") == "1"
    return AccessLog(
        fd,
        is_json=setting("log-format", "text") == "json",
        left_out=None if asks_for_all else {limits.health_path, limits.ready_path, *_HEALTH_PATHS},
        only_errors=LEVELS.index(setting("log-level", "info")) > LEVELS.index("info"),
        facts=logged_facts,
    )
