"""Know keys by their hashes, and take up a changed file of them.

The rules of this file:

1. A key is only ever hashed, and the hash looked up: how long that takes depends on no known key.
   What is longer than any key is not hashed.
2. A changed file is taken up by whoever asks next, a second later at most. One that cannot be
   read, or is no file of keys, changes nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from runner.access.key_file import Key, Stamp, read_keys, stamp_of
from runner.errors import ConfigurationError

log = logging.getLogger(__name__)

LONGEST = 256  # bytes of a key
_LOOK_EVERY = 1.0
_NOBODY = bytes(hashlib.sha256().digest_size)


class Keys:
    """Hold the keys that are known now.

    Args:
        fixed: Those that are in no file.
        file: Where the others are; None if there is none.
        says: Whether to log what becomes of a changed file.
        clock: Gives seconds, and never goes back.

    Raises:
        ConfigurationError: The file cannot be read, or is no file of keys.
    """

    def __init__(
        self,
        fixed: Iterable[Key] = (),
        file: Path | None = None,
        *,
        says: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fixed, self._file, self._says, self._clock = [*fixed], file, says, clock
        self._stamp: Stamp = stamp_of(file) if file else None
        self._by_hash: dict[bytes, Key] = {}
        self._take([*self._fixed, *(read_keys(file) if file else ())])
        self._looks_at = clock() + _LOOK_EVERY if file else float("inf")

    def __len__(self) -> int:
        return len(self._by_hash)

    def find(self, key: bytes) -> Key | None:
        """Give whose key it is; None if it is nobody's."""
        if self._clock() >= self._looks_at:
            self.refresh()
        if len(key) > LONGEST:
            return None
        digest = hashlib.sha256(key).digest()
        found = self._by_hash.get(digest)
        is_known = hmac.compare_digest(_NOBODY if found is None else found.sha256, digest)
        return found if is_known else None

    def refresh(self) -> None:
        """Take up the file, if it has changed."""
        if self._file is None:
            return
        self._looks_at = self._clock() + _LOOK_EVERY
        stamp = stamp_of(self._file)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            keys = read_keys(self._file)
        except ConfigurationError as error:
            self._say(logging.WARNING, "%s; the keys that were known go on to be valid", error)
            return
        self._take([*self._fixed, *keys])
        self._say(logging.INFO, "%s has changed, and holds %d keys now", self._file, len(keys))

    def _take(self, keys: list[Key]) -> None:
        """Know these from now on; one that stays has its rate's count go on."""
        before = self._by_hash
        known = {}
        for key in keys:
            old = before.get(key.sha256)
            known[key.sha256] = old if old == key else key
        self._by_hash = known

    def _say(self, level: int, said: str, *facts: object) -> None:
        if self._says:
            log.log(level, said, *facts)
