"""Note failures that no client may see: the log has them, the client an id."""

from __future__ import annotations

import logging
import uuid


def note(log: logging.Logger, said: str, cause: BaseException | None = None) -> str:
    """Log a failure.

    Args:
        log: Whose failure it is.
        said: What failed.
        cause: What was raised; its traceback is logged too.

    Returns:
        The id by which the log has it: all that the client learns.
    """
    number = uuid.uuid4().hex[:12]
    log.error("failure %s: %s", number, said, exc_info=cause)
    return number
