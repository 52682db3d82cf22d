"""Hold what a cell has put out, within bounds, however much that was.

The rules of this file:

1. Outputs stand in the order in which they came until a bound is reached. From then on
   each stream goes on in one output of its own, and displays follow after all.
2. Each stream of a cell keeps its first and last lines; so do the displays, as a whole.
3. An error is never dropped for a display; a long one loses its middle.
4. The notebook's outputs are brought up to date by ``update_cell``, not by every message.
"""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Callable
from typing import Any, cast

from nbformat import NotebookNode
from nbformat.v4 import new_output

from runner.record.excerpt import Excerpt, ExcerptBounds, dropped_notice, shorten


@dataclasses.dataclass(kw_only=True, eq=False)
class KeptOutput:
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
class _StreamOutput:
    """Be one output of a stream; ``is_fresh`` when its text is not in the node yet."""

    node: NotebookNode
    excerpt: Excerpt
    is_fresh: bool = False


class Outputs:
    """Collect the outputs of one cell.

    Args:
        cell: Gets them, by ``update_cell``.
        bounds: What is kept.
        on_drop: Hears of each display that is no longer kept.
    """

    def __init__(
        self,
        cell: NotebookNode,
        bounds: ExcerptBounds,
        on_drop: Callable[[KeptOutput], None] = lambda _: None,
    ) -> None:
        self._cell, self._bounds, self._on_drop = cell, bounds, on_drop
        self._begin()

    def _begin(self) -> None:
        self._first: list[KeptOutput | _StreamOutput] = []
        self._last: collections.deque[KeptOutput] = collections.deque()
        self._sizes = {True: 0, False: 0}  # of the displays of either half, by ``is_first``
        self._streams: dict[str, _StreamOutput] = {}
        self._is_in_order = True
        self._dropped, self._dropped_size = 0, 0

    def write(self, name: str, text: str) -> None:
        """Add to a stream."""
        stream = self._streams.get(name)
        if stream is None:
            stream = self._new_stream_output(name, Excerpt.within(self._bounds))
        elif self._is_in_order and stream is not self._first[-1]:
            lines, size = stream.excerpt.room()
            if lines > 0 and size > 0:
                _update_node(stream)
                stream = self._new_stream_output(name, Excerpt(lines, size, self._bounds))
        stream.excerpt.write(text)
        stream.is_fresh = True

    def add(self, node: NotebookNode, display_id: str = "") -> KeptOutput:
        """Add a display, a result or an error."""
        _shorten(node, self._bounds)
        output = KeptOutput(node=node, size=_size(node), owner=self, display_id=display_id)
        if self._is_in_order and self._has_room_for(output):
            self._first.append(output)
        else:
            self._is_in_order = output.is_first = False
            self._last.append(output)
        self._sizes[output.is_first] += output.size
        self._drop_beyond()
        return output

    def update(self, output: KeptOutput, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        """Change what a display shows."""
        output.node.data, output.node.metadata = data, metadata
        _shorten(output.node, self._bounds)
        others = self._sizes[output.is_first] - output.size
        output.size = _size(output.node)
        if output.is_first and others + output.size > self._bounds.outputs_bytes:
            _replace(output.node, output.size, "there is no room for it beside the others")
            output.size = _size(output.node)
        self._sizes[output.is_first] = others + output.size
        self._drop_beyond()

    def clear(self) -> None:
        """Forget everything, as the notebook asked."""
        for output in (*self._first, *self._last):
            if isinstance(output, KeptOutput):
                self._on_drop(output)
        self._begin()

    def update_cell(self) -> None:
        """Bring the cell up to date."""
        for stream in self._streams.values():
            if stream.is_fresh:
                _update_node(stream)
        missing = [self._note()] if self._dropped else []
        kept = [*self._first, *self._last]
        at = len(self._first)
        nodes = [output.node for output in kept]
        self._cell.outputs = [*nodes[:at], *missing, *nodes[at:]]

    def _new_stream_output(self, name: str, excerpt: Excerpt) -> _StreamOutput:
        stream = _StreamOutput(node=new_output("stream", name=name, text=""), excerpt=excerpt)
        self._first.append(stream)
        self._streams[name] = stream
        return stream

    def _has_room_for(self, output: KeptOutput) -> bool:
        number = sum(isinstance(output, KeptOutput) for output in self._first)
        is_small = self._sizes[True] + output.size <= self._bounds.outputs_bytes
        return number < self._bounds.outputs and is_small

    def _drop_beyond(self) -> None:
        """Drop the oldest displays of the last half that are beyond its bounds."""
        while len(self._last) > self._bounds.outputs or (
            len(self._last) > 1 and self._sizes[False] > self._bounds.outputs_bytes
        ):
            displays = (output for output in self._last if output.node.output_type != "error")
            output = next(displays, self._last[0])
            self._last.remove(output)
            self._sizes[False] -= output.size
            self._dropped += 1
            self._dropped_size += output.size
            self._on_drop(output)

    def _note(self) -> NotebookNode:
        note = dropped_notice(self._dropped, "output", self._dropped_size)
        return cast("NotebookNode", new_output("display_data", data={"text/plain": note}))


def _update_node(stream: _StreamOutput) -> None:
    stream.node.text = stream.excerpt.text()
    stream.is_fresh = False


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
    note = f"… an output of {size:,} bytes ({kinds}) dropped here: {why} …"
    node.data, node.metadata = NotebookNode({"text/plain": note}), NotebookNode()


def _size(node: NotebookNode) -> int:
    """Count the bytes of a display or an error, about as the file has them."""
    if node.output_type == "error":
        return sum(_bytes(line) for line in (node.evalue, *node.traceback))
    return sum(_bytes(value) for value in (*node.data.values(), *node.metadata.values()))


def _bytes(value: Any) -> int:
    if not isinstance(value, str):
        value = json.dumps(value, default=str)
    return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
