"""Ask a service without a pause, by several clients, each on a connection that it keeps."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import http.client
import itertools
import time
from collections.abc import Mapping, Sequence

from runner.rehearsal.cases import Case

_SECONDS = 30.0  # that an answer may take


@dataclasses.dataclass(kw_only=True)
class Answers:
    """Hold how long answers took, and how many were none.

    Attributes:
        latencies: Seconds, of each that was no failure.
        failed: How many others there were.
        last_fault: What one of these said.
    """

    latencies: list[float] = dataclasses.field(default_factory=list)
    failed: int = 0
    last_fault: str = ""

    def add(self, other: Answers) -> None:
        """Take another client's."""
        self.latencies += other.latencies
        self.failed += other.failed
        self.last_fault = other.last_fault or self.last_fault


def ask(
    port: int,
    cases: Sequence[Case],
    headers: Mapping[str, str],
    *,
    concurrency: int,
    seconds: float,
) -> Answers:
    """Ask for some time, and give all answers.

    Args:
        port: On which the service is, on this machine.
        cases: What is asked, one after another, over and over.
        headers: Sent with each.
        concurrency: Clients at a time.
        seconds: For how long.
    """
    until = time.monotonic() + seconds
    found = Answers()
    with concurrent.futures.ThreadPoolExecutor(concurrency) as pool:
        clients = [
            pool.submit(_client, port, cases, headers, until, first) for first in range(concurrency)
        ]
        for each in clients:
            found.add(each.result())
    return found


def _client(
    port: int, cases: Sequence[Case], headers: Mapping[str, str], until: float, first: int
) -> Answers:
    found = Answers()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    for case in itertools.islice(itertools.cycle(cases), first % len(cases), None):
        if (begun := time.monotonic()) >= until:
            break
        if fault := _fault(connection, case, headers):
            found.failed, found.last_fault = found.failed + 1, fault
            connection.close()
        else:
            found.latencies.append(time.monotonic() - begun)
    connection.close()
    return found


def _fault(connection: http.client.HTTPConnection, case: Case, headers: Mapping[str, str]) -> str:
    """Ask once; say what is wrong with the answer."""
    target = f"{case.path}?{case.query}" if case.query else case.path
    try:
        connection.request(
            case.method, target, case.body or None, {**dict(case.headers), **headers}
        )
        answer = connection.getresponse()
        said = answer.read()
    except (OSError, http.client.HTTPException) as error:
        return f"{case.said}: {type(error).__name__}: {error}"
    expected = case.status
    if answer.status != expected if expected else answer.status >= 400:
        return f"{case.said}: {answer.status} {said[:200].decode(errors='replace')}"
    return ""
