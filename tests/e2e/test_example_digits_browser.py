"""The page to draw a digit on, in headless Chromium without any other network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from support import RUNNER, Service, reserved_port, until
from support.browser import Watch, expect

pytestmark = pytest.mark.browser

FOLDER = "notebooks/examples/digits"
# Where the mouse goes while its button is down, in hundredths of the paper.
STROKES: dict[int, list[list[tuple[int, int]]]] = {
    0: [[(50, 15), (34, 24), (28, 50), (36, 78), (52, 86), (67, 74), (72, 48), (66, 24), (50, 15)]],
    1: [[(36, 32), (52, 14), (52, 86)]],
    3: [
        [(31, 22), (46, 14), (62, 22), (63, 36), (47, 48)],
        [(47, 48), (62, 55), (69, 68), (60, 82), (42, 86), (29, 77)],
    ],
    4: [[(58, 14), (42, 38), (27, 60), (73, 60)], [(60, 38), (60, 88)]],
    5: [[(68, 15), (36, 15), (32, 46), (52, 42), (68, 58), (64, 78), (44, 86), (29, 78)]],
}
PHONE = {"width": 360, "height": 640}


@pytest.fixture(scope="module")
def url(digits: Path) -> Iterator[str]:
    """Where the serve notebook serves."""
    port = reserved_port()
    words = ["serve", f"{FOLDER}/serve.ipynb", "--port", str(port), "--no-standby"]
    service = Service(*words, cwd=digits, program=RUNNER)
    address = f"http://127.0.0.1:{port}"

    def answered() -> bool:
        assert service.process.poll() is None, service.said()
        try:
            return httpx.get(f"{address}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    try:
        until(answered, 60)
        yield address
        service.stop()
    finally:
        assert service.end() == []


@pytest.fixture
def page(browser: Any, url: str) -> Iterator[Any]:
    """The page, which has to behave until the test has ended."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, has_touch=True)
    opened = context.new_page()
    opened.set_default_timeout(10_000)
    watch = Watch(opened, url)
    opened.goto(url)
    yield opened
    context.close()
    assert watch.elsewhere == [], "asked another host"
    assert watch.complaints == []


def paper(page: Any) -> Any:
    return page.get_by_role("img", name="Paper to draw a digit on")


def press(page: Any, name: str) -> None:
    page.get_by_role("button", name=name).click()


def draw(page: Any, strokes: Sequence[Sequence[tuple[int, int]]]) -> None:
    """Move the mouse over the paper, its button down along each stroke."""
    box = paper(page).bounding_box()
    places = [
        [(box["x"] + x * box["width"] / 100, box["y"] + y * box["height"] / 100) for x, y in stroke]
        for stroke in strokes
    ]
    for first, *others in places:
        page.mouse.move(*first)
        page.mouse.down()
        for place in others:
            page.mouse.move(*place, steps=6)
        page.mouse.up()


@pytest.mark.parametrize("digit", STROKES)
def test_what_is_drawn_is_read(page: Any, digit: int) -> None:
    """At the end of a stroke the answer is said, and its bar is the longest."""
    draw(page, STROKES[digit])
    expect(page.get_by_role("status")).to_have_text(f"This is a {digit}.")
    best = page.get_by_role("row").nth(digit)
    assert "best" in best.get_attribute("class")
    widths = "bars => bars.map(bar => parseFloat(bar.style.width))"
    bars = page.eval_on_selector_all("td.bar div", widths)
    assert bars.index(max(bars)) == digit


def test_clear_gives_a_new_sheet(page: Any) -> None:
    """Nothing of the digit before is seen."""
    draw(page, STROKES[3])
    expect(page.get_by_role("status")).to_have_text("This is a 3.")
    press(page, "Clear")
    expect(page.get_by_role("status")).to_be_empty()
    draw(page, STROKES[1])
    expect(page.get_by_role("status")).to_have_text("This is a 1.")


def test_a_finger_draws_too(page: Any) -> None:
    """And does not scroll the page away."""
    box = paper(page).bounding_box()
    touch = page.context.new_cdp_session(page)
    strokes = [(box["x"] + x * 2.8, box["y"] + y * 2.8) for x, y in STROKES[5][0]]
    for number, (x, y) in enumerate(strokes):
        kind = "touchMove" if number else "touchStart"
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page.get_by_role("status")).to_have_text("This is a 5.")


def test_a_picture_can_be_chosen(page: Any, digits: Path) -> None:
    """For who has one, or cannot draw."""
    page.get_by_label("choose a picture").set_input_files(digits / FOLDER / "seven.jpg")
    expect(page.get_by_role("status")).to_have_text("This is a 7.")


def test_it_fits_on_a_phone(page: Any) -> None:
    """Nobody scrolls sideways; what is drawn lands where the finger is."""
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    draw(page, STROKES[3])
    expect(page.get_by_role("status")).to_have_text("This is a 3.")


def test_what_is_no_picture_is_said(page: Any) -> None:
    """In the service's own words."""
    file = {"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"}
    page.get_by_label("choose a picture").set_input_files(file)
    expect(page.get_by_role("status")).to_contain_text("this is no picture")
