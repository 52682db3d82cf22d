"""Configure logging, once, for the whole process."""

from __future__ import annotations

import logging

LEVELS = ("debug", "info", "warning", "error")


def configure(level: str) -> None:
    """Send our events to stderr as text, and only the warnings of the libraries.

    Args:
        level: One of ``LEVELS``; it applies to ``runner``'s own events.
    """
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)-7s %(message)s", force=True
    )
    logging.getLogger("runner").setLevel(level.upper())
    logging.captureWarnings(True)
