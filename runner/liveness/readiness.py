"""Say what a service tells who asks whether it is ready, besides that it is."""

from __future__ import annotations

import enum


class Readiness(enum.IntFlag):
    """Name what there is to tell; nothing of it is: ready.

    Its number is the second byte of an order to a worker.
    """

    READY = 0
    LAME_DUCK = 1  # everything is answered still, and nobody should come any more
    VERSION_FAILED = 2  # what serves is older than the newest version, which failed


def readiness_answer(readiness: Readiness) -> tuple[int, bytes]:
    """Give the status and the body of the answer at the readiness path."""
    status, said = (503, b'"lame duck"') if Readiness.LAME_DUCK in readiness else (200, b'"ready"')
    failed = b', "version_failed": true' if Readiness.VERSION_FAILED in readiness else b""
    return status, b'{"status": %b%b}' % (said, failed)
