"""The cockpit's pages, asked over HTTP: who is let in, what is shown and done."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from support import until
from support.standin_service import (
    kept_version,
    record_of,
    recorded_failure,
    status_of,
    supervisors,
)

from runner import identity
from runner.cockpit.app import app_for
from runner.cockpit.sign_in import Token, set_token
from runner.errors import ConfigurationError
from runner.record import history

TOKEN = "0123456789abcdef0123"
PORT = 8002
RUN, OLDER = "20261130T000002-host-0002", "20261130T000001-host-0001"
EVIL = '<img src=x onerror="window.isHurt=1"><script>window.isHurt=1</script>'

Answers = Callable[[str], dict[str, Any]]


@contextlib.contextmanager
def client_of(folder: Path, *, signs_in: bool = True) -> Iterator[httpx.Client]:
    """A client of the app, which is served by a thread meanwhile."""
    app = app_for(folder, Token(TOKEN), PORT)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none", lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            with httpx.Client(base_url=url, timeout=30, follow_redirects=True) as client:
                if signs_in:
                    client.get("/", params={"token": TOKEN})
                yield client
        finally:
            server.should_exit = True
            thread.join(30)


def page_with(client: httpx.Client, path: str, text: str, times: int = 1) -> str:
    """A page once it has a text so often: a supervisor that takes its time is not waited for."""
    return str(until(lambda: (page := client.get(path).text).count(text) >= times and page))


def word_in(answer: httpx.Response) -> str:
    found = re.search(r'name="word" value="(\w+)"', answer.text)
    assert found
    return found[1]


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """A service's folder, whose supervisor is yet to be there."""
    folder = tmp_path / "runs/iris"
    kept_version(folder, OLDER, "import a", "model = 1", "serve(model)")
    kept_version(folder, RUN, "import a", "model = 2", "serve(model)", "extra = 1")
    record_of(folder, RUN, git_commit="c0ffee" * 6)
    return folder


@pytest.fixture
def asked(service: Path) -> Iterator[list[str]]:
    """What the supervisor was asked, while one answers."""
    questions: list[str] = []

    def answer(question: str) -> dict[str, Any]:
        questions.append(question)
        if question == "status":
            return status_of(service, RUN)
        if question == "history":
            return {"ok": True, "points": [{"at": 1.0, "seconds": 10.0, "requests": 5}]}
        return {"ok": question != "versions", "reason": f"it did {question}"}

    with supervisors({service: answer}):
        yield questions


@pytest.mark.parametrize("path", ["/", "/services/iris", "/services/iris/history"])
def test_without_the_token_nothing_is_shown(service: Path, path: str) -> None:
    """Neither a name nor a number; a wrong token and a wrong cookie are none."""
    with client_of(service.parent.parent, signs_in=False) as client:
        for answer in (
            client.get(path),
            client.get(path, params={"token": "wrong" * 8}),
            client.get(path, headers={"cookie": f"runner-cockpit-{PORT}={TOKEN}"}),
        ):
            assert answer.status_code in (401, 403)
            assert "iris" not in answer.text.replace('value="/services/iris', "")


def test_the_token_gives_a_cookie_and_leaves_the_address(service: Path) -> None:
    """Scripts cannot read it, no other site sends it, and it is not the token."""
    with client_of(service.parent.parent, signs_in=False) as client:
        answer = client.get("/services/iris", params={"token": TOKEN, "a": "1"})
        assert 'content="0;url=/services/iris?a=1"' in answer.text
        cookie = answer.headers["set-cookie"]
        assert TOKEN not in answer.text + cookie
        assert {"HttpOnly", "SameSite=strict"} <= {each.strip() for each in cookie.split(";")}
        assert client.get("/services/iris").status_code == 200


def test_a_form_signs_in_too(tmp_path: Path) -> None:
    """And leads to where one wanted to go, if that is a page of ours."""
    with client_of(tmp_path, signs_in=False) as client:
        given = {"token": TOKEN, "next": "/services/a"}
        assert "0;url=/services/a" in client.post("/sign-in", data=given).text
        for elsewhere in ("//evil.example/", "https://evil.example/", "/\\evil.example", ""):
            given = {"token": TOKEN, "next": elsewhere}
            assert 'content="0;url=/"' in client.post("/sign-in", data=given).text
        assert client.post("/sign-in", data={"token": "wrong"}).status_code == 403


def test_a_link_of_another_site_leads_to_a_page_that_asks_again(service: Path) -> None:
    """It comes without the cookie; our own page brings it along, and leads to no other host."""
    with client_of(service.parent.parent, signs_in=False) as client:
        answer = client.get("/services/iris", headers={"sec-fetch-site": "cross-site"})
        assert 'content="0;url=/services/iris"' in answer.text
        other = client.get(
            f"{client.base_url}//b.example/", headers={"sec-fetch-site": "cross-site"}
        )
        assert 'content="0;url=/b.example/"' in other.text
        same = client.get("/services/iris", headers={"sec-fetch-site": "same-origin"})
        assert same.status_code == 401


def test_a_host_of_elsewhere_is_refused(tmp_path: Path) -> None:
    """No site can have its own name stand for this machine, not even with the token."""
    with client_of(tmp_path) as client:
        for host in ("evil.example", "evil.example:8002", "192.0.2.1"):
            assert client.get("/", headers={"host": host}).status_code == 421
        for host in ("localhost:8002", "127.0.0.1", "[::1]:9999"):
            assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "fields", "status"),
    [
        ({"origin": "http://evil.example"}, {}, 403),
        ({"origin": "null"}, {}, 403),
        ({"origin": "http://127.0.0.1:8000"}, {}, 403),
        ({"sec-fetch-site": "cross-site"}, {}, 403),
        ({"sec-fetch-site": "same-site"}, {}, 403),
        ({"cookie": f"runner-cockpit-{PORT}=wrong"}, {}, 401),
        ({}, {"word": "wrong"}, 403),
        ({}, {"word": ""}, 403),
        ({"content-type": "text/plain"}, {}, 413),
        ({}, {"more": "x" * 70_000}, 413),
    ],
)
def test_what_is_forged_is_not_done(
    service: Path,
    asked: list[str],
    headers: dict[str, str],
    fields: dict[str, str],
    status: int,
) -> None:
    """Another origin, no cookie, or not a form of ours: the service is not asked."""
    with client_of(service.parent.parent) as client:
        word = word_in(client.get("/services/iris"))
        if "cookie" in headers:
            client.cookies.clear()
        answer = client.post("/services/iris/stop", data={"word": word, **fields}, headers=headers)
        assert answer.status_code == status
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
            assert client.request(method, "/services/iris/stop").status_code == 403
    assert "stop" not in asked


@pytest.mark.parametrize("question", ["reload", "rollback", "stop"])
def test_a_button_asks_the_supervisor(service: Path, asked: list[str], question: str) -> None:
    """The page comes back at once, and shows the outcome when it is there."""
    with client_of(service.parent.parent) as client:
        word = word_in(client.get("/services/iris"))
        origin = {"origin": str(client.base_url).rstrip("/"), "sec-fetch-site": "same-origin"}
        answer = client.post(
            f"/services/iris/{question}",
            data={"word": word},
            headers=origin,
            follow_redirects=False,
        )
        assert (answer.status_code, answer.headers["location"]) == (303, "/services/iris")
        said = "stopped" if question == "stop" else f"{question} is done: it did {question}"
        until(lambda: f": {said}</p>" in client.get("/services/iris").text)
    assert question in asked


def test_any_version_that_is_kept_can_be_gone_back_to(service: Path) -> None:
    """The timeline is what the supervisor says; each kept version has a button of its own."""
    questions = []
    kept = {"sha256": "ab" * 32, "state": "kept", "since": "2026-11-30T00:00:00+00:00"}
    kept |= {"kept": str(service / f"sources/{OLDER}.ipynb"), "run": OLDER, "cause": "edited"}
    kept |= {"commit": "c0ffee" * 6, "author": "Ann", "subject": "Be quicker", "reason": ""}
    failed = {**kept, "sha256": "cd" * 32, "state": "failed", "kept": None, "reason": "it broke"}

    def answer(question: str) -> dict[str, Any]:
        questions.append(question)
        versions = {"ok": True, "versions": [failed, kept, None, {"kept": "/etc/passwd"}]}
        return {"status": status_of(service, RUN), "versions": versions}.get(question, {"ok": True})

    with supervisors({service: answer}), client_of(service.parent.parent) as client:
        page = page_with(client, "/services/iris", "it broke")
        assert "edited · commit c0ffeec0ffee · Be quicker · Ann" in page
        assert re.findall(r'name="version" value="(\w+)"', page) == ["ab" * 32]
        fields = {"word": word_in(client.get("/services/iris")), "version": "ab" * 32}
        client.post("/services/iris/rollback", data=fields).raise_for_status()
        until(lambda: f"rollback {'ab' * 32}" in questions)


def test_nothing_else_can_be_asked(service: Path, asked: list[str]) -> None:
    """What comes from a browser is no question, and no path."""
    with client_of(service.parent.parent) as client:
        word = word_in(client.get("/services/iris"))
        for path in ("iris/anything", "none/stop", "..%2Firis/stop", "runs~iris/stop"):
            assert client.post(f"/services/{path}", data={"word": word}).status_code == 404
    assert not {"anything", "stop"} & {*asked}


def test_only_one_thing_is_done_at_a_time(service: Path) -> None:
    """A second click while a reload is under way is refused."""
    goes_on = threading.Event()

    def answer(question: str) -> dict[str, Any]:
        if question == "reload":
            assert goes_on.wait(30)
        return status_of(service, RUN) if question == "status" else {"ok": True}

    with supervisors({service: answer}), client_of(service.parent.parent) as client:
        word = word_in(client.get("/services/iris"))
        client.post("/services/iris/reload", data={"word": word}, follow_redirects=False)
        again = client.post("/services/iris/reload", data={"word": word}, follow_redirects=False)
        assert again.status_code == 409
        assert "under way" in client.get("/services/iris").text
        goes_on.set()
        until(lambda: "reload is done" in client.get("/services/iris").text)


def test_the_overview_shows_what_a_supervisor_says(service: Path, asked: list[str]) -> None:
    """State, version, traffic, errors, latency and memory, as its own."""
    with client_of(service.parent.parent) as client:
        text = " ".join(page_with(client, "/", "1,234").split())
        text += page_with(client, "/", "c0ffeec0ffee")
    for shown in ("serving", "1,234", "20.5", "2.1 ms", "34 ms", "234 MB", "c0ffeec0ffee"):
        assert shown in text, shown
    assert {*asked} == {"status", "versions", "history"}


@pytest.mark.parametrize("traffic", [None, {}, {"requests": 4321}])
def test_a_supervisor_of_another_release_is_shown(service: Path, traffic: Any) -> None:
    """What it does not say is left out."""
    said: Answers = lambda _: status_of(service, RUN, traffic=traffic)  # noqa: E731 - it is typed
    with supervisors({service: said}), client_of(service.parent.parent) as client:
        page_with(client, "/", "4,321" if traffic else ">serving</span>")
        page_with(client, "/services/iris", "4,321" if traffic else ">serving</span>")


def test_what_a_supervisor_says_in_another_form_is_left_out(service: Path) -> None:
    """One such service must not hide all the others."""
    odd = {"serving": 5, "candidate": "a", "failure": [1], "traffic": True}
    odd |= {"versions": 5, "points": {"a": 1}}
    said: Answers = lambda _: {**status_of(service, RUN), **odd}  # noqa: E731 - it is typed
    with supervisors({service: said}), client_of(service.parent.parent) as client:
        page_with(client, "/", ">starting</span>")
        page_with(client, "/services/iris", ">starting</span>")
        assert client.get("/services/iris/history").json() == {"points": []}


@pytest.mark.parametrize(
    ("status", "word"), [("stopped", "stopped"), ("failed", "failed"), ("killed", "killed")]
)
def test_a_service_that_has_ended_says_how(service: Path, status: str, word: str) -> None:
    """Its record does, and the versions that are kept are still there; a stop is no failure."""
    facts = {"git_commit": "c0ffee" * 6, "git_dirty": status == "failed"}
    started = "2026-11-30T00:00:00+00:00"
    record_of(service, "out", status=status, reason="because", started=started, **facts)
    with client_of(service.parent.parent) as client:
        overview = client.get("/").text
        assert f">{word}</span>" in overview
        assert ("commit" in overview) is (status != "failed")
        page = client.get("/services/iris").text
        for shown in (overview, page):
            assert ("because" in shown) is (status != "stopped")
        assert "What changed" in page
        assert "disabled" in page


RUNNING = {"status": "running", "ready": "2026-11-30T00:00:01+00:00", "run": RUN, "pid": 1}
SAVED = {"saved": "2026-11-30T00:00:02+00:00", "process_start": "1", "host": "another"}


def test_a_service_of_another_host_is_known_by_its_records(service: Path) -> None:
    """As of their last write, and nobody here can ask it for anything."""
    traffic = {"requests": 4321, "errors": 7, "refused": 0, "p50": 0.0021, "p99": None}
    record_of(service, "out", **RUNNING, **SAVED, traffic=traffic)
    with client_of(service.parent.parent) as client:
        overview, page = client.get("/").text, client.get("/services/iris").text
    for shown in (overview, page):
        for text in (">serving</span>", "as of <time", SAVED["saved"], "4,321", "2.1 ms"):
            assert text in shown, text
    assert "What changed" in page
    for text in ("<dialog", "<button", "charts.js"):
        assert text not in page, text
    assert page.count(">serving</span>") == 2, "the version that serves is named"


def test_what_this_host_has_killed_is_not_said_to_serve(service: Path) -> None:
    """Its process is looked for where that can be: here."""
    record_of(service, "out", **RUNNING, **{**SAVED, "host": identity.replica()})
    with client_of(service.parent.parent) as client:
        for path in ("/", "/services/iris"):
            page = client.get(path).text
            assert ">killed</span>" in page
            assert ">serving</span>" not in page


def test_a_supervisor_that_stands_still_does_not_hold_up_the_page(service: Path) -> None:
    """It is said of it, the others are shown, and nobody asks it twice at a time."""
    goes_on, questions = threading.Event(), []

    def stands_still(question: str) -> dict[str, Any]:
        questions.append(question)
        assert goes_on.wait(30)
        return {"ok": True}

    other = service.with_name("other")
    kept_version(other, RUN, "1")
    said: dict[Path, Answers] = {service: stands_still, other: lambda _: status_of(other, RUN)}
    with supervisors(said), client_of(service.parent.parent) as client:
        page = page_with(client, "/", ">serving</span>")
        assert "does not answer" in page
        until(lambda: len(questions) == 3)
        for _ in range(2):
            client.get("/")
        assert sorted(questions) == ["history", "status", "versions"]
        goes_on.set()


def test_what_changed_is_shown_cell_by_cell(service: Path) -> None:
    """A line that was added and removed, a cell that is new, and what has stayed."""
    with client_of(service.parent.parent) as client:
        answer = client.get(f"/services/iris/difference?older={OLDER}&newer={RUN}")
        missing = client.get(f"/services/iris/difference?older={OLDER}&newer=../../../etc/passwd")
    text = " ".join(answer.text.split())
    assert "<del>- model = 1 </del>" in text
    assert "<ins>+ model = 2 </ins>" in text
    assert "<ins>+ extra = 1 </ins>" in text
    assert text.count("unchanged") == 3
    assert missing.status_code == 404


def test_failures_are_shown(service: Path) -> None:
    """Of runs the cell, the line and the traceback without its colours; of requests what came."""
    failure = {"cell": 2, "line": 3, "text": "1 / 0", "error": "ZeroDivisionError"}
    facts = {"status": "failed", "reason": "cell 2 failed", "failure": failure}
    record_of(service, "20261130T000003-host-0003", "\x1b[31mTraceback\x1b[0m of it", **facts)
    recorded_failure(service, 7)
    with client_of(service.parent.parent) as client:
        text = client.get("/services/iris").text
    for shown in ("Cell 2, line 3", "<code>1 / 0</code>", "Traceback of it", "POST /predict"):
        assert shown in text, shown
    assert "\x1b" not in text


def test_a_request_is_opened_in_a_notebook(service: Path) -> None:
    """One click writes the notebook that repeats it, and the page says where it is."""
    recorded_failure(service, 7, run=RUN)
    number = f"{7:032x}"
    with client_of(service.parent.parent) as client:
        page = client.get("/services/iris")
        assert f'name="request" value="{number}"' in page.text
        for request, said in ((number, f"debug-{number}.ipynb"), ("none", "is recorded in")):
            fields = {"word": word_in(page), "request": request}
            client.post("/services/iris/debug", data=fields).raise_for_status()
            until(lambda said=said: said in client.get("/services/iris").text)
    written = (service / f"debug-{number}.ipynb").read_text()
    assert "model = 2" in written


def test_what_is_hostile_is_text(tmp_path: Path) -> None:
    """A title, a source, a reason, an output, a request and a file's name are shown, not run."""
    service = tmp_path / "runs" / EVIL.replace("/", "")
    kept_version(service, "a", EVIL, title=EVIL)
    kept_version(service, "b", f"{EVIL} more", title=EVIL)
    facts = {"status": "failed", "reason": EVIL, "failure": {"cell": EVIL, "text": EVIL}}
    rehearsal = {"is_accepted": True, "rows": [{"what": EVIL}, EVIL], "left_out": EVIL}
    record_of(service, "b", EVIL, git_commit=EVIL, rehearsal=rehearsal, **facts)
    record_of(service, "out", EVIL, notebook={"a": EVIL}, started=EVIL, **facts)
    recorded_failure(service, 1, path=EVIL, body=EVIL, answer=EVIL, run=EVIL, id=EVIL)
    with client_of(tmp_path) as client:
        overview = client.get("/")
        link = re.search(r'href="(/services/[^"]+)"', overview.text)
        assert link
        pages = [overview, client.get(link[1])]
        pages.append(client.get(f"{link[1]}/difference?older=a&newer=b"))
        for page in pages:
            assert page.status_code == 200
            assert not re.search(r"<(img src=x|script>)", page.text)
            assert "&lt;img" in page.text


def test_names_that_are_no_text_are_shown(tmp_path: Path) -> None:
    """Linux lets a folder have any bytes for a name."""
    kept_version(Path(f"{tmp_path}/runs/\udcff"), "a", "1")
    with client_of(tmp_path) as client:
        assert client.get("/").status_code == 200


def test_a_name_may_have_line_breaks_and_whatever_addresses_have_signs_for(tmp_path: Path) -> None:
    """Its service and its record are found by the links that lead there."""
    name = "a b\n#?%20&é"
    kept_version(tmp_path / "runs" / name, RUN, "1")
    record_of(tmp_path / "runs" / name, RUN)
    with client_of(tmp_path) as client:
        service = re.search(r'href="(/services/[^"]+)"', client.get("/").text)
        assert service
        record = re.search(r'href="(/records/[^"]+)"', client.get(service[1]).text)
        assert record
        assert client.get(record[1]).status_code == 200


def test_the_policy_lets_no_script_in_a_page_run(tmp_path: Path) -> None:
    """It is on every answer, also on those that refuse."""
    with client_of(tmp_path) as client:
        for answer in (client.get("/"), client.get("/none"), client.post("/sign-in")):
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
            assert "unsafe" not in policy


def test_services_of_projects_below_are_found(tmp_path: Path) -> None:
    """Those of the folder itself, of each folder in it, and of what is a folder of records."""
    kept_version(tmp_path / "runs/own", RUN, "1")
    kept_version(tmp_path / "project/runs/theirs", RUN, "1")
    with client_of(tmp_path) as client:
        text = client.get("/").text
        assert client.get("/services/project~runs~theirs").status_code == 200
    assert ">own</a>" in text
    assert ">theirs</a>" in text
    with client_of(tmp_path / "runs") as client:
        assert client.get("/services/own").status_code == 200


def test_for_the_overview_no_record_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever serves has been asked for what is shown: so runs and versions may be many."""
    read: list[Path] = []
    monkeypatch.setattr(history, "facts_of", lambda path: read.append(path) or {})
    said: dict[Path, Answers] = {}
    for name in "abcde":
        folder = tmp_path / "runs" / name
        kept_version(folder, RUN, "1")
        (folder / ".notebook").write_text("a.ipynb")
        serving = [{"state": "serving", "sha256": "ab" * 32}]
        status = status_of(folder, RUN, versions=serving)
        said[folder] = lambda _, status=status: status
        record_of(folder, RUN)
    record_of(tmp_path / "runs/train", RUN)
    with supervisors(said), client_of(tmp_path) as client:
        page = page_with(client, "/", ">serving</span>", 5)
    assert page.count("<article") == 5
    assert read == []


@pytest.mark.parametrize(("text", "mode"), [("short", 0o600), (TOKEN, 0o644)])
def test_a_token_that_is_none_is_refused(tmp_path: Path, text: str, mode: int) -> None:
    """One that can be guessed, or that others can read."""
    file = tmp_path / "token"
    file.write_text(text)
    file.chmod(mode)
    with pytest.raises(ConfigurationError):
        set_token(file, {})


def test_the_token_is_set_by_a_file_or_a_variable(tmp_path: Path) -> None:
    """The file leads; without both there is none."""
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o600)
    environ = {"RUNNER_COCKPIT_TOKEN": "another" * 4}
    assert set_token(file, environ) == TOKEN
    assert set_token(None, environ) == "another" * 4
    assert set_token(None, {}) == ""
