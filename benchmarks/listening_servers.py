"""Serve a notebook by each of the servers below, as they are installed, and say how it went.

Each notebook calls its server as that one's documentation has it. It is served by `runner serve`,
asked once for each of the two health paths and for its own answer, and stopped. A server that is
not installed is left out: install those of interest into an environment of their own, beside this
package.

    pip install bokeh bottle flask-socketio gevent granian
    python benchmarks/listening_servers.py [--only gevent …]
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import http.client
import importlib.util
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from leftovers import leave_nothing

_START_WITHIN, _STOP_WITHIN = 60.0, 30.0
WSGI = (
    "def app_of(environ, start_response):\n    start_response('200 OK', [])\n    return [b'yes']\n"
)
ASGI = """async def app_of(scope, receive, send):
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    await send({'type': 'http.response.body', 'body': b'yes'})
"""
# PORT is one that the notebook asks for; the service has another.
SERVERS = {
    "bokeh": (
        "from bokeh.server.server import Server\n"
        "server = Server({'/': lambda doc: None}, port=PORT)\nserver.start()"
    ),
    "bottle": "import bottle\nbottle.route('/')(lambda: 'yes')\nbottle.run(port=PORT)",
    "flask_socketio": (
        "import flask, flask_socketio\nserver = flask.Flask('a')\n"
        "server.route('/')(lambda: 'yes')\n"
        "socket = flask_socketio.SocketIO(server, async_mode='threading')\n"
        "socket.run(server, port=PORT, allow_unsafe_werkzeug=True)"
    ),
    "gevent": (
        WSGI
        + "from gevent.pywsgi import WSGIServer\nWSGIServer(('', PORT), app_of).serve_forever()"
    ),
    "granian": ASGI
    + "from granian import Granian as Server\n"
    + "Server('__main__:app_of', interface='asgi', port=PORT).serve()",
    "http": f"!{sys.executable} -m http.server PORT",
    "hypercorn": ASGI
    + "from hypercorn.asyncio import serve\nfrom hypercorn.config import Config\n"
    + "config = Config()\nconfig.bind = ['127.0.0.1:PORT']\nawait serve(app_of, config)",
    "uvicorn": ASGI + "import uvicorn\nuvicorn.run(app_of, port=PORT)",
    "waitress": WSGI + "import waitress\nwaitress.serve(app_of, port=PORT)",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """Hold how one server did.

    Attributes:
        early: The statuses of the health paths before it served: alive, and not ready.
        status: Of its own answer.
        exit_code: Of the service, after SIGTERM.
        notices: What the log warns of.
    """

    early: list[int]
    status: int
    exit_code: int
    notices: list[str]


def served(source: str) -> Outcome:
    """Serve a notebook, ask it, and stop it."""
    with tempfile.TemporaryDirectory() as folder:
        port, own = _free_port(), _free_port()
        _write(Path(folder, "a.ipynb"), source.replace("PORT", str(own)))
        words = [sys.executable, "-m", "runner", "serve", "a.ipynb", "--port", str(port)]
        log = Path(folder, "log")
        with log.open("wb") as file:
            service = subprocess.Popen(words, cwd=folder, stdout=file, stderr=file)
        try:
            early = [_early(service, port, path) for path in ("/healthz", "/readyz")]
            _wait_until_served(service, log)
            status = _status(port, "/")
        finally:
            service.send_signal(signal.SIGTERM)
            code = service.wait(_STOP_WITHIN)
        lines = log.read_text().splitlines()
        return Outcome(
            early=early,
            status=status,
            exit_code=code,
            notices=[line.partition("WARNING ")[2] for line in lines if " WARNING " in line],
        )


def _early(service: subprocess.Popen[bytes], port: int, path: str) -> int:
    deadline = time.monotonic() + _START_WITHIN
    while service.poll() is None and time.monotonic() < deadline:
        if status := _status(port, path):
            return status
        time.sleep(0.05)
    return 0


def _wait_until_served(service: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_WITHIN
    while service.poll() is None and time.monotonic() < deadline:
        if " served after " in log.read_text():
            return
        time.sleep(0.1)


def _status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _write(path: Path, source: str) -> None:
    cell = {"id": "serve", "cell_type": "code", "metadata": {}, "source": source}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    document = {
        "cells": [cell | {"outputs": [], "execution_count": None}],
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(document))


def main() -> None:
    """Go through the table."""
    leave_nothing()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", nargs="+", choices=SERVERS, default=list(SERVERS))
    faults = 0
    for name in parser.parse_args().only:
        if importlib.util.find_spec(name) is None:
            print(f"{name:15} is not installed")
            continue
        outcome = served(SERVERS[name])
        is_right = (outcome.early, outcome.status, outcome.exit_code) == ([200, 503], 200, 0)
        faults += not is_right
        said = f"early {outcome.early}, then {outcome.status}, ended with {outcome.exit_code}"
        print(f"{name:15} {'right' if is_right else 'WRONG'}: {said}")
        for notice in outcome.notices:
            print(f"{'':15} {notice}")
    sys.exit(faults > 0)


if __name__ == "__main__":
    main()
