"""Read structs of Thrift's compact protocol, strictly: what is unclear is refused.

Source: thrift-compact-protocol.md of Apache Thrift. There are no maps in a Parquet file.
"""

from __future__ import annotations

from typing import Any

INT32, INT64, LIST, STRUCT = 5, 6, 9, 12
"""Types that are read; all others are skipped."""

_BOOLEANS, _BYTE, _INT16, _DOUBLE, _BINARY = (1, 2), 3, 4, 7, 8
_DEEPEST = 12

Struct = dict[tuple[int, int], Any]
"""Fields by their number and type: who reads one of another type, as Thrift does, sees none."""


class BadStructError(ValueError):
    """Report what is no struct."""


class StructReader:
    """Read structs out of bytes.

    Args:
        data: Has them.
        most: Fields and items of lists that all of them may have together.
    """

    def __init__(self, data: bytes, most: int) -> None:
        self._data, self._left = data, most

    def struct(self, at: int, depth: int = 0) -> tuple[Struct, int]:
        """Read a struct; give it, and where it ends.

        Raises:
            BadStructError: It is none, it is too large, or it has a field twice.
        """
        fields: Struct = {}
        numbers: set[int] = set()
        number = 0
        while True:
            head, at = self._byte(at)
            if not head:
                return fields, at
            if head >> 4:
                number += head >> 4
            else:
                number, at = self._integer(at)
            if number in numbers:
                raise BadStructError("a struct has a field twice")
            numbers.add(number)
            fields[number, head & 15], at = self._value(at, head & 15, depth + 1)

    def _value(self, at: int, kind: int, depth: int) -> tuple[Any, int]:
        self._left -= 1
        if self._left < 0 or depth > _DEEPEST:
            raise BadStructError("a struct is too large, or nested too deep")
        if kind in (_INT16, INT32, INT64):
            return self._integer(at)
        if kind == STRUCT:
            return self.struct(at, depth)
        if kind == LIST:
            return self._list(at, depth)
        if kind == _BINARY:
            length, at = self._varint(at)
            return None, at + length
        if kind in (_BYTE, _DOUBLE):
            return None, at + (1 if kind == _BYTE else 8)
        if kind in _BOOLEANS:
            return None, at
        raise BadStructError("a struct has a field of no type")

    def _list(self, at: int, depth: int) -> tuple[list[Any], int]:
        head, at = self._byte(at)
        kind, length = head & 15, head >> 4
        if length == 15:
            length, at = self._varint(at)
        items = []
        for _ in range(length):
            item, at = self._value(at, _BYTE if kind in _BOOLEANS else kind, depth + 1)
            items.append(item)
        return items, at

    def _byte(self, at: int) -> tuple[int, int]:
        if not at < len(self._data):
            raise BadStructError("a struct is not whole")
        return self._data[at], at + 1

    def _varint(self, at: int) -> tuple[int, int]:
        found = 0
        for shift in range(0, 70, 7):
            byte, at = self._byte(at)
            found |= (byte & 127) << shift
            if byte < 128:
                return found, at
        raise BadStructError("a number has no end")

    def _integer(self, at: int) -> tuple[int, int]:
        found, at = self._varint(at)
        return (found >> 1) ^ -(found & 1), at
