"""Take the pictures of services' own pages, for ``make.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

THREE = [[(31, 22), (46, 14), (62, 22), (63, 36), (47, 48)],
         [(47, 48), (62, 55), (69, 68), (60, 82), (42, 86), (29, 77)]]  # fmt: skip
"""Strokes of a digit, in hundredths of the paper."""


def take_form(browser: Any, url: str, image: Path) -> None:
    """Show the page of a model, after one question in the midst of what it has learnt from."""
    page = browser.new_page(viewport={"width": 900, "height": 700})
    page.goto(url)
    page.get_by_role("button", name="Predict").wait_for()
    for slider in page.locator("input[type=range]").all():
        least, most = (float(slider.get_attribute(name)) for name in ("min", "max"))
        slider.evaluate("(slider, value) => { slider.value = value }", least + 0.6 * (most - least))
        slider.dispatch_event("input")
    page.get_by_role("button", name="Predict").click()
    page.get_by_role("status").first.get_by_text("200 OK").wait_for()
    page.screenshot(path=image, full_page=True)
    page.close()


def take_drawing(browser: Any, url: str, image: Path) -> None:
    """Show the page of the example ``digits``, after a digit was drawn by the mouse."""
    page = browser.new_page(viewport={"width": 800, "height": 560}, reduced_motion="reduce")
    page.goto(url)
    box = page.get_by_role("img").bounding_box()
    for stroke in THREE:
        places = [
            (box["x"] + x * box["width"] / 100, box["y"] + y * box["height"] / 100)
            for x, y in stroke
        ]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=6)
        page.mouse.up()
    page.locator("tr.best").get_by_text("99.9 %").wait_for()  # after the last stroke
    page.screenshot(path=image)
    page.close()
