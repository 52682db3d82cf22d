"""What we use of ipykernel that its documentation does not promise."""

from __future__ import annotations

import ipykernel.ipkernel
from ipykernel.control import ControlThread
from ipykernel.iostream import IOPubThread, OutStream
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from support.insides import require, require_in_source


def test_a_forked_kernel_can_replace_how_the_app_begins() -> None:
    """The command line is not parsed, and the debugger sees few modules."""
    require(IPKernelApp, "parse_command_line", "init_kernel", "launch_instance", "update_config")
    require(IPKernelApp, "connection_file", "parent_handle")
    require(ipykernel.ipkernel, "sys")


def test_the_output_channel_can_be_widened() -> None:
    """Its socket is set by its own thread."""
    require(IOPubThread, "schedule")
    require_in_source(IOPubThread.__init__, "self.socket")


def test_the_pipe_of_forked_children_can_be_moved() -> None:
    """It is bound and connected in two methods, and its messages carry what a child inherits."""
    require(IOPubThread, "_setup_pipe_in", "_setup_pipe_out", "_handle_pipe_msg")
    require_in_source(IOPubThread, "self.io_loop", "self._pipe_uuid", "[self._pipe_uuid, *msg]")
    require_in_source(IOPubThread._really_send, "ctx, pipe_out = self._setup_pipe_out()")
    require_in_source(IPKernelApp.init_iopub, "= IOPubThread(self.iopub_socket, pipe=True")


def test_the_control_thread_can_be_ended_first() -> None:
    """A kernel that is asked to end must not wait for itself."""
    require(ControlThread, "stop", "join", "is_alive")


def test_the_kernels_real_stderr_is_kept() -> None:
    """Workers log past ipykernel's own stream."""
    require_in_source(OutStream, "self._original_stdstream_copy")


def test_a_stream_can_be_written_to_another_place() -> None:
    """What a worker prints is diverted by replacing ``write`` and ``flush`` of the stream."""
    require(OutStream, "write", "flush")
    assert not hasattr(OutStream, "__slots__")


def test_a_kernel_shows_its_threads() -> None:
    """They are reached from a cell by ``get_ipython().kernel``."""
    require(IPythonKernel, "iopub_thread", "control_thread", "shell")
