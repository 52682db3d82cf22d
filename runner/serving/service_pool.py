"""Make the workers that serve an app, with what they have from outside: gate, limits, TLS, log."""

from __future__ import annotations

import dataclasses
import logging
import os
import socket
from collections.abc import Container, Mapping, Sequence
from typing import Any

from runner import net
from runner.access.gate import Gate, gate_of
from runner.access.settings import OPEN_TO_ALL, AccessSettings
from runner.config import PAGE_PATH, Limits, ProxyTrust, shared_folder
from runner.files import if_possible
from runner.http import app_protocol
from runner.http.app_protocol import AppProtocol
from runner.http.example_request import Example
from runner.http.request_log import RequestLog, request_log_of
from runner.http.server import AsgiServer, import_ahead
from runner.http.wsgi_adapter import WsgiAdapter
from runner.identity import Identity
from runner.rehearsal.handover import Handover
from runner.serving import (
    ipython_internals,
    reserved_page,
    tls_asked,
    worker_log,
)
from runner.serving.adopted_app import AdoptedApp
from runner.serving.app_kind import kind_of
from runner.serving.greeting import greeted, offers_of, tell_example
from runner.serving.supervisor_link import SupervisorLink
from runner.serving.worker import Server
from runner.serving.workers import WorkerPool
from runner.tls.server_tls import ServerTls
from runner.traffic.counters import Counters

log = logging.getLogger(__name__)


def pool_aside(
    left: AdoptedApp, listener: socket.socket, clients: Container[tuple[str, int] | None]
) -> WorkerPool:
    """Make what serves an app in this process alone, beside the service, until it is stopped.

    Args:
        left: The app; clients speak TLS as its own call says, whatever the service does.
        listener: Where.
        clients: Who may ask: no key does.
    """
    environ = {**left.options, **os.environ}
    limits = dataclasses.replace(
        Limits.from_environment(environ),
        max_requests=0,
        max_memory=0,
        linger=0.0,
        drain_timeout=1.0,
    )
    log_fd = _log_fd()
    gate, tls = Gate(clients=clients), tls_asked.of_call(left.tls)
    trust = ProxyTrust.from_environment(environ)
    server = _server(kind_of(left.app), left.app, limits, log_fd, [], gate, trust, tls)
    return WorkerPool(
        build=lambda _: server,
        listeners=[listener],
        limits=limits,
        log_fd=log_fd,
        hears_interrupts=False,
    )


def adopted_pool(taken: AdoptedApp, obstacle: str = "") -> WorkerPool:
    """Make what serves an app that was taken over, by the supervisor's listeners.

    Raises:
        ConnectionError: There is no supervisor.
    """
    kind, tls = kind_of(taken.app), tls_asked.chosen(taken.tls)
    control = SupervisorLink.connect()
    if control is None:
        raise ConnectionError("there is no supervisor to serve under")
    notices = [*taken.unused, *tls_asked.notices(taken.tls)]
    offers = offers_of(taken.app)
    listeners = greeted(control, kind, tls, notices, requested=taken.requested, offers=offers)
    environ = {**taken.options, **os.environ}
    return pool_of(kind, taken.app, listeners, control, [], tls, obstacle, environ)


def pool_of(  # noqa: PLR0913, PLR0917 - each is one thing that the pool needs
    kind: str,
    app: Any,
    listeners: list[socket.socket],
    control: SupervisorLink | None,
    examples: Sequence[Example],
    tls: ServerTls | None = None,
    obstacle: str = "",
    environ: Mapping[str, str] = os.environ,
) -> WorkerPool:
    """Make what serves an app.

    Args:
        kind: Of the app: ``asgi`` or ``wsgi``.
        app: The app.
        listeners: One for each worker.
        control: The way to the supervisor; None if there is none.
        examples: Asked before it is ready.
        tls: By what clients speak TLS; None: they do not.
        obstacle: Why workers cannot be forked; empty if they can.
        environ: What is set from outside, and what the app's own server call says.
    """
    limits = Limits.from_environment(environ)
    log_fd = _log_fd()
    if control is not None:
        tell_example(control, examples)
    own = app_protocol.of(app)
    own.prepare(len(listeners))
    counters = None if own.counters else Counters([], len(listeners))
    _show_counts(counters or own.counters)
    gate = _gate_of(own, limits, control, listeners)
    if control is None and gate.keys is None and net.is_for_others(listeners[0].getsockname()[0]):
        log.warning("%s", OPEN_TO_ALL.format(address=net.describe(listeners[0])))
    trust = ProxyTrust.from_environment(environ)
    requests = request_log_of(len(listeners))
    server = _server(kind, app, limits, log_fd, examples, gate, trust, tls, requests, counters)
    if own.offers.get("page") == PAGE_PATH:
        server.page = reserved_page.beside(server.app, examples, gate)
    handover = Handover.from_environment()

    def build(slot: int) -> Server:
        own.take_slot(slot)
        if counters is not None:
            counters.take_slot(slot)
        gate.counts.take_slot(slot)
        server.handover = None if slot else handover  # one worker of many is enough
        return server

    return WorkerPool(
        build=build,
        listeners=listeners,
        limits=limits,
        log_fd=log_fd,
        control=control,
        needs_processes=own.needs_process,
        obstacle=obstacle,
        is_tls=tls is not None,
    )


def _show_counts(counters: Counters | None) -> None:
    """Let the supervisor and the run read what the workers count, where there are any."""
    folder, run = shared_folder(), Identity.from_environment().run_id
    if counters is not None and folder and run:
        with if_possible("nobody sees what is counted"):
            counters.show_to_others(folder, run)


def _gate_of(
    own: AppProtocol,
    limits: Limits,
    control: SupervisorLink | None,
    listeners: Sequence[socket.socket],
) -> Gate:
    """Make what lets requests in; of a changed file of keys the supervisor says what becomes."""
    settings = AccessSettings.from_environment()
    if control is not None and control.key_sha256:
        settings = dataclasses.replace(settings, key_sha256=control.key_sha256)
    paths = own.paths_to_open
    if own.offers.get("page") == PAGE_PATH and settings.asks_for_keys:
        paths = {**paths, **reserved_page.paths_to_open()}
    gate = gate_of(
        settings,
        limits,
        paths,
        says=control is None,
        slots=len(listeners),
        is_local=net.is_local(listeners),
    )
    gate.has_authors_pages = own.has_authors_pages
    return gate


def _server(  # noqa: PLR0913, PLR0917 - each is one thing that a server needs
    kind: str,
    app: Any,
    limits: Limits,
    log_fd: int,
    examples: Sequence[Example],
    gate: Gate,
    trust: ProxyTrust,
    tls: ServerTls | None,
    request_log: RequestLog | None = None,
    counters: Counters | None = None,
) -> AsgiServer:
    """Make the server of each worker: a forked one has a copy of its own."""
    access = worker_log.access_log_to(log_fd, limits)
    import_ahead()
    asgi = app if kind == "asgi" else WsgiAdapter(app, limits.threads or limits.max_concurrency)
    given = (access, examples, gate, request_log)
    return AsgiServer(asgi, limits, *given, trust=trust, tls=tls, counters=counters)


def _log_fd() -> int:
    """Find where the process logs: what the runner handed down, else the kernel's own stderr."""
    given = os.environ.get("RUNNER_LOG_FD", "")
    if given.isdecimal():
        return int(given)
    return ipython_internals.real_stderr()
