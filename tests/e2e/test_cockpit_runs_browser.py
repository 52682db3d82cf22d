"""What a browser shows of runs and sweeps, in headless Chromium without any other network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import until
from support.browser import Watch, expect
from support.cockpit import TOKEN, cockpit_of
from support.records import cell, display, document, text_cell, write, write_sweep

pytestmark = pytest.mark.browser

HURT = "for (const each of [window, parent, top]) each.isHurt = 1; alert(1)"
EVIL = f'"><img src=x onerror="{HURT}"><script>{HURT}</script>'
NAME = EVIL.replace("/", "")
PHONE = {"width": 360, "height": 640}
POINTS = {
    f"a={a},b={b}": ({"a": a, "b": b}, a * 0.1 + len(b) * 0.02) for a in (1, 2) for b in ("x", "yy")
}


def hostile_record() -> dict[str, Any]:
    """A record that is hostile wherever it holds something."""
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{HURT}"><script>{HURT}</script></svg>'
    kinds = ("text_html", "text_markdown", "text_latex", "text_vnd.mermaid", "text_plain")
    outputs = [display(**{kind: f"{EVIL}{svg}"}) for kind in kinds]
    outputs += [display(application_javascript=HURT), display(**{"image_svg+xml": svg})]
    outputs += [{"output_type": "error", "ename": EVIL, "evalue": EVIL, "traceback": [EVIL]}]
    cells = [
        text_cell(f"# {EVIL}\n\n[a](javascript:{HURT.replace(' ', '')})\n\nThe end of the text"),
        cell(EVIL, outputs=outputs, status="failed"),
    ]
    return document(
        cells,
        notebook=EVIL,
        status="failed",
        reason=EVIL,
        parameters={EVIL: EVIL},
        metrics={EVIL: 1.0},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is shown: ordinary runs, a sweep, and a record that is hostile in all that it says."""
    folder = tmp_path_factory.mktemp("runs")
    for number in range(3):
        shown = cell(f"x = {number}", id="load", outputs=[display(text_plain=f"seen {number}")])
        found = document([shown], parameters={"C": number}, metrics={"accuracy": number / 10})
        write(folder / f"runs/train/{number}.ipynb", found)
    write(folder / "runs" / NAME / f"{NAME}.ipynb", hostile_record())
    write_sweep(folder / "runs/sweeps/train", POINTS)
    return folder


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    """Where the cockpit is."""
    with cockpit_of(folder) as url:
        yield url


@pytest.fixture
def page(browser: Any, url: str) -> Iterator[Any]:
    """A page that has signed in, and has to behave until the test has ended."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    opened = context.new_page()
    opened.set_default_timeout(20_000)
    watch, dialogs = Watch(opened, url), []
    opened.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    opened.goto(f"{url}/?token={TOKEN}")
    opened.get_by_role("link", name="Runs").click()
    expect(opened.get_by_role("heading", name="Runs")).to_be_visible()
    yield opened
    assert opened.evaluate("window.isHurt") is None
    context.close()
    assert dialogs == []
    assert watch.elsewhere == [], "asked another host"
    assert watch.complaints == []


def test_a_hostile_record_executes_nothing(page: Any) -> None:
    """In the list, on its page, and rendered in its frame, where all of it is to be seen."""
    expect(page.get_by_role("row").filter(has_text="onerror").first).to_be_visible()
    page.locator("tbody tr").filter(has_text="onerror").get_by_role("link").click()
    frame = page.frame_locator("iframe.record")
    expect(frame.get_by_text("The end of the text")).to_be_visible()
    page.wait_for_load_state("networkidle")
    expect(frame.locator("script, [onerror], [onload], [href^=javascript]")).to_have_count(0)
    assert page.locator("img[src=x]").count() == 0


def test_a_frame_would_not_run_what_it_should_not_hold(page: Any) -> None:
    """If a fault of ours let a script through, sandbox and policy would still hold."""
    page.get_by_role("link", name="train", exact=True).first.click()
    element = page.locator("iframe.record")
    assert "allow-scripts" not in element.get_attribute("sandbox")
    answer = page.request.get(element.evaluate("frame => frame.src"))
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script-src" not in policy


def test_two_runs_are_ticked_and_compared(page: Any) -> None:
    """By the keyboard alone."""
    for number in (0, 1):
        page.get_by_role("row").filter(has_text=f"train/{number}.ipynb").get_by_role(
            "checkbox"
        ).press("Space")
    page.get_by_role("button", name="Compare").press("Enter")
    expect(page.get_by_role("heading", name="Two runs compared")).to_be_visible()
    expect(page.locator("pre")).to_have_count(2)
    expect(page.get_by_role("row").filter(has_text="accuracy")).to_contain_text("-0.1")


def test_runs_are_found_by_what_they_recorded(page: Any) -> None:
    """The address says what was asked, so that it can be kept."""
    page.get_by_label("Find").fill("accuracy>0.15 train")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr").filter(has_text="runs/train")).to_have_count(1)
    assert "accuracy" in page.url


def test_a_run_in_progress_shows_its_cells_advance(page: Any, folder: Path) -> None:
    """Without a reload, in the list and on its page; what was ticked stays so."""
    path = folder / "runs/long/out.ipynb"

    def advance(*statuses: str) -> None:
        cells = [cell("a", id=f"c{n}", status=status) for n, status in enumerate(statuses)]
        write(path, document(cells, status="running", duration=None))

    advance("running", "pending")
    row = page.get_by_role("row").filter(has_text="runs/long")
    until(lambda: page.reload() and row.count())
    other = page.get_by_role("checkbox", name="Compare a=2,b=yy")
    other.check()
    advance("running", "pending", "pending")
    expect(row).to_contain_text("0 of 3 cells")
    expect(other).to_be_checked()
    row.get_by_role("link").click()
    expect(page.locator("#run")).to_contain_text("0 of 3 cells")
    advance("completed", "running")
    expect(page.locator("#run")).to_contain_text("1 of 2 cells")
    path.unlink()


def test_a_point_of_a_sweeps_picture_leads_to_its_record(page: Any) -> None:
    """By the keyboard, too."""
    page.get_by_role("link", name="Sweeps").click()
    page.get_by_role("link", name="runs/sweeps/train", exact=True).click()
    best = page.locator("table.map td.best a")
    expect(best).to_contain_text("0.24")
    best.press("Enter")
    expect(page.get_by_role("heading", name="a=2,b=yy")).to_be_visible()
    page.get_by_role("link", name="runs/sweeps/train").click()
    expect(page.get_by_role("heading", name="The points")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_on_a_phone(page: Any, url: str, scheme: str) -> None:
    """Nobody scrolls sideways, with all that can be unfolded unfolded."""
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(PHONE)
    record, other = "runs/train/0.ipynb", "runs/train/1.ipynb"
    paths = [f"records/{record}", "sweeps", "sweeps/runs/sweeps/train", "runs"]
    for path in [*paths, f"runs/compare?run={record}&run={other}"]:
        page.goto(f"{url}/{path}")
        page.wait_for_load_state("networkidle")
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
