"""Send spoilt requests on kept-alive connections, several at once, and judge the answers."""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
import socket
from collections import Counter
from collections.abc import Sequence
from typing import Any, BinaryIO

from mutations import Spoilt, spoil

AT_ONCE = 16  # requests that are sent before an answer is read: they meet in one batch


@dataclasses.dataclass(kw_only=True)
class Account:
    """Count the answers.

    Attributes:
        statuses: By kind and status.
        faults: What is wrong with answers, once for each kind of fault, with the request.
        closed: How often the server closed a connection that it had not said it would.
    """

    statuses: Counter[tuple[str, int]] = dataclasses.field(default_factory=Counter)
    faults: dict[str, str] = dataclasses.field(default_factory=dict)
    closed: int = 0

    def by_status(self) -> dict[int, int]:
        """Count the answers of each status."""
        total: Counter[int] = Counter()
        for (_, status), count in self.statuses.items():
            total[status] += count
        return dict(sorted(total.items()))

    def judge(self, sent: Spoilt, status: int, headers: dict[str, str], content: bytes) -> None:
        """Note an answer, and what is wrong with it."""
        self.statuses[sent.kind, status] += 1
        fault = _fault(sent, status, headers, content)
        if fault:
            self.faults.setdefault(
                f"{sent.kind}: {fault}", f"{sent.body[:200]!r} {content[:200]!r}"
            )


@dataclasses.dataclass(kw_only=True)
class Connection:
    """Keep a connection, and open another when it is over."""

    port: int
    account: Account
    chance: random.Random
    file: BinaryIO | None = None
    socket: socket.socket | None = None

    def ask(self, path: str, requests: Sequence[Spoilt]) -> None:
        """Send all at once, and read the answers; those after a close are sent again."""
        left = list(requests)
        while left:
            file = self._opened()
            try:
                assert self.socket is not None
                self.socket.sendall(b"".join(frame(path, sent, self.chance) for sent in left))
                while left:
                    status, headers, content = read_answer(file)
                    self.account.judge(left.pop(0), status, headers, content)
                    if headers.get("connection") == "close":
                        self.close()
                        break
            except (OSError, EOFError) as error:
                self.close()
                self.account.closed += 1
                sent = left.pop(0)
                self.account.faults.setdefault(
                    f"{sent.kind}: {type(error).__name__} in place of an answer",
                    repr(sent.body[:200]),
                )

    def close(self) -> None:
        """Close it."""
        if self.file and self.socket:
            self.file.close()
            self.socket.close()
        self.file = self.socket = None

    def _opened(self) -> BinaryIO:
        if self.file is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=20)
            self.file = self.socket.makefile("rb")
        return self.file


def fuzz(port: int, path: str, example: dict[str, Any], count: int, seed: int) -> Account:
    """Send so many spoilt requests."""
    account = Account()
    connection = Connection(port=port, account=account, chance=random.Random(seed))
    requests = itertools.islice(spoil(example, seed), count)
    while batch := list(itertools.islice(requests, connection.chance.choice([1, 1, AT_ONCE]))):
        connection.ask(path, batch)
    connection.close()
    return account


def frame(path: str, sent: Spoilt, chance: random.Random) -> bytes:
    """Write a request, now and then with a chunked body, which takes the ordinary way."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Type: {sent.content_type}"]
    if sent.encoding:
        lines.append(f"Content-Encoding: {sent.encoding}")
    if sent.body and chance.random() < 0.1:
        lines.append("Transfer-Encoding: chunked")
        middle = chance.randint(1, len(sent.body))
        chunks = [chunk for chunk in (sent.body[:middle], sent.body[middle:]) if chunk]
        body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    else:
        lines.append(f"Content-Length: {len(sent.body)}")
        body = sent.body
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def read_answer(file: BinaryIO) -> tuple[int, dict[str, str], bytes]:
    """Read the next answer of a connection.

    Raises:
        EOFError: There is none.
    """
    start = file.readline()
    if not start:
        raise EOFError
    headers = {}
    while line := file.readline().strip().decode("latin-1"):
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return int(start.split()[1]), headers, file.read(int(headers.get("content-length", 0)))


def _fault(sent: Spoilt, status: int, headers: dict[str, str], content: bytes) -> str:
    if status >= 500 or (sent.expected and status not in sent.expected):
        return f"answered {status}, expected {sent.expected or 'less than 500'}"
    try:
        lines = content.splitlines() if "json" in headers.get("content-type", "") else []
        values = [json.loads(line, parse_constant=_refuse) for line in lines]
    except ValueError:
        return f"answered {status} with what is no JSON"
    if status >= 400:
        if headers.get("content-type") != "application/problem+json":
            return f"answered {status} as {headers.get('content-type')}"
        if values[0].get("status") != status:
            return f"answered {status}, but the problem says {values[0].get('status')}"
    return ""


def _refuse(name: str) -> Any:
    raise ValueError(name)
