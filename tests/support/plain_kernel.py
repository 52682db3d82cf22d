"""Be a kernel of another language that knows Jupyter's protocol and nothing of IPython's.

    python plain_kernel.py CONNECTION_FILE [LANGUAGE_INFO]

It refuses any other option, and any way to speak but TCP. The language's statements are Python's;
``send(kind, content)`` sends whatever the cell likes. It never hears SIGINT: an
``interrupt_request`` on the control channel raises KeyboardInterrupt in the cell.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import zmq
from jupyter_client.session import Session


def main() -> None:
    """Answer until a shutdown is asked for."""
    file, info = sys.argv[1], json.loads(sys.argv[2]) if sys.argv[2:] else {"name": "plain"}
    if len(sys.argv) > 3:
        sys.exit(f"unknown option: {sys.argv[3]}")
    place = json.loads(Path(file).read_text())
    if place["transport"] != "tcp":
        sys.exit(f"no such transport: {place['transport']}")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.default_int_handler)
    PlainKernel(place, info).serve()


class PlainKernel:
    """Hold the sockets; they are used by one thread each."""

    def __init__(self, place: dict[str, Any], info: Any) -> None:
        self._info = {"status": "ok", "protocol_version": "5.3", "language_info": info}
        self._session = Session(key=place["key"].encode())
        # As other languages do: any string can be sent, also one that UTF-8 cannot hold.
        self._session.pack = lambda content: json.dumps(content, default=str).encode()
        context = zmq.Context()
        self._shell, self._control = (context.socket(zmq.ROUTER) for _ in range(2))
        self._iopub = context.socket(zmq.PUB)
        for channel, port in (
            (self._shell, "shell_port"),
            (self._control, "control_port"),
            (self._iopub, "iopub_port"),
        ):
            channel.bind(f"tcp://{place['ip']}:{place[port]}")
        self._names: dict[str, Any] = {}
        self._count = 0

    def serve(self) -> None:
        """Take requests."""
        threading.Thread(target=self._listen_to_control, daemon=True).start()
        while True:
            self._answer(*self._session.recv(self._shell, mode=0))

    def _answer(self, ident: Any, request: Any) -> None:
        kind = request["header"]["msg_type"]
        self._publish(request, "status", {"execution_state": "busy"})
        reply = self._info
        if kind == "execute_request":
            reply = self._execute(request)
        elif kind != "kernel_info_request":
            return
        self._session.send(
            self._shell, kind.replace("request", "reply"), reply, parent=request, ident=ident
        )
        self._publish(request, "status", {"execution_state": "idle"})

    def _execute(self, request: Any) -> dict[str, Any]:
        self._count += 1
        self._names["send"] = lambda kind, content: self._publish(request, kind, content)
        try:
            exec(request["content"]["code"], self._names)
        except (ArithmeticError, KeyboardInterrupt) as error:
            return {"status": "error", "ename": type(error).__name__, "evalue": str(error)}
        return {"status": "ok", "execution_count": self._count}

    def _publish(self, request: Any, kind: str, content: Any) -> None:
        self._session.send(self._iopub, kind, content, parent=request)

    def _listen_to_control(self) -> None:
        while True:
            _, request = self._session.recv(self._control, mode=0)
            match request["header"]["msg_type"]:
                case "interrupt_request":
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
                case "shutdown_request":
                    signal.raise_signal(signal.SIGKILL)


if __name__ == "__main__":
    main()
