"""Serve the pages until somebody ends it, and say where they are."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from runner import net
from runner.cockpit.app import app_for
from runner.cockpit.sign_in import Token, made_token
from runner.cockpit.storage_folder import StorageFolder

_BACKLOG = 128
_MOST_CONNECTIONS = 128
_SECONDS_TO_END = 2


def serve(
    shown: Path | StorageFolder, *, host: str, port: int, token: str, say: Callable[[str], object]
) -> None:
    """Serve the cockpit of a folder.

    Args:
        shown: All that is shown is below it.
        host: The address to bind.
        port: Its TCP port; 0 for any.
        token: That was set; empty: one is made, and shown.
        say: Shows a line.

    Raises:
        ConfigurationError: The address cannot be bound.
    """
    with contextlib.closing(_bound(host, port)) as listener:
        port = listener.getsockname()[1]
        kept = token or made_token()
        server = uvicorn.Server(
            uvicorn.Config(
                app_for(shown, Token(kept), port),
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                ws="none",
                limit_concurrency=_MOST_CONNECTIONS,
                timeout_graceful_shutdown=_SECONDS_TO_END,
            )
        )
        _end_calmly(server)
        say(f"the cockpit of {shown.resolve() if isinstance(shown, Path) else shown.name} is at")
        say(f"  http://127.0.0.1:{port}/" + ("" if token else f"?token={kept}"))
        say("whoever has this link may look, and stop services; Ctrl-C ends the cockpit")
        server.run(sockets=[listener])


def _bound(host: str, port: int) -> socket.socket:
    if port:
        net.check_free(host, port)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


def _end_calmly(server: uvicorn.Server) -> None:
    """Have the signals end the server, also before it listens to them; it raises them again."""

    def end(*_: object) -> None:
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
