"""API keys under the real supervisor: who is let in, whatever serves, and when the file changes."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import RUNNER, Service, is_ready, reserved_port, until, write_notebook
from support.browser import Watch, expect

from runner.access.key_file import append_line, line_of

SINGLE = "the-single-key-of-this-service"
SERVES = """
import os
from runner import serve
print({name: value for name, value in os.environ.items() if "API" in name})
def double(x: float): return 2 * x
serve(double)
"""
BODY = b'{"x": 1}'


def ask(port: int, *fields: tuple[str, str], path: str = "/", method: str = "POST") -> Any:
    """One request on a connection of its own: the answer, read."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.putrequest(method, path)
        for name, value in (("Content-Type", "application/json"), *fields):
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(BODY)))
        connection.endheaders(BODY)
        answer = connection.getresponse()
        answer.text = answer.read().decode()  # type: ignore[attr-defined]
        return answer
    finally:
        connection.close()


def status(port: int, *fields: tuple[str, str], path: str = "/", method: str = "POST") -> int:
    return int(ask(port, *fields, path=path, method=method).status)


def start(folder: Path, notebook: str, *options: str, **variables: str) -> tuple[Service, int]:
    port = reserved_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        return Service("serve", notebook, "--port", str(port), *options, cwd=folder), port


def ended(service: Service) -> None:
    assert service.stop() == 0, service.said()
    left = service.end()
    assert not left, f"processes were left behind: {left}"


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, int, Path]]:
    """A service by two workers, with a file of keys and a single one."""
    folder = tmp_path_factory.mktemp("keyed")
    append_line(folder / "keys", line_of("alice", "alices-key"))
    write_notebook(folder / "a.ipynb", SERVES)
    service, port = start(
        folder,
        "a.ipynb",
        *("--workers", "2", "--api-keys", "keys", "--open", "metrics,docs"),
        RUNNER_API_KEY=SINGLE,
    )
    try:
        until(lambda: is_ready(port, service), 60)
        yield service, port, folder
        ended(service)
    finally:
        service.end()


Keyed = tuple[Service, int, Path]


def test_who_gives_a_key_is_answered_and_named_in_the_log(keyed: Keyed) -> None:
    """Others get problem details, also where they ask for nothing that is there."""
    service, port, _ = keyed
    assert ask(port, ("x-api-key", "alices-key")).text == "2.0"
    assert status(port, ("Authorization", f"Bearer {SINGLE}")) == 200
    for path in ("/", "/docs", "/v2", "/nothing"):
        refused = ask(port, ("x-api-key", "another"), path=path)
        assert refused.status == 401
        assert refused.headers["WWW-Authenticate"].startswith("Bearer ")
        assert json.loads(refused.text)["status"] == 401
    until(lambda: "key=alice" in service.said() and "key=default" in service.said())


def test_what_is_open_is_asked_without_a_key(keyed: Keyed) -> None:
    """Health of every protocol, and what was opened."""
    _, port, _ = keyed
    health = ("/healthz", "/readyz", "/ping", "/v2/health/live")
    for path in (*health, "/metrics", "/", "/docs", "/openapi.json", "/static/page.js"):
        assert status(port, path=path, method="GET") == 200, path
    assert status(port, path="/v2", method="GET") == 401


def test_metrics_count_by_the_name_of_the_key(keyed: Keyed) -> None:
    """Over both workers, within a moment; and who was refused."""
    _, port, _ = keyed
    for _ in range(6):
        status(port, ("x-api-key", "alices-key"))
    status(port)

    def counted() -> bool:
        said = ask(port, path="/metrics", method="GET").text
        found = dict(re.findall(r'runner_(?:key|refused)_requests_total{\w+="(\w+)"} (\S+)', said))
        return float(found.get("alice", 0)) >= 6 and float(found.get("401", 0)) >= 1

    until(counted)


def test_a_changed_file_is_taken_up_by_every_worker(keyed: Keyed) -> None:
    """Without a restart; what is no file of keys keeps the keys of before, which is said."""
    service, port, folder = keyed
    append_line(folder / "keys", line_of("bob", "bobs-key", "9/h"))
    bob = ("x-api-key", "bobs-key")
    until(lambda: all(status(port, bob) != 401 for _ in range(8)))
    assert {status(port, bob) for _ in range(40)} <= {200, 429}
    late = ask(port, bob)
    assert late.status == 429
    assert int(late.headers["Retry-After"]) > 0
    (folder / "keys").write_text("alice:this-is-no-hash")
    until(lambda: "the keys that were known go on to be valid" in service.said())
    assert status(port, ("x-api-key", "alices-key")) == 200
    assert "this-is-no-hash" not in service.said()


def test_no_key_and_no_hash_is_seen_by_a_cell_or_in_the_record(keyed: Keyed) -> None:
    """Nor in any log; the path of the file is no secret."""
    service, _, folder = keyed
    out = folder / "runs/a/out.ipynb"
    until(lambda: "RUNNER_API_KEYS_FILE" in out.read_text())  # what it has printed
    record = out.read_text()
    hashed = hashlib.sha256(SINGLE.encode()).hexdigest()
    for text in (record, service.said()):
        assert SINGLE not in text
        assert "alices-key" not in text
        assert hashed not in text
    assert "'RUNNER_API_KEY'" not in record


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A tab of a browser that knows nothing yet."""
    context = browser.new_context()
    opened = context.new_page()
    opened.set_default_timeout(10_000)
    yield opened
    context.close()


@pytest.mark.browser
def test_the_page_asks_for_the_key_and_keeps_it_for_the_tab(keyed: Keyed, page: Any) -> None:
    """A wrong one is said to be unknown; a new tab has none."""
    _, port, _ = keyed
    page.goto(f"http://127.0.0.1:{port}/")
    page.get_by_label("x", exact=True).fill("4")
    predict = page.get_by_role("button", name="Predict")
    predict.click()
    for key in ("another", "alices-key"):
        page.get_by_label("API key").fill(key)
        page.get_by_role("button", name="Use it in this tab").click()
    expect(page.get_by_role("status").first).to_contain_text("8")
    expect(page.locator(".curl code").first).to_contain_text("x-api-key: $KEY")
    page.reload()
    page.get_by_label("x", exact=True).fill("5")
    predict.click()
    expect(page.get_by_role("status").first).to_contain_text("10")
    other = page.context.new_page()
    other.goto(f"http://127.0.0.1:{port}/")
    assert other.evaluate("sessionStorage.length + localStorage.length") == 0


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, str]]:
    """A service of which nothing is open."""
    tmp_path = tmp_path_factory.mktemp("closed")
    append_line(tmp_path / "keys", line_of("alice", "alices-key"))
    write_notebook(tmp_path / "a.ipynb", SERVES)
    service, port = start(tmp_path, "a.ipynb", "--api-keys", "keys", "--no-standby")
    try:
        until(lambda: is_ready(port, service), 60)
        yield service, f"http://127.0.0.1:{port}"
        ended(service)
    finally:
        service.end()


@pytest.mark.browser
def test_a_closed_page_is_shown_to_who_gives_a_key(closed: tuple[Service, str], page: Any) -> None:
    """Once in a tab, whatever is opened there; the key is in no address, history, log or cookie."""
    service, url = closed
    watch = Watch(page, url)
    answer = page.goto(f"{url}/?from=mail")
    assert answer.status == 401
    for key in ("another", " alices-key "):
        page.get_by_label("API key").fill(key)
        page.get_by_role("button", name="Use it in this tab").click()
        if key == "another":
            expect(page.get_by_text("This key is not known.")).to_be_visible()
    expect(page).to_have_url(f"{url}/?from=mail")
    page.get_by_label("x", exact=True).fill("4")
    page.get_by_role("button", name="Predict").click()
    expect(page.get_by_role("status").first).to_contain_text("8")
    page.get_by_role("link", name="API documentation").click()
    expect(page.locator("details").first).to_contain_text("POST /")
    page.get_by_role("link", name="OpenAPI").click()
    expect(page.locator("pre")).to_contain_text('"openapi"')
    page.go_back()
    expect(page).to_have_url(f"{url}/docs")
    expect(page.locator("details").first).to_contain_text("POST /")
    assert page.evaluate("history.length") == 4  # about:blank, /, /docs, /openapi.json
    assert "alices-key" not in service.said()
    assert page.context.cookies() == []
    other = page.context.new_page()
    other.goto(url)
    expect(other.get_by_label("API key")).to_be_visible()
    other.get_by_role("button", name="Cancel").click()
    expect(other.get_by_role("button", name="Give a key")).to_be_visible()
    assert other.evaluate("sessionStorage.length + localStorage.length") == 0
    assert (watch.elsewhere, watch.complaints) == ([], [])


@pytest.mark.browser
def test_the_sign_in_page_runs_no_script_of_others(closed: tuple[Service, str], page: Any) -> None:
    """Nor does the page that is shown in its place."""
    _, url = closed
    page.goto(url)
    made = "Object.assign(document.createElement('script'), {text: 'hurt = 1'})"
    page.evaluate(f"document.body.append({made})")
    page.get_by_label("API key").fill("alices-key")
    page.get_by_role("button", name="Use it in this tab").click()
    expect(page.get_by_role("button", name="Predict")).to_be_visible()
    page.evaluate(f"document.body.append({made})")
    assert page.evaluate("typeof hurt") == "undefined"


OWN_SOCKET = """
import asyncio
async def talk(reader, writer):
    head = await reader.readuntil(b"\\r\\n\\r\\n")
    said = str(b"alices" in head).encode()
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%b" % (len(said), said))
    writer.close()
server = await asyncio.start_server(talk, port=PORT)
await server.serve_forever()
"""
PROGRAM = """
import pathlib, subprocess, sys
pathlib.Path("other.py").write_text('''
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        said = str("alices" in str(self.headers)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
''')
child = subprocess.Popen([sys.executable, "other.py"])
child.wait()
"""


@pytest.mark.parametrize("cell", [OWN_SOCKET, PROGRAM], ids=["own socket", "program"])
def test_a_server_that_is_not_ours_hears_of_nobody_who_is_not_let_in(
    tmp_path: Path, cell: str
) -> None:
    """The supervisor asks for the key, and passes on all but that."""
    append_line(tmp_path / "keys", line_of("alice", "alices-key"))
    write_notebook(tmp_path / "a.ipynb", cell.replace("PORT", str(reserved_port())))
    service, port = start(tmp_path, "a.ipynb", "--api-keys", "keys", "--no-standby")
    try:
        until(lambda: is_ready(port, service), 60)
        assert ask(port, ("x-api-key", "alices-key")).text == "False"
        assert ask(port, ("Authorization", "Bearer alices-key")).text == "False"
        refused = ask(port, ("x-api-key", "another"))
        assert (refused.status, json.loads(refused.text)["status"]) == (401, 401)
        assert refused.headers["Content-Type"] == "application/problem+json"
        ended(service)
    finally:
        service.end()


def test_a_file_that_others_can_read_is_refused_at_the_start(tmp_path: Path) -> None:
    """Nothing begins, and the mend is said; so is the key's own command's file."""
    words = [*RUNNER, "key", "alice", "--file", "keys", "--rate", "5/s"]
    made = subprocess.run(words, cwd=tmp_path, check=True, capture_output=True, text=True)
    file = tmp_path / "keys"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    [shown] = made.stdout.split()
    assert hashlib.sha256(shown.encode()).hexdigest() in file.read_text()
    file.chmod(0o644)
    write_notebook(tmp_path / "a.ipynb", SERVES)
    service, _ = start(tmp_path, "a.ipynb", "--api-keys", "keys")
    try:
        assert service.process.wait(60) == 2
        assert "others can read or change it" in service.said()
        assert f"chmod 600 {file}" in service.said()
    finally:
        service.end()


@pytest.mark.parametrize(("host", "is_said"), [("0.0.0.0", True), ("127.0.0.1", False)])
def test_a_service_that_others_reach_without_a_key_says_so_once(
    tmp_path: Path, host: str, *, is_said: bool
) -> None:
    """With the option's name; on one's own machine nothing is said."""
    write_notebook(tmp_path / "a.ipynb", "raise SystemError")
    service, _ = start(tmp_path, "a.ipynb", "--host", host, "--no-standby")
    try:
        assert service.process.wait(60) == 3
        assert service.said().count("no API key is asked for. --api-keys FILE") == is_said
    finally:
        service.end()
