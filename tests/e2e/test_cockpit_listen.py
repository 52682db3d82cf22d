"""The command ``runner cockpit``: its link, its end, and a service that it steers."""

from __future__ import annotations

import contextlib
import re
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support import RUNNER, Service, until, write_notebook

from runner.errors import ConfigurationError

WSGI = """from wsgiref.simple_server import make_server
def app(environ, start):
    start("200 OK", [])
    return [b"1"]
make_server("127.0.0.1", 0, app).serve_forever()"""


def link_of(cockpit: Service) -> str:
    """What it prints for people."""
    found = until(lambda: re.search(r"http://\S+", cockpit.said()))
    return str(found[0])


@contextlib.contextmanager
def signed_in(link: str) -> Iterator[httpx.Client]:
    url = link.partition("?")[0]
    with httpx.Client(base_url=url, follow_redirects=True, timeout=30) as client:
        until(lambda: _answers(client, link))
        yield client


def _answers(client: httpx.Client, link: str) -> bool:
    try:
        return client.get(link).status_code == 200
    except httpx.ConnectError:
        return False


@pytest.fixture
def cockpit(tmp_path: Path) -> Iterator[Service]:
    service = Service("cockpit", "--port", "0", cwd=tmp_path, program=RUNNER)
    try:
        yield service
        assert service.stop() == 0, service.said()
    finally:
        assert service.end() == []


def test_it_shows_and_stops_a_service(cockpit: Service, tmp_path: Path) -> None:
    """From the link that is printed to the end of a service that another command has started."""
    write_notebook(tmp_path / "a.ipynb", WSGI)
    served = Service("serve", "a.ipynb", "--port", "0", "--no-standby", cwd=tmp_path)
    try:
        with signed_in(link_of(cockpit)) as client:
            until(lambda: ">serving</span>" in client.get("/").text, 60)
            page = client.get("/services/a").text
            assert "a.ipynb" in page
            assert client.get("/services/a/history").json()["points"] is not None
            word = re.findall(r'name="word" value="(\w+)"', page)[0]
            client.post("/services/a/stop", data={"word": word}).raise_for_status()
            assert served.wait() == 0
            until(lambda: ">stopped</span>" in client.get("/").text)
    finally:
        assert served.end() == []


def test_whatever_it_binds_it_is_asked_for_by_this_machines_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container, whose port is published on the loopback; no token that is set is said."""
    monkeypatch.setenv("RUNNER_COCKPIT_TOKEN", "0123456789abcdef0123")
    words = ["cockpit", "--port", "0", "--host", "0.0.0.0"]
    cockpit = Service(*words, cwd=tmp_path, program=RUNNER)
    try:
        link = link_of(cockpit)
        assert "token" not in link
        with signed_in(f"{link}?token=0123456789abcdef0123") as client:
            assert client.get("/", headers={"host": "0.0.0.0:8002"}).status_code == 421
            assert client.get("/", headers={"host": "localhost:8002"}).status_code == 200
        assert cockpit.stop() == 0
    finally:
        assert cockpit.end() == []


def test_what_is_not_installed_is_named_with_its_mend(tmp_path: Path) -> None:
    """The pages' libraries are an extra; every other command works without them."""
    code = "import sys; sys.modules['starlette'] = None; from runner.cli.main import main; main()"
    cockpit = Service("cockpit", cwd=tmp_path, program=[sys.executable, "-c", code])
    assert cockpit.wait() == ConfigurationError.exit_code
    assert "needs starlette" in cockpit.said()
    assert "pip install 'notebook-runner[cockpit]'" in cockpit.said()
    assert cockpit.end() == []


def test_a_signal_that_comes_before_it_serves_is_not_lost(tmp_path: Path) -> None:
    """As soon as there is a link, whoever ends the cockpit ends it."""
    code = (
        "import signal; from pathlib import Path; from runner.cockpit.listen import serve\n"
        "def say(line): signal.raise_signal(signal.SIGTERM)\n"
        "serve(Path(), host='127.0.0.1', port=0, token='', say=say)"
    )
    cockpit = Service("cockpit", cwd=tmp_path, program=[sys.executable, "-c", code])
    try:
        assert cockpit.wait() == 0
    finally:
        assert cockpit.end() == []


def test_the_link_has_a_token_that_differs_each_time(cockpit: Service, tmp_path: Path) -> None:
    """On the loopback; what has another one is refused."""
    link = urllib.parse.urlsplit(link_of(cockpit))
    assert link.hostname == "127.0.0.1"
    assert re.fullmatch(r"token=[0-9a-f]{48}", link.query)
    with signed_in(link_of(cockpit)) as client:
        assert client.get("/").status_code == 200
        client.cookies.clear()
        assert client.get("/").status_code == 401
