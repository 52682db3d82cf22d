"""The blocking calls of servers, and what they hand over instead of serving it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import reserved_port

ASGI = "async def app(scope, receive, send): pass\n"
WSGI = "def app(environ, start_response): return []\n"
HANDLER = "import http.server as h\nclass Mine(h.BaseHTTPRequestHandler): pass\n"
CALLS = {
    "uvicorn.run": ASGI + "import uvicorn\nuvicorn.run(app, host='h', port=PORT)",
    "run's alias": ASGI + "from uvicorn import run as go\ngo(app, host='h', port=PORT, workers=3)",
    "uvicorn.main": ASGI + "from uvicorn.main import run\nrun(app, host='h', port=PORT)",
    "factory": ASGI + "import uvicorn\nuvicorn.run(lambda: app, host='h', port=PORT, factory=True)",
    "by name": ASGI + "import uvicorn\nuvicorn.run('__main__:app', host='h', port=PORT)",
    "Server.run": ASGI
    + "import uvicorn\nuvicorn.Server(uvicorn.Config(app, host='h', port=PORT)).run()",
    "subclass": ASGI
    + "import uvicorn\nclass Mine(uvicorn.Server): pass\n"
    + "Mine(uvicorn.Config(app, host='h', port=PORT)).run()",
    "import_module": ASGI
    + "import importlib\nimportlib.import_module('uvicorn').run(app, host='h', port=PORT)",
    "wsgiref": WSGI
    + "from wsgiref.simple_server import make_server\n"
    + "with make_server('h', PORT, app) as httpd: httpd.serve_forever()",
    "handle_request": WSGI
    + "from wsgiref import simple_server\n"
    + "simple_server.make_server('h', PORT, app).handle_request()",
    "HTTPServer": HANDLER + "h.HTTPServer(('h', PORT), Mine).serve_forever()",
    "ThreadingHTTPServer": HANDLER
    + "with h.ThreadingHTTPServer(('h', PORT), Mine) as httpd:\n"
    + "    try: httpd.serve_forever()\n    finally: httpd.shutdown()",
    "TCPServer": HANDLER
    + "import socketserver\nsocketserver.TCPServer(('h', PORT), Mine).serve_forever()",
    "run_simple": WSGI
    + "from werkzeug.serving import run_simple\nrun_simple('h', PORT, app, use_reloader=True)",
    "werkzeug's make_server": WSGI
    + "from werkzeug.serving import make_server\nmake_server('h', PORT, app).serve_forever()",
    "a partial handler class": "import functools, http.server as h\n"
    "made = functools.partial(h.SimpleHTTPRequestHandler, directory='x')\n"
    "h.ThreadingHTTPServer(('h', PORT), made).serve_forever()",
    "a function that makes handlers": "import http.server as h\n"
    "h.HTTPServer(('h', PORT), lambda *a: h.SimpleHTTPRequestHandler(*a)).serve_forever()",
    "Flask.run": "import flask\nflask.Flask('a').run('h', PORT, debug=True)",
    "a run that calls Flask's, as Dash's": "import flask\nclass Dash:\n"
    "    def __init__(self): self.server = flask.Flask('a')\n"
    "    def run(self, **settings): self.server.run(**settings)\n"
    "dash_app = Dash()\nserver = dash_app.server\n"
    "if __name__ == '__main__': dash_app.run(host='h', port=PORT, debug=False)",
    "waitress.serve": WSGI + "import waitress\nwaitress.serve(app, host='h', port=PORT)",
    "create_server": WSGI
    + "from waitress import create_server\ncreate_server(app, listen='h:PORT').run()",
    "hypercorn": ASGI
    + "import asyncio, hypercorn.asyncio as h, hypercorn.config as c\n"
    + "config = c.Config()\nconfig.bind = ['h:PORT']\nasyncio.run(h.serve(app, config))",
}
SINGLE_THREADED = {
    *("wsgiref", "handle_request", "HTTPServer", "TCPServer", "run_simple"),
    *("werkzeug's make_server", "a function that makes handlers"),
}
SPY = """
import sys
from runner.serving.servers import adopt_when_imported
from runner.serving.app_kind import kind_of
def take(app, asked, options=(), unused=(), tls=None, is_awaited=False):
    print("asked", asked, kind_of(app), *unused, file=sys.stderr)
    if tls is not None: print("by", type(tls).__name__, file=sys.stderr)
    print("in threads:", dict(options).get("RUNNER_THREADS", "many"), file=sys.stderr)
adopt_when_imported(take)
"""


# What bottle's `run` does, in its names.
BOTTLE = """
class ServerAdapter:
    options = {}
    def __init__(self, host, port): self.host, self.port = host, port
class WSGIRefServer(ServerAdapter):
    def run(self, app): raise AssertionError("bottle's own server was run")
class Another(ServerAdapter):
    def run(self, app): print("another served", file=__import__("sys").stderr)
server_names = {"wsgiref": WSGIRefServer, "another": Another}
def application(environ, start_response): return []
def run(app=None, server="wsgiref", host="127.0.0.1", port=8080):
    server_names[server](host=host, port=port).run(app or application)
"""


def execute(source: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", source],
        cwd=folder,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("is_early", [False, True], ids=["late", "early"])
@pytest.mark.parametrize("name", CALLS)
def test_a_server_call_hands_its_app_over(name: str, is_early: bool) -> None:
    """Imported after the adoption or before it, the app comes with the address asked for."""
    source = CALLS[name].replace("PORT", str(reserved_port()))
    early = "import uvicorn, wsgiref.simple_server, flask, waitress, hypercorn.asyncio\n"
    done = execute(early * is_early + SPY + source)
    assert done.returncode == 0, done.stderr
    asked = [line for line in done.stderr.splitlines() if line.startswith("asked h:")]
    assert len(asked) == 1, done.stderr
    assert asked[0].split()[2] == ("asgi" if ASGI in source else "wsgi")
    threads = "1" if name in SINGLE_THREADED else "many"
    assert f"\nin threads: {threads}\n" in f"\n{done.stderr}"


def test_a_server_says_by_how_many_threads_its_app_is_called() -> None:
    """By its class or its setting, where that is not what it does by itself."""
    calls = (
        "import socketserver, waitress, werkzeug.serving\n"
        "from wsgiref import simple_server\n"
        "class Many(socketserver.ThreadingMixIn, simple_server.WSGIServer): pass\n"
        "simple_server.make_server('h', 1, app, server_class=Many).serve_forever()\n"
        "werkzeug.serving.make_server('h', 1, app, threaded=True).serve_forever()\n"
        "werkzeug.serving.run_simple('h', 1, app, threaded=True)\n"
        "waitress.serve(app, listen='h:1', threads=3)\n"
    )
    done = execute(SPY + WSGI + calls)
    said = [line for line in done.stderr.splitlines() if line.startswith("in threads: ")]
    assert [line.split()[-1] for line in said] == ["many", "many", "many", "3"], done.stderr


@pytest.mark.parametrize("is_early", [False, True], ids=["late", "early"])
def test_bottle_hands_its_app_over_unless_another_server_is_named(
    tmp_path: Path, is_early: bool
) -> None:
    """Its `run` serves the routes of all cells, without that the notebook names an app."""
    (tmp_path / "bottle.py").write_text(BOTTLE)
    calls = "from bottle import run\nrun(host='h', port=1)\nrun(server='another', port=2)"
    done = execute("import bottle\n" * is_early + SPY + calls, tmp_path)
    assert done.stderr.splitlines() == ["asked h:1 wsgi", "in threads: 1", "another served"]


HYPERCORN = "import asyncio, hypercorn.asyncio as h, hypercorn.config as c\nconfig = c.Config()\n"
SETTINGS = {
    "import uvicorn\nuvicorn.run(app, host='h', port=1, timeout_keep_alive=9, http2=True)": [
        "uvicorn's `http2=True` is not used",
    ],
    "import waitress\nwaitress.serve(app, listen='h:1', threads=9, channel_timeout=9)": [
        "waitress's `channel_timeout=9` is not used; --read-timeout decides here"
    ],
    HYPERCORN + "config.bind, config.workers = ['h:1'], 3\nasyncio.run(h.serve(app, config))": [
        "hypercorn's `workers=3` is not used; --workers decides here"
    ],
    "import flask\nflask.Flask('a').run('h', 1, use_debugger=True, processes=2)": [
        "werkzeug's `use_debugger=True` is not used",
        "werkzeug's `processes=2` is not used; --workers decides here",
    ],
    "import uvicorn\nuvicorn.run(app, host='h', port=1, log_level='error', workers=1)": [],
}


@pytest.mark.parametrize("call", SETTINGS)
def test_a_setting_that_changes_nothing_is_named(call: str) -> None:
    """One line each, with the option of ours that decides; logs and addresses need none."""
    done = execute(SPY + ASGI + call)
    [said] = [line for line in done.stderr.splitlines() if line.startswith("asked h:1 ")]
    assert said.split(" ", 3)[3:] == [" ".join(SETTINGS[call])] * bool(SETTINGS[call])


TLS = {
    "from werkzeug.serving import run_simple\nrun_simple('h', 1, app, ssl_context='adhoc')": (
        "SSLContext"
    ),
    "import ssl, wsgiref.simple_server as w\n"
    "httpd = w.make_server('h', 1, app)\n"
    "context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
    "httpd.socket = context.wrap_socket(httpd.socket, server_side=True)\n"
    "httpd.serve_forever()": "SSLContext",
    "import uvicorn\nuvicorn.run(app, host='h', port=1, ssl_certfile='c', interface='wsgi')": (
        "TlsFiles"
    ),
    HYPERCORN + "config.bind, config.certfile, config.keyfile = ['h:1'], 'c', 'k'\n"
    "asyncio.run(h.serve(app, config))": "TlsFiles",
}


@pytest.mark.parametrize("call", TLS)
def test_a_call_that_asks_for_tls_hands_over_by_what(call: str) -> None:
    """So nobody serves without, whom its author meant to serve with it."""
    said = execute(SPY + WSGI + "\n" + call).stderr
    assert "asked https://h:1 wsgi" in said
    assert f"by {TLS[call]}" in said


def test_nothing_is_imported_that_the_notebook_does_not_import() -> None:
    """Patches wait for their module."""
    done = execute(SPY + "print('uvicorn.main' in sys.modules, 'werkzeug' in sys.modules)")
    assert done.stdout.split()[1] == "False"
    lean = (
        "from runner.serving.servers import adopt_when_imported\n"
        "adopt_when_imported(print)\nimport sys"
    )
    assert execute(lean + "\nprint('uvicorn' in sys.modules)").stdout == "False\n"


def test_a_server_that_a_package_opens_for_itself_stays_its_own() -> None:
    """Such as one for metrics on a port of its own: it is not the notebook's service."""
    port = reserved_port()
    source = SPY + (
        "import http.server as h\nspace = {'h': h, '__name__': 'metrics'}\n"
        "code = f'server = h.HTTPServer((\"127.0.0.1\", %d), h.BaseHTTPRequestHandler)'\n"
        "exec(compile(code, '/x/site-packages/metrics.py', 'exec'), space)\n"
        "print(space['server'].socket.getsockname()[1])"
    )
    done = execute(source % port)
    assert done.stdout == f"{port}\n", done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_app_with_websockets_keeps_its_server(workers: str) -> None:
    """Such as Flask-SocketIO's: it needs its clients' sockets, and several workers have none."""
    source = SPY + (
        "import os, sys, threading, time, types, urllib.request\n"
        f"os.environ['RUNNER_WORKERS'] = '{workers}'\n"
        "sys.modules['simple_websocket'] = types.ModuleType('simple_websocket')\n"
        "from werkzeug.serving import run_simple\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [b'has it ' + str('werkzeug.socket' in environ).encode()]\n"
        f"words = ['127.0.0.1', {(port := reserved_port())}, app]\n"
        "thread = threading.Thread(target=run_simple, args=words, daemon=True)\n"
        "thread.start()\n"
        "thread.join(0.5)\n"
        f"url = 'http://127.0.0.1:{port}'\n"
        "for _ in range(100 * thread.is_alive()):\n"
        "    try:\n"
        "        print(urllib.request.urlopen(url).read()); break\n"
        "    except OSError:\n"
        "        time.sleep(0.1)\n"
    )
    done = execute(source)
    assert done.stdout == ("b'has it True'\n" if workers == "1" else ""), done.stderr
    assert (f"asked 127.0.0.1:{port}" in done.stderr) is (workers == "2")


def test_servers_that_speak_something_else_are_left_alone() -> None:
    """A TCP server of another protocol binds and serves as ever."""
    source = SPY + (
        "import socketserver, threading\n"
        "class Echo(socketserver.BaseRequestHandler):\n"
        "    def handle(self): self.request.sendall(b'mine')\n"
        "with socketserver.TCPServer(('127.0.0.1', 0), Echo) as server:\n"
        "    threading.Thread(target=server.serve_forever).start()\n"
        "    import socket\n"
        "    print(socket.create_connection(server.server_address).recv(9))\n"
        "    server.shutdown()"
    )
    done = execute(source)
    assert (done.stdout, done.stderr) == ("b'mine'\n", "")
