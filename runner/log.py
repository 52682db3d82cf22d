"""Configure logging, once, for the whole process."""

from __future__ import annotations

import datetime as dt
import json
import logging

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("text", "json")


class JsonLines(logging.Formatter):
    """Write an event as one line of JSON; ``extra={"facts": {...}}`` adds its facts."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one event."""
        line = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
            "pid": record.process,
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(level: str, form: str = "text") -> None:
    """Send our events to stderr, and only the warnings of the libraries.

    Args:
        level: One of ``LEVELS``; it applies to ``runner``'s own events.
        form: One of ``FORMATS``.
    """
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)-7s %(message)s", force=True
    )
    if form == "json":
        logging.getLogger().handlers[0].setFormatter(JsonLines())
    logging.getLogger("runner").setLevel(level.upper())
    logging.captureWarnings(True)
