"""Hold what a cell has put out, within bounds, however much that was.

The rules of this file:

1. Outputs stand in the order in which they came until a bound is reached. From then on
   each stream goes on in one output of its own, and displays follow after all.
2. Each stream of a cell keeps its first and last lines; so do the displays, as a whole.
3. An error is never dropped for a display; a long one loses its middle.
4. The notebook's outputs are brought up to date by ``show``, not by every message.
"""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Callable
from typing import Any, cast

from nbformat import NotebookNode
from nbformat.v4 import new_output

from runner.record.excerpt import Excerpt, ExcerptBounds, notice, shorten


@dataclasses.dataclass(kw_only=True, eq=False)
class Shown:
    """Be one display, result or error of a cell.

    Attributes:
        node: As it stands in the notebook.
        size: Its bytes.
        owner: The outputs it belongs to.
        display_id: By which the notebook may change it; empty if it may not.
        is_first: Whether it is in the half that is kept for good.
    """

    node: NotebookNode
    size: int
    owner: Outputs
    display_id: str
    is_first: bool = True


@dataclasses.dataclass(kw_only=True)
class _Segment:
    """Be one output of a stream; ``is_fresh`` when its text is not in the node yet."""

    node: NotebookNode
    excerpt: Excerpt
    is_fresh: bool = False


class Outputs:
    """Collect the outputs of one cell.

    Args:
        cell: Gets them, by ``show``.
        bounds: What is kept.
        forget: Hears of each display that is no longer kept.
    """

    def __init__(
        self,
        cell: NotebookNode,
        bounds: ExcerptBounds,
        forget: Callable[[Shown], None] = lambda _: None,
    ) -> None:
        self._cell, self._bounds, self._forget = cell, bounds, forget
        self._begin()

    def _begin(self) -> None:
        self._first: list[Shown | _Segment] = []
        self._last: collections.deque[Shown] = collections.deque()
        self._sizes = {True: 0, False: 0}  # of the displays of either half, by ``is_first``
        self._streams: dict[str, _Segment] = {}
        self._is_in_order = True
        self._dropped, self._dropped_size = 0, 0

    def write(self, name: str, text: str) -> None:
        """Add to a stream."""
        segment = self._streams.get(name)
        if segment is None:
            segment = self._new_segment(name, Excerpt.within(self._bounds))
        elif self._is_in_order and segment is not self._first[-1]:
            lines, size = segment.excerpt.room()
            if lines > 0 and size > 0:
                _render(segment)
                segment = self._new_segment(name, Excerpt(lines, size, self._bounds))
        segment.excerpt.write(text)
        segment.is_fresh = True

    def add(self, node: NotebookNode, display_id: str = "") -> Shown:
        """Add a display, a result or an error."""
        _shorten(node, self._bounds)
        shown = Shown(node=node, size=_size(node), owner=self, display_id=display_id)
        if self._is_in_order and self._has_room_for(shown):
            self._first.append(shown)
        else:
            self._is_in_order = shown.is_first = False
            self._last.append(shown)
        self._sizes[shown.is_first] += shown.size
        self._drop_beyond()
        return shown

    def update(self, shown: Shown, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        """Change what a display shows."""
        shown.node.data, shown.node.metadata = data, metadata
        _shorten(shown.node, self._bounds)
        others = self._sizes[shown.is_first] - shown.size
        shown.size = _size(shown.node)
        if shown.is_first and others + shown.size > self._bounds.outputs_bytes:
            _replace(shown.node, shown.size, "there is no room for it beside the others")
            shown.size = _size(shown.node)
        self._sizes[shown.is_first] = others + shown.size
        self._drop_beyond()

    def clear(self) -> None:
        """Forget everything, as the notebook asked."""
        for shown in (*self._first, *self._last):
            if isinstance(shown, Shown):
                self._forget(shown)
        self._begin()

    def show(self) -> None:
        """Bring the cell up to date."""
        for segment in self._streams.values():
            if segment.is_fresh:
                _render(segment)
        missing = [self._note()] if self._dropped else []
        shown = [*self._first, *self._last]
        at = len(self._first)
        nodes = [output.node for output in shown]
        self._cell.outputs = [*nodes[:at], *missing, *nodes[at:]]

    def _new_segment(self, name: str, excerpt: Excerpt) -> _Segment:
        segment = _Segment(node=new_output("stream", name=name, text=""), excerpt=excerpt)
        self._first.append(segment)
        self._streams[name] = segment
        return segment

    def _has_room_for(self, shown: Shown) -> bool:
        number = sum(isinstance(output, Shown) for output in self._first)
        is_small = self._sizes[True] + shown.size <= self._bounds.outputs_bytes
        return number < self._bounds.outputs and is_small

    def _drop_beyond(self) -> None:
        """Drop the oldest displays of the last half that are beyond its bounds."""
        while len(self._last) > self._bounds.outputs or (
            len(self._last) > 1 and self._sizes[False] > self._bounds.outputs_bytes
        ):
            displays = (shown for shown in self._last if shown.node.output_type != "error")
            shown = next(displays, self._last[0])
            self._last.remove(shown)
            self._sizes[False] -= shown.size
            self._dropped += 1
            self._dropped_size += shown.size
            self._forget(shown)

    def _note(self) -> NotebookNode:
        said = notice(self._dropped, "output", self._dropped_size)
        return cast("NotebookNode", new_output("display_data", data={"text/plain": said}))


def _render(segment: _Segment) -> None:
    segment.node.text = segment.excerpt.text()
    segment.is_fresh = False


def _shorten(node: NotebookNode, bounds: ExcerptBounds) -> None:
    """Cut a long error in the middle; put a note in place of a display that is too large."""
    if node.output_type == "error":
        node.evalue = shorten(node.evalue, bounds)
        whole = "\n".join(node.traceback)
        if (kept := shorten(whole, bounds)) != whole:
            node.traceback = kept.split("\n")
    elif (size := _size(node)) > bounds.output_bytes:
        _replace(node, size, f"one output may have {bounds.output_bytes:,}")


def _replace(node: NotebookNode, size: int, why: str) -> None:
    kinds = ", ".join(node.data)
    said = f"… an output of {size:,} bytes ({kinds}) dropped here: {why} …"
    node.data, node.metadata = NotebookNode({"text/plain": said}), NotebookNode()


def _size(node: NotebookNode) -> int:
    """Count the bytes of a display or an error, about as the file has them."""
    if node.output_type == "error":
        return sum(_bytes(line) for line in (node.evalue, *node.traceback))
    return sum(_bytes(value) for value in (*node.data.values(), *node.metadata.values()))


def _bytes(value: Any) -> int:
    if not isinstance(value, str):
        value = json.dumps(value, default=str)
    return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
