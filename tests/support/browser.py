"""What tests in a browser use: the watch over a page, and playwright's patience."""

from __future__ import annotations

import re
from typing import Any

# Chromium reports an answer of 4xx as an error of the console.
REFUSED = re.compile(r"Failed to load resource: .* status of (401|422)")

_PATIENCE = 30_000


class Watch:
    """Note whatever a page must not do: ask elsewhere, break its policy, complain."""

    def __init__(self, page: Any, url: str) -> None:
        self.elsewhere: list[str] = []
        self.complaints: list[str] = []
        self._url = url
        page.route("**/*", self._let_through)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)

    def _let_through(self, route: Any) -> None:
        if route.request.url.startswith((f"{self._url}/", "data:")):
            route.continue_()
        else:
            self.elsewhere.append(route.request.url)
            route.abort()

    def _hear(self, message: Any) -> None:
        if message.type in {"error", "warning"} and not REFUSED.match(message.text):
            self.complaints.append(message.text)


def expect(found: Any) -> Any:
    """Expect something of what was found, within what a busy machine takes."""
    from playwright.sync_api import expect as playwright_expect

    playwright_expect.set_options(timeout=_PATIENCE)
    return playwright_expect(found)
