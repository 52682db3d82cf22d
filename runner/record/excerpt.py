"""Keep the first and the last of a text of any length, and count what lay between.

The rules of this file:

1. What is kept is bounded by lines and by bytes; what is dropped is counted exactly.
2. A carriage return takes back what its line held, as a terminal shows a progress bar;
   what was taken back is neither kept nor counted as dropped.
3. A write costs time in proportion to what it brings, never to what was written before.
"""

from __future__ import annotations

import collections
import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExcerptBounds:
    """Bound what the record keeps of one cell.

    Attributes:
        lines: Lines kept of a stream's start, and as many of its end.
        text_bytes: Bytes (UTF-8) kept of a stream's start at most, and as many of its end.
        outputs: Displays and results kept of a cell's start, and as many of its end.
        outputs_bytes: Bytes that the displays of either half may have together.
        output_bytes: Bytes that one display may have; a larger one is replaced by a note.
    """

    lines: int = 200
    text_bytes: int = 65_536
    outputs: int = 500
    outputs_bytes: int = 16_777_216
    output_bytes: int = 10_000_000


class Excerpt:
    """Hold the first and last lines of a growing text.

    The line that is still being written is kept apart, because a carriage return can take
    it back: ``_start`` is what of it belongs to the first half, ``_end`` to the last.

    Args:
        lines: Lines of the first half.
        size: Bytes of the first half.
        bounds: The last half's.
    """

    def __init__(self, lines: int, size: int, bounds: ExcerptBounds) -> None:
        self.dropped_lines = 0
        self._bounds = bounds
        self._lines_left, self._size_left = lines, size
        self._head = bytearray()
        self._tail: collections.deque[bytes] = collections.deque()
        self._tail_size = 0
        self._dropped = 0
        self._start, self._end, self._cut = b"", b"", 0
        self._is_returned = False

    @classmethod
    def within(cls, bounds: ExcerptBounds) -> Excerpt:
        """Begin an empty one with both halves as ``bounds`` has them."""
        return cls(bounds.lines, bounds.text_bytes, bounds)

    @property
    def dropped_bytes(self) -> int:
        """Bytes that are neither in the first half nor in the last."""
        return self._dropped + self._cut

    def room(self) -> tuple[int, int]:
        """Say how many lines and bytes the first half could still take."""
        if self._is_head_full() or self._end or self._cut:
            return 0, 0
        return self._lines_left - bool(self._start), self._size_left - len(self._start)

    def write(self, text: str) -> None:
        """Add a text, which may begin and end anywhere in a line."""
        data = text.encode("utf-8", "surrogatepass")
        start, last = 0, data.rfind(b"\n")
        while start <= last and (start == 0 or not self._is_head_full()):
            end = data.find(b"\n", start)
            self._write_to_line(data[start:end])
            self._end_line()
            start = end + 1
        if start <= last:
            self._add_lines(data[start:last])
            start = last + 1
        self._write_to_line(data[start:])

    def text(self) -> str:
        """Show both halves with a line between them, if need be, that says what is missing."""
        first = bytes(self._head) + self._start
        last = b"".join(self._tail) + self._end + b"\r" * self._is_returned
        if self.dropped_bytes:
            first += b"\n" * (not first.endswith(b"\n"))
            note = dropped_notice(self.dropped_lines, "line", self.dropped_bytes)
            first += f"{note}\n".encode()
        return (first + last).decode("utf-8", "surrogatepass")

    def _is_head_full(self) -> bool:
        return self._lines_left <= 0

    def _write_to_line(self, data: bytes) -> None:
        """Add to the line that is being written."""
        content = data.rstrip(b"\r")
        if not content:
            self._is_returned |= bool(data)
            return
        if self._is_returned or b"\r" in content:
            self._start, self._end, self._cut = b"", b"", 0
        self._is_returned = len(content) < len(data)
        self._append(content[content.rfind(b"\r") + 1 :])

    def _append(self, data: bytes) -> None:
        fits = _boundary(data, self.room()[1])
        self._start += data[:fits]
        self._end += data[fits:]
        if len(self._end) > self._bounds.text_bytes:
            cut = len(self._end) - self._bounds.text_bytes
            while cut < len(self._end) and _is_inside(self._end, cut):
                cut += 1
            self._end = self._end[cut:]
            self._cut += cut
        self._trim()

    def _end_line(self) -> None:
        self._append(b"\r\n" if self._is_returned else b"\n")
        if not self._is_head_full():
            self._head += self._start
            self._size_left -= len(self._start)
            self._lines_left = 0 if self._end or self._cut else self._lines_left - 1
        if self._end:
            self._push(self._end)
        self._dropped += self._cut
        self._start, self._end, self._cut = b"", b"", 0
        self._is_returned = False
        self._trim()

    def _add_lines(self, block: bytes) -> None:
        """Add whole lines to the last half; ``block`` lacks the last one's end."""
        if b"\r" in block:
            block = b"\n".join([_as_terminal_shows(line) for line in block.split(b"\n")])
        before, *lines = block.rsplit(b"\n", self._bounds.lines)
        if len(lines) < self._bounds.lines:
            lines = [before, *lines]
        else:
            self._dropped += len(before) + 1
            self.dropped_lines += before.count(b"\n") + 1
        for line in lines:
            self._append(line)
            self._end_line()

    def _push(self, line: bytes) -> None:
        self._tail.append(line)
        self._tail_size += len(line)

    def _trim(self) -> None:
        """Drop the oldest lines of the last half that are beyond its bounds."""
        room = self._bounds.text_bytes - len(self._end)
        while self._tail and (len(self._tail) > self._bounds.lines or self._tail_size > room):
            line = self._tail.popleft()
            self._tail_size -= len(line)
            self._dropped += len(line)
            self.dropped_lines += 1


def shorten(text: str, bounds: ExcerptBounds) -> str:
    """Cut the middle out of a text that is beyond the bounds."""
    if len(text) <= bounds.lines:  # so short that it cannot have too many lines or bytes
        return text
    excerpt = Excerpt.within(bounds)
    excerpt.write(text)
    return excerpt.text()


def dropped_notice(number: int, what: str, size: int) -> str:
    """Say how much was dropped, such as ``… 1,234 lines (98,765 bytes) dropped here …``."""
    if not number:
        return f"… {size:,} bytes dropped here …"
    return f"… {number:,} {what}{'s' * (number != 1)} ({size:,} bytes) dropped here …"


def _as_terminal_shows(line: bytes) -> bytes:
    """Give what a terminal shows of a line that has carriage returns."""
    content = line.rstrip(b"\r")
    return content[content.rfind(b"\r") + 1 :] + b"\r" * (len(content) < len(line))


def _boundary(data: bytes, size: int) -> int:
    """Find the last place up to ``size`` where the data can be cut between two characters."""
    if size >= len(data):
        return len(data)
    while size > 0 and _is_inside(data, size):
        size -= 1
    return max(size, 0)


def _is_inside(data: bytes, place: int) -> bool:
    """Tell whether a place lies inside a character of several bytes."""
    return data[place] & 0xC0 == 0x80
