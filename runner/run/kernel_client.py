"""Talk to a kernel for one notebook: take all that a cell puts out, and keep what is bounded.

The rules of this file:

1. Messages are taken in batches: nbclient's one at a time is too slow for a cell that
   flushes every line, and what is not taken in time the channel drops.
2. After the reply, output is awaited as long as it still comes. What did not come is
   said in the cell, if the kernel says that it was sent: a gap in the numbers alone is no proof.
3. What nbclient does not promise is used here and nowhere else: the methods that are replaced,
   and ``shell.execute_reply``. Tried on 0.10.2 to 0.11; see
   `tests/contract/test_nbclient_internals.py`.
4. The record has the masked source of a cell with secrets; the kernel gets the true one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete
from nbformat import NotebookNode
from nbformat.v4 import output_from_msg

from runner.record import notebook_format
from runner.record.excerpt import ExcerptBounds
from runner.record.outputs import KeptOutput, Outputs
from runner.record.record import Record
from runner.run import jupyter_client_internals, kernel_setup
from runner.run.kernel import Kernel
from runner.run.lost_messages import MessageCounter

log = logging.getLogger(__name__)

_BATCH = 200
# Seconds without a message, after the reply, in which a cell's last one is given up; twice.
_QUIET = 2.0
# Seconds that a message of another thread may arrive after a cell's last one.
_SECONDS_FOR_LATE_ONES = 0.05
_FOREVER = 10**9


class CellClient(NotebookClient):
    """Execute cells one by one, noting in the record whatever arrives.

    Args:
        record: The record.
        kernel: Connected.
        echo: Gets every output as it arrives, whole.
        sources: True sources of masked cells, by the cells' ids.
        bounds: What is kept of a cell's outputs.

    Attributes:
        has_exited: A cell has called IPython's `exit` or `quit`: its kernel is about to end.
    """

    def __init__(
        self,
        record: Record,
        kernel: Kernel,
        echo: Callable[[NotebookNode], None],
        *,
        sources: Mapping[str, str] | None = None,
        bounds: ExcerptBounds | None = None,
    ) -> None:
        super().__init__(record.nb, km=kernel.manager, timeout=None, iopub_timeout=_FOREVER)
        self.kc = kernel.client
        self.kc.allow_stdin = False
        self._record = record
        self._echo = echo
        self._sources = dict(sources or {})
        self._bounds = bounds or ExcerptBounds()
        self._outputs: Outputs | None = None
        self._displays: dict[str, list[KeptOutput]] = {}
        self._kernel = kernel
        self.has_exited = False
        self._message_counter = MessageCounter()
        self._arrived = 0
        self.clear_before_next_output = False
        # nbclient calls the first just before it sends a cell, the second just after.
        self.on_cell_execute = self._unmask
        self.on_cell_complete = self._mask
        self.on_cell_executed = self._take_reply
        record.before_save = self.show

    async def async_execute_cell(self, cell: NotebookNode, *args: Any, **options: Any) -> Any:
        """Execute one cell; its outputs are complete whichever way it ends."""
        self._outputs = Outputs(cell, self._bounds, self._forget)
        try:
            return await super().async_execute_cell(cell, *args, **options)
        finally:
            self.show()
            self._outputs = None

    def _take_reply(self, execute_reply: Mapping[str, Any], **_: Any) -> None:
        self.show()
        payload = execute_reply["content"].get("payload") or ()
        self.has_exited = any(each.get("source") == "ask_exit" for each in payload)

    def show(self) -> None:
        """Bring the outputs of the running cell up to date in the notebook."""
        if self._outputs is not None:
            self._outputs.update_cell()

    def process_message(
        self, msg: dict[str, Any], cell: NotebookNode, cell_index: int
    ) -> NotebookNode | None:
        """Take one message of the running cell."""
        self._record.is_dirty = True
        notebook_format.mend_output(msg["content"], msg["msg_type"])
        output: NotebookNode | None
        if msg["msg_type"] == "stream" and not self._is_captured(msg):
            output = self._take_stream(msg)
        else:
            output = super().process_message(msg, cell, cell_index)
            # It may have told a widget, on the channel by which the cell's reply comes.
            jupyter_client_internals.notice_arrivals(self.kc.shell_channel)  # type: ignore[union-attr] # set at the start
        if output:
            self._echo(output)
        return output

    def output(
        self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str | None, cell_index: int
    ) -> NotebookNode | None:
        """Add a display, a result or an error."""
        if self._is_captured(msg):
            return super().output(outs, msg, display_id, cell_index)
        try:
            node = cast("NotebookNode", output_from_msg(msg))
        except ValueError:  # a kind of message that the format of notebooks does not know
            return None
        output = self._cleared().add(node, display_id or "")
        if display_id:
            self._displays.setdefault(display_id, []).append(output)
        return node

    def clear_output(self, outs: list[NotebookNode], msg: dict[str, Any], cell_index: int) -> None:
        """Forget the cell's outputs, now or when the next one comes."""
        if self._is_captured(msg):
            super().clear_output(outs, msg, cell_index)
            return
        self.clear_before_next_output = True
        if not msg["content"].get("wait"):
            self._cleared()

    def _update_display_id(self, display_id: str, msg: dict[str, Any]) -> None:
        """Change all displays of a name, in whichever cell they are, that are still kept."""
        content = msg["content"]
        for output in list(self._displays.get(display_id, [])):
            data = output_from_msg({"header": {"msg_type": "display_data"}, "content": content})
            output.owner.update(output, data.data, data.metadata)

    async def _async_poll_output_msg(
        self, parent_msg_id: str, cell: NotebookNode, cell_index: int
    ) -> None:
        """Take messages until the cell's last one, or until none comes any more."""
        assert self.kc is not None  # noqa: S101 - as nbclient has it; set at the start
        was_quiet = False
        while True:
            if not await jupyter_client_internals.has_message(self.kc.iopub_channel, _QUIET):
                if was_quiet and "shell.execute_reply" in cell.metadata.execution:
                    self._note("the kernel did not say that this cell's output is complete")
                    return
                was_quiet = "shell.execute_reply" in cell.metadata.execution
                continue
            was_quiet = False
            for message in self._received():
                try:
                    self._take_message(message, parent_msg_id, cell, cell_index)
                except CellExecutionComplete:
                    await self._check_missing(message, parent_msg_id, cell)
                    return
            await asyncio.sleep(0)  # others are waiting: the clock that saves, a signal

    def _take_message(
        self, message: dict[str, Any], parent_msg_id: str, cell: NotebookNode, cell_index: int
    ) -> None:
        if not self._count(message, parent_msg_id):
            return
        try:
            self.process_message(message, cell, cell_index)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            said = "the kernel sent a %s that Jupyter's protocol does not know: %r"
            log.warning(said, message["msg_type"], error)

    def _count(self, message: dict[str, Any], parent_msg_id: str) -> bool:
        """Count a message, and tell whether it belongs to the running cell."""
        is_mine = message["parent_header"].get("msg_id") == parent_msg_id
        if is_mine and message["content"].get("execution_state") == "busy":
            self._message_counter.begin(message)
            self._arrived = 0
        else:
            self._message_counter.note(message)
        self._arrived += is_mine
        return bool(is_mine)

    def _received(self) -> Iterator[dict[str, Any]]:
        """Give the messages that have arrived already, up to some number."""
        channel = self.kc.iopub_channel  # type: ignore[union-attr]  # see above
        return jupyter_client_internals.received(channel, _BATCH)

    async def _check_missing(
        self, last: dict[str, Any], parent_msg_id: str, cell: NotebookNode
    ) -> None:
        """Say how many messages of a cell were lost, if its last one's number lets one doubt."""
        if not self._message_counter.missing(last):
            return
        await asyncio.sleep(_SECONDS_FOR_LATE_ONES)
        self._count_late(parent_msg_id)
        if not self._message_counter.missing(last) or not await self._is_replied(cell):
            return
        sent = await kernel_setup.messages_sent(self._kernel, parent_msg_id)
        self._count_late(parent_msg_id)
        if (lost := sent - self._arrived) > 0:
            self._note(f"messages of this cell that were lost: {lost:,}; it wrote too fast")

    def _count_late(self, parent_msg_id: str) -> None:
        for message in self._received():
            self._count(message, parent_msg_id)

    async def _is_replied(self, cell: NotebookNode) -> bool:
        """Wait until nobody waits for the cell's reply any more; it does not go by this channel."""
        for _ in range(int(_QUIET / _SECONDS_FOR_LATE_ONES)):
            if "shell.execute_reply" in cell.metadata.execution:
                return True
            await asyncio.sleep(_SECONDS_FOR_LATE_ONES)
        return False

    def _note(self, text: str) -> None:
        self._record.is_dirty = True
        if self._outputs is not None:
            self._outputs.write("stderr", f"… {text} …\n")

    def _take_stream(self, msg: dict[str, Any]) -> NotebookNode:
        name, text = msg["content"]["name"], msg["content"]["text"]
        self._cleared().write(name, text)
        # nbformat's ``new_output`` would check it against the schema, for 0.2 ms a message.
        return NotebookNode(output_type="stream", name=name, text=text)

    def _cleared(self) -> Outputs:
        """Give the running cell's outputs, after the clearing that it may have asked for."""
        assert self._outputs is not None  # noqa: S101 - messages come only while a cell runs
        if self.clear_before_next_output:
            self._outputs.clear()
            self.clear_before_next_output = False
        return self._outputs

    def _is_captured(self, msg: dict[str, Any]) -> bool:
        """Tell whether the notebook has an output widget take what the message brings."""
        return bool(self.output_hook_stack.get(msg["parent_header"].get("msg_id")))

    def _forget(self, output: KeptOutput) -> None:
        alike = self._displays.get(output.display_id, [])
        if output in alike:
            alike.remove(output)
        if not alike:
            self._displays.pop(output.display_id, None)

    def _unmask(self, cell: NotebookNode, **_: Any) -> None:
        if true := self._sources.get(cell.get("id", "")):
            self._masked, cell.source = cell.source, true

    def _mask(self, cell: NotebookNode, **_: Any) -> None:
        if cell.get("id", "") in self._sources:
            cell.source = self._masked
