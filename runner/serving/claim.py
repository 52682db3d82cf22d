"""Let one thing of a notebook be its service: whatever serves first, annotated cells last.

Annotated cells (`# GET /path`) were registered instead of executed, as Jupyter Kernel Gateway
does it, and so they count only where nothing else serves. When something does, their first
lines were comments, and the notebook has to be executed again, every cell as it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class OtherServiceError(RuntimeError):
    """Something serves in a notebook whose annotated cells were registered."""


class Claim:
    """Hold who serves.

    Attributes:
        holder: Who that is, in words; empty while nobody does.
    """

    def __init__(self) -> None:
        self.holder = ""
        self._lock = threading.Lock()
        self._serve_cells: Callable[[], None] | None = None
        self._refused = ""

    def register_cells(self, serve: Callable[[], None]) -> None:
        """Take note of annotated cells.

        Args:
            serve: Serves them until they are drained.
        """
        self._serve_cells = serve

    @property
    def has_cells(self) -> bool:
        """Tell whether there are annotated cells that nobody serves yet."""
        return self._serve_cells is not None

    def serve_cells(self) -> None:
        """Serve the annotated cells, which were registered."""
        assert self._serve_cells is not None  # noqa: S101 - see `has_cells`
        serve, self._serve_cells = self._serve_cells, None
        serve()

    def take(self, holder: str) -> bool:
        """Tell the first who asks, and nobody else, to serve.

        Raises:
            OtherServiceError: Annotated cells were registered, so this must not serve now.
        """
        with self._lock:
            if self.has_cells:
                self._refused = self._refused or holder
            is_first = not self.holder and not self.has_cells
            if is_first:
                self.holder = holder
        self.check()
        return is_first

    def check(self) -> None:
        """Make sure that nothing has tried to serve beside annotated cells, be it in a thread.

        Raises:
            OtherServiceError: Something has.
        """
        if self._refused:
            raise OtherServiceError(
                f"{self._refused} serves, so the first lines of the cells above that look like"
                " annotations (`# GET /path`) are comments, and these cells have to be executed"
            )


claim = Claim()
"""This process's."""
