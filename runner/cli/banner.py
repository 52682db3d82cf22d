"""Say on a terminal, once a service serves, where to look at it and how to ask it."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any, TextIO

from runner import log
from runner.cli import terminal
from runner.record.curl import curl_of, reachable
from runner.storage import urls
from runner.telemetry.log_lines import folded


@dataclasses.dataclass(frozen=True, kw_only=True)
class Banner:
    """Hold what is known of a service before it serves.

    Attributes:
        notebook: What is served.
        out: Its record.
        reloads: A save is deployed.
        asks_for_keys: A request needs a key.
    """

    notebook: Path
    out: Path
    reloads: bool = False
    asks_for_keys: bool = False

    def show(self, url: str, offers: dict[str, Any]) -> None:
        """Write it to the terminal of the log, in its order among the lines of that.

        Args:
            url: Where it serves.
            offers: The paths of a ``page`` and of ``docs``, and an ``example``, as far as known.
        """
        log.show(self.drawn(reachable(url), offers, sys.stderr))

    def drawn(self, url: str, offers: dict[str, Any], stream: TextIO) -> str:
        """Give its characters."""
        from rich.table import Table

        rows = Table.grid(padding=(0, 2), pad_edge=True)
        rows.add_column(style="bold", no_wrap=True)
        rows.add_column(overflow="fold")
        for name, said, style in self._rows(url, offers):
            rows.add_row(terminal.text(name), terminal.text((said, style)))
        head = terminal.text(("● ", "green")).append_text(terminal.text((self._title, "bold")))
        parts = [terminal.drawn(what, stream) for what in (head, rows)]
        command = curl_of(url, offers.get("example"), needs_key=self.asks_for_keys)
        # As it is: what a terminal breaks by itself is copied as one line.
        parts.append(f"  {folded(command)}\n")
        parts.append(terminal.drawn(terminal.text((f"  {self._keys}", "dim")), stream))
        return "\n" + "\n".join(parts) + "\n"

    @property
    def _title(self) -> str:
        return f"{urls.url_of(self.notebook) or self.notebook} is served"

    @property
    def _keys(self) -> str:
        if self.reloads:
            return "edit and save to deploy · Ctrl-C stops"
        return "Ctrl-C stops · --reload deploys each save"

    def _rows(self, url: str, offers: dict[str, Any]) -> list[tuple[str, str, str]]:
        known: dict[str, str] = {name: offers[name] for name in ("page", "docs") if name in offers}
        if known.get("page") != "/":  # which is the app's own, if it has any
            known = {"address": "/", **known}
        links = [(name, f"{url}{path}", f"cyan link {url}{path}") for name, path in known.items()]
        return [*links, ("record", str(self.out), "")]
