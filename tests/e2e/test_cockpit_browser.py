"""What a browser shows of the cockpit, in headless Chromium without any other network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import until
from support.browser import Watch, expect
from support.cockpit import TOKEN, cockpit_of
from support.standin_service import (
    kept_version,
    record_of,
    recorded_failure,
    status_of,
    supervisors,
)

pytestmark = pytest.mark.browser

EVIL = '<img src=x onerror="window.isHurt=1"><script>window.isHurt=1<\\script>'
RUN, OLDER = "20261130T000002-host-0002", "20261130T000001-host-0001"
PHONE = {"width": 360, "height": 640}
POINTS = [
    {
        "at": 1.7e9 + 10 * number,
        "seconds": 10.0,
        "requests": 200 + number,
        "errors": number % 7,
        "p50": 0.002,
        "p99": None if number == 5 else 0.02,
        "rows_per_call": 1.5,
        "memory": 2e8,
        # of an earlier release, then one worker, then two
        **({"worker_memory": [8e7, 9e7][: number // 20]} if number >= 20 else {}),
    }
    for number in range(60)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is shown: a service with all that is hostile, below a folder of such a name."""
    folder = tmp_path_factory.mktemp("cockpit")
    service = folder / "runs" / EVIL
    kept_version(service, OLDER, f"a = 1  # {EVIL}", title=EVIL)
    kept_version(service, RUN, f"a = 2  # {EVIL}", title=EVIL)
    facts = {"status": "failed", "reason": EVIL, "failure": {"cell": 2, "text": EVIL}}
    record_of(service, RUN, EVIL, git_commit=EVIL, **facts)
    raised = {"error": EVIL, "message": EVIL, "cell": 2, "line": 1, "text": EVIL}
    raised |= {"traceback": EVIL}
    failed = {"path": EVIL, "body": EVIL, "answer": EVIL, "run": EVIL, "id": EVIL}
    recorded_failure(service, 1, failure=raised, **failed)
    return folder


@pytest.fixture(scope="module")
def asked(folder: Path) -> Iterator[list[str]]:
    """What the supervisor was asked."""
    service, questions = folder / "runs" / EVIL, []

    def answer(question: str) -> dict[str, Any]:
        questions.append(question)
        if question == "status":
            return status_of(service, RUN, save_fault=EVIL)
        if question == "history":
            return {"ok": True, "points": POINTS}
        return {"ok": question != "versions", "reason": EVIL}

    with supervisors({service: answer}):
        yield questions


@pytest.fixture(scope="module")
def url(folder: Path, asked: list[str]) -> Iterator[str]:
    """Where the cockpit is."""
    with cockpit_of(folder) as url:
        yield url


@pytest.fixture
def page(browser: Any, url: str) -> Iterator[Any]:
    """A page that has signed in, and has to behave until the test has ended."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    opened = context.new_page()
    opened.set_default_timeout(20_000)
    watch = opened.watch = Watch(opened, url)
    opened.goto(f"{url}/?token={TOKEN}")
    expect(opened.get_by_role("heading", name="Services")).to_be_visible()
    yield opened
    assert opened.evaluate("window.isHurt") is None
    context.close()
    assert watch.elsewhere == [], "asked another host"
    assert watch.complaints == []


def open_service(page: Any) -> None:
    page.get_by_role("link", name=re.compile("onerror")).first.click()
    expect(page.get_by_role("heading", name="Traffic")).to_be_visible()


def test_the_link_signs_in_and_loses_the_token(page: Any, url: str) -> None:
    """Neither the address nor the history has it; the cookie is out of scripts' reach."""
    expect(page).to_have_url(f"{url}/")
    assert page.evaluate("document.cookie") == ""
    page.go_back()
    assert TOKEN not in page.url
    page.goto(url)


def test_without_the_link_one_can_sign_in(browser: Any, url: str) -> None:
    """The page asks for the token, and leads to where one wanted to go."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{url}/runs")
    page.get_by_label("Token").fill("wrong" * 8)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not the token")
    page.get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{url}/runs")
    context.close()


def test_what_is_hostile_is_shown_as_text(page: Any, url: str) -> None:
    """On every page, with all that can be unfolded unfolded; nothing of it runs."""
    expect(page.get_by_role("article")).to_contain_text(EVIL)
    open_service(page)
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    expect(page.locator("#failed-runs pre")).to_contain_text(EVIL)
    expect(page.locator("#failed-requests")).to_contain_text(f"Cell 2, line 1: {EVIL}")
    expect(page.locator("#failed-requests pre").first).to_contain_text(EVIL)
    page.get_by_role("link", name="What changed").first.click()
    expect(page.locator("ins")).to_contain_text(f"a = 2  # {EVIL}")
    assert page.locator("img[src=x]").count() == 0


def test_a_script_in_a_page_would_not_run(page: Any) -> None:
    """If a fault of ours let one through, the policy would still hold."""
    complaints = page.evaluate(
        """() => new Promise(done => {
            const found = [];
            document.addEventListener("securitypolicyviolation", event => {
                found.push(event.effectiveDirective);
            });
            document.body.insertAdjacentHTML("beforeend", "<img src='data:,' onerror='hurt()'>");
            document.body.lastElementChild.addEventListener("error", () => {
                document.body.setAttribute("onclick", "window.isHurt = 1");
                document.body.click();
                setTimeout(() => done(found));
            });
        })"""
    )
    assert complaints == ["script-src-attr"] * 2
    assert page.evaluate("window.isHurt") is None
    page.watch.complaints.clear()


def test_the_charts_show_the_last_hour(page: Any) -> None:
    """One for each thing that is counted, with its newest value in words."""
    open_service(page)
    expect(page.locator("figure canvas")).to_have_count(5)
    expect(page.locator("figure").first).to_contain_text("25.9/s")
    expect(page.locator("figure").nth(2)).to_contain_text("p50 2 ms p99 20 ms")


def test_each_worker_has_a_line(page: Any) -> None:
    """Also one that has come while the page is open."""
    open_service(page)
    memory = page.locator("figure").nth(4)
    expect(memory).to_contain_text("all 200 MB worker 1 80 MB worker 2 90 MB")
    expect(memory.locator(".u-cursor-pt")).to_have_count(3)
    newest = {**POINTS[-1], "at": POINTS[-1]["at"] + 10, "worker_memory": [8e7, 9e7, 7e7]}
    POINTS.append(newest)
    expect(memory).to_contain_text("worker 3 70 MB")
    expect(memory.locator(".u-cursor-pt")).to_have_count(4)
    POINTS.remove(newest)


def test_the_keyboard_suffices(page: Any, asked: list[str]) -> None:
    """A service is opened, stopped after one more question, and the focus is never lost."""
    page.get_by_role("link", name=re.compile("onerror")).first.focus()
    page.keyboard.press("Enter")
    stop = page.get_by_role("button", name="Stop…")
    stop.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert "stop" not in asked
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#actions [role=status]")).to_contain_text("stop, asked for at")
    until(lambda: "stop" in asked)


def test_a_button_works_as_soon_as_it_is_there(page: Any) -> None:
    """Whoever presses it at once is not ignored because other scripts are yet to come."""
    page.route("**/static/live.js", lambda route: route.fulfill(content_type="text/javascript"))
    page.route("**/static/charts.js", lambda route: None)  # never answered
    page.get_by_role("link", name=re.compile("onerror")).first.evaluate("link => link.click()")
    page.get_by_role("button", name="Stop…").press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()


_RENEWED = """async (has_focus) => {
    const { renew } = await import("/static/live.js");
    const focused = document.querySelector(has_focus);
    focused.focus();
    const text = await (await fetch(location.href)).text();
    const now = new DOMParser().parseFromString(text, "text/html");
    const about = now.querySelector(has_focus).closest("[data-live]");
    about.prepend("first of all");
    about.append("last of all");
    renew(now.documentElement.outerHTML);
    return [
        focused === document.activeElement,
        document.activeElement.closest("[data-live]").textContent,
    ];
}"""


@pytest.mark.parametrize("selector", ["#open-stop", "#timeline a[id]", "#failed-requests summary"])
def test_what_is_renewed_leaves_alone_what_has_the_focus(page: Any, selector: str) -> None:
    """Between two keys it is the same element, and what is around it is new."""
    open_service(page)
    is_same, text = page.evaluate(_RENEWED, selector)
    assert is_same
    assert text.startswith("first of all")
    assert text.endswith("last of all")
    assert text.count("first of all") == 1


def test_a_page_says_that_it_shows_what_was(page: Any) -> None:
    """As once the cockpit was started anew, by another token: nobody is to trust it."""
    open_service(page)
    page.context.clear_cookies()
    expect(page.locator("#silence")).to_contain_text("sign in")
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_form_of_another_site_does_nothing(page: Any, url: str, asked: list[str]) -> None:
    """Even of another port of this machine, to which the browser sends the cookie."""
    open_service(page)
    target, before = f"{page.url}/reload", asked.count("reload")
    elsewhere = page.context.new_page()
    form = (
        f'<form method=post action="{target}"><input name=word value=x><button>Go</button></form>'
    )
    elsewhere.route(
        "http://127.0.0.1:1/", lambda route: route.fulfill(body=form, content_type="text/html")
    )
    elsewhere.goto("http://127.0.0.1:1/")
    with elsewhere.expect_response(target) as answer:
        elsewhere.get_by_role("button").click()
    assert answer.value.status == 403
    assert asked.count("reload") == before


def test_what_is_renewed_keeps_the_focus_and_stays_open(
    page: Any, folder: Path, asked: list[str]
) -> None:
    """Whoever reads a failure while another one comes goes on where he was."""
    open_service(page)
    first = page.locator("#failed-requests summary").first
    first.focus()
    page.keyboard.press("Enter")
    recorded_failure(folder / "runs" / EVIL, 2, path="/later")
    expect(page.locator("#failed-requests")).to_contain_text("/later")
    focused = page.locator("#failed-requests summary:focus")
    expect(focused).to_contain_text("onerror")
    expect(page.locator("#failed-requests details[open]")).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_on_a_phone(page: Any, scheme: str) -> None:
    """Nobody scrolls sideways, with all that can be unfolded unfolded."""
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(PHONE)
    compared = page.get_by_role("link", name="What changed").first
    for go in (page.reload, lambda: open_service(page), compared.click):
        go()
        page.wait_for_load_state("networkidle")
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
