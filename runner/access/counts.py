"""Count who was let in, by the names of keys, and who was refused, over all workers.

Each worker writes what it has counted to a place of its own in a memory that all share; any of them
can tell the sum. Of names there are so many, and no more: the rest are counted as one.
"""

from __future__ import annotations

import collections
import dataclasses
import json
import mmap
import struct
import zlib

OTHER = "(other)"  # no key can have this name
MOST_NAMES = 100
_ROOM = 16_384  # bytes for one worker: so many names of 64 letters with their counts
_HEAD = struct.Struct("II")  # how many bytes there are, and their checksum
_TRIES = 100  # of reading what another writes in just that moment


@dataclasses.dataclass(frozen=True, kw_only=True)
class Counted:
    """Hold counts.

    Attributes:
        admitted: Requests by the name of their key.
        refused: Requests by the status that they were refused with.
    """

    admitted: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    refused: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)


class AccessCounts:
    """Count in one worker, and sum over all; to be made before they are forked.

    Args:
        slots: How many workers there may be at a time.
    """

    def __init__(self, slots: int = 1) -> None:
        self._slots, self._shared = slots, mmap.mmap(-1, slots * _ROOM)
        self.take_slot(0)

    def take_slot(self, slot: int) -> None:
        """Go on from the numbers of the worker that had this slot before."""
        self._slot, self._own = slot, self._read(slot)
        self._published = 0

    def admit(self, name: str) -> None:
        """Count a request that was let in."""
        admitted = self._own.admitted
        admitted[_shown(name, admitted)] += 1

    def refuse(self, status: int) -> None:
        """Count one that was not."""
        self._own.refused[str(status)] += 1

    def publish(self) -> None:
        """Show this worker's numbers to the others, if they have changed."""
        counted = self._own.admitted.total() + self._own.refused.total()
        if counted != self._published:
            self._published = counted
            data = json.dumps([self._own.admitted, self._own.refused]).encode()
            at = self._slot * _ROOM
            whole = _HEAD.pack(len(data), zlib.crc32(data)) + data
            self._shared[at : at + len(whole)] = whole

    def total(self) -> Counted:
        """Sum the numbers of all workers; another's may be a moment old."""
        self.publish()
        total = Counted()
        for each in map(self._read, range(self._slots)):
            for name, count in each.admitted.items():  # each worker has names of its own
                total.admitted[_shown(name, total.admitted)] += count
            total.refused.update(each.refused)
        return total

    def _read(self, slot: int) -> Counted:
        at = slot * _ROOM
        for _ in range(_TRIES):
            size, checksum = _HEAD.unpack_from(self._shared, at)
            data = self._shared[at + _HEAD.size : at + _HEAD.size + size]
            if data and zlib.crc32(data) == checksum:
                admitted, refused = json.loads(data)
                return Counted(
                    admitted=collections.Counter(admitted), refused=collections.Counter(refused)
                )
            if not size:
                break
        return Counted()


def _shown(name: str, admitted: collections.Counter[str]) -> str:
    """Give the name by which a key is counted beside these."""
    is_one_too_many = name not in admitted and len(admitted) >= MOST_NAMES
    return OTHER if is_one_too_many else name
