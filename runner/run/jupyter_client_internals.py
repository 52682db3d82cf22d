"""Use of jupyter_client what its documentation does not promise; nobody else here does.

Tried on 8.6.2 to 8.10; `tests/contract/test_jupyter_client_internals.py` names what is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import zmq
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

if TYPE_CHECKING:
    from jupyter_client.manager import KernelManager


def put_process(manager: KernelManager, process: Any) -> None:
    """Give a manager a process that it has not started, in the place of a ``Popen``."""
    manager.provisioner = LocalProvisioner(parent=manager, kernel_spec=manager.kernel_spec)
    manager.provisioner.process = process


def process_of(manager: KernelManager) -> Any:
    """Give the process of a manager that has started one."""
    return manager.provisioner.process  # type: ignore[union-attr]  # set by the start


def widen(channel: Any, messages: int) -> None:
    """Let this many messages wait on our side of a channel."""
    channel.socket.setsockopt(zmq.RCVHWM, messages)


def notice_arrivals(channel: Any) -> None:
    """Have the asyncio side of a channel's socket look whether something has arrived.

    jupyter_client sends past that side. ZeroMQ takes note of what has arrived as it sends, and
    tells nobody again: so an answer that came just before would be seen only with the 500th
    question, after 50 s. Whoever asks for the socket's events has the asyncio side look.
    """
    channel.socket.get(zmq.EVENTS)


async def has_message(channel: Any, seconds: float) -> bool:
    """Wait until a message can be read from a channel, or the time is over."""
    return bool(await channel.socket.poll(int(seconds * 1000)))


def received(channel: Any, most: int) -> Iterator[dict[str, Any]]:
    """Give the messages that have arrived on a channel already, up to some number."""
    socket: zmq.Socket[bytes] = zmq.Socket.shadow(channel.socket)
    for _ in range(most):
        try:
            parts = socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return
        _, parts = channel.session.feed_identities(parts)
        yield channel.session.deserialize(parts)


def heartbeat(context: zmq.Context[Any], connection: dict[str, Any]) -> zmq.Socket[bytes]:
    """Open our end of a kernel's heartbeat channel.

    Args:
        context: Of our sockets.
        connection: How the kernel is reached, as Jupyter's connection file says.
    """
    between = "-" if connection["transport"] == "ipc" else ":"
    address = f"{connection['ip']}{between}{connection['hb_port']}"
    socket: zmq.Socket[bytes] = context.socket(zmq.REQ)
    socket.linger = 0
    socket.connect(f"{connection['transport']}://{address}")
    return socket


def sender_and_number(message: dict[str, Any]) -> tuple[str, int]:
    """Split a message's id, ``<session>_<pid>_<number>``; other kernels have other ids."""
    sender, _, number = str(message["header"].get("msg_id", "")).rpartition("_")
    return (sender, int(number)) if number.isdecimal() else ("", 0)
