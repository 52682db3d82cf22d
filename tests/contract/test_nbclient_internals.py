"""What we use of nbclient that its documentation does not promise."""

from __future__ import annotations

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionComplete
from support.insides import require, require_in_source, require_order


def test_nbclient_has_the_methods_that_we_replace() -> None:
    """`CellClient` takes the messages of a cell in place of these, with the same arguments."""
    require(NotebookClient, "_async_poll_output_msg", "_update_display_id", "process_message")
    require_order(
        NotebookClient._async_poll_output_msg, "self", "parent_msg_id", "cell", "cell_index"
    )
    require_order(NotebookClient._update_display_id, "self", "display_id", "msg")
    require_order(NotebookClient.process_message, "self", "msg", "cell", "cell_index")
    require_order(NotebookClient.output, "self", "outs", "msg", "display_id", "cell_index")
    require_order(NotebookClient.clear_output, "self", "outs", "msg", "cell_index")
    require_order(NotebookClient.async_execute_cell, "self", "cell", "cell_index")


def test_nbclient_still_calls_them() -> None:
    """A method of another name would be called in their place, and ours never."""
    called = set(NotebookClient.async_execute_cell.__code__.co_names)
    assert "_async_poll_output_msg" in called, "async_execute_cell polls by another method"
    assert {"process_message"} <= set(NotebookClient._async_poll_output_msg.__code__.co_names)
    assert {"output", "clear_output", "_update_display_id"} <= set(
        NotebookClient.process_message.__code__.co_names
    )


def test_nbclient_has_the_state_that_we_read() -> None:
    """Which outputs a widget takes, and that the last message of a cell ends the polling."""
    made = NotebookClient(nb=None, km=None)
    require(made, "output_hook_stack", "kc", "km")
    require_in_source(NotebookClient, "self.clear_before_next_output")
    require(made, "on_cell_execute", "on_cell_complete", "on_cell_executed", "record_timing")
    assert issubclass(CellExecutionComplete, Exception)


def test_nbclient_notes_the_reply_under_the_name_that_we_wait_for() -> None:
    """After ``shell.execute_reply`` a quiet output channel means that the rest is lost."""
    require_in_source(NotebookClient, '"shell.execute_reply"')
