"""Carry what a kernel's forked children print by a Unix socket, where ipykernel binds a TCP port.

ipykernel opens a port on 127.0.0.1 in every kernel, whatever transport it was asked for: processes
forked from a cell send by it what they print. Any user of the machine can connect to it. Here it
is a socket beside the kernel's own, in a folder that only our user may enter.

A forked kernel imports this. A launched one reads it as a file of IPython's configuration, which
is before it opens any socket; that may be in another environment, so nothing of ours is imported.
Tried on ipykernel 6.30 to 7.4; `tests/contract` names what is gone.
"""

from __future__ import annotations

import os
from typing import Any

import zmq
from ipykernel import iostream, kernelapp
from zmq.eventloop.zmqstream import ZMQStream


class OutputThread(iostream.IOPubThread):
    """Send a kernel's output, and listen to its children where it sends."""

    def _setup_pipe_in(self) -> None:
        output = self.socket.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()
        self._place = f"{output.rpartition('/')[0]}/pipe" if output.startswith("ipc://") else ""
        if not self._place:
            super()._setup_pipe_in()  # type: ignore[no-untyped-call]  # it has no types
            return
        self._pipe_uuid = os.urandom(16)
        pipe: zmq.Socket[bytes] = self.socket.context.socket(zmq.PULL)
        pipe.linger = 0
        pipe.bind(self._place)
        self._pipe_in = ZMQStream(pipe, self.io_loop)
        self._pipe_in.on_recv(self._handle_pipe_msg)

    def _setup_pipe_out(self) -> tuple[zmq.Context[Any], zmq.Socket[bytes]]:
        if not self._place:
            return super()._setup_pipe_out()  # type: ignore[no-any-return,no-untyped-call]  # nor this
        context: zmq.Context[Any] = zmq.Context()
        pipe = context.socket(zmq.PUSH)
        pipe.linger = 3000  # milliseconds, ipykernel's own
        pipe.connect(self._place)
        return context, pipe


def use() -> None:
    """Have the kernel that is launched in this process send its output so."""
    kernelapp.IOPubThread = OutputThread  # type: ignore[attr-defined]  # it is no public name


if "get_config" in globals():  # it is read as configuration
    use()
