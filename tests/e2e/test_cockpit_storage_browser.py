"""What a browser shows of a bucket's records while the storage goes and comes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from s3_server import S3Server
from support.browser import Watch, expect
from support.cockpit import TOKEN, cockpit_of
from support.replicas import bucket_of_replicas

pytest.importorskip("s3fs")
pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """A server that the commands find, as by a deployment's variables."""
    with bucket_of_replicas(tmp_path) as server:
        for name, value in server.environ.items():
            monkeypatch.setenv(name, value)
        yield server


def test_the_page_answers_while_the_storage_is_away(
    s3: S3Server, tmp_path: Path, browser: Any
) -> None:
    """It says since when and why, in words for people; and goes on by itself when it is back."""
    with cockpit_of(tmp_path, "s3://bucket/runs") as url:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        page = context.new_page()
        watch = Watch(page, url)
        page.goto(f"{url}/?token={TOKEN}")
        expect(page.locator("#look")).to_contain_text("As in s3://bucket/runs")
        expect(page.get_by_role("link", name="iris on host-1")).to_be_visible()
        s3.kill()
        expect(page.locator("#look")).to_contain_text("does not answer", timeout=110_000)
        expect(page.locator("#look")).to_contain_text("All is shown as it was at ")
        page.get_by_role("link", name="iris on host-1").click()
        expect(page.get_by_role("heading", name="iris on host-1")).to_be_visible()
        page.get_by_role("link", name="Record").first.click()
        expect(page.frame_locator("iframe.record").get_by_text("1 / 0")).to_be_visible()
        s3.start()
        s3.put("runs/host-3/iris/sources/a.ipynb", b"{}")
        s3.put("runs/host-3/iris/out.ipynb", s3.get("runs/host-2/iris/out.ipynb"))
        expect(page.locator("#look")).to_contain_text("As in", timeout=110_000)
        page.get_by_role("link", name="Services").first.click()
        expect(page.get_by_role("link", name="iris on host-3")).to_be_visible()
        context.close()
    assert watch.elsewhere == []
    assert watch.complaints == []
