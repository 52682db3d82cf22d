"""Write the requests of a load: varied as those of real clients behind a proxy, or one for ever."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Iterator
from pathlib import Path
from random import Random

from recipes import FLOWERS, Recipe

DISTINCT = 8192  # varied requests, in a cycle: more than a server would remember
# The least and the most of each column of the data.
RANGES = ((4.3, 7.9), (2.0, 4.4), (1.0, 6.9), (0.1, 2.5))
# Clients, and what each says that it accepts.
AGENTS = {
    "python-requests/2.32.5": "*/*",
    "python-httpx/0.28.1": "*/*",
    "curl/8.14.1": "*/*",
    "Go-http-client/1.1": "application/json",
    "okhttp/5.1.0": "application/json",
    "Java-http-client/21.0.8": "application/json",
    "axios/1.11.0": "application/json, text/plain, */*",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/139.0.0.0 Safari/537.36": "*/*",
}


class Traffic(enum.StrEnum):
    """Whether the requests of a load differ."""

    VARIED = "varied"
    SAME = "same bytes"


def write(path: Path, recipe: Recipe, host: str, traffic: Traffic) -> None:
    """Write whole requests, each after a line with its length, as post.lua reads them."""
    found = varied(recipe, host) if traffic is Traffic.VARIED else [same(recipe, host)]
    path.write_bytes(b"".join(b"%d\n%b" % (len(request), request) for request in found))


def same(recipe: Recipe, host: str) -> bytes:
    """Give the request that wrk makes of a body: the least that a client can send."""
    body = recipe.content(list(FLOWERS)[-1])
    head = {"Host": host, "Content-Type": "application/json", "Content-Length": str(len(body))}
    return _request(recipe, head, body)


def varied(recipe: Recipe, host: str) -> Iterator[bytes]:
    """Give requests that differ in their rows and in what tracing clients and proxies add.

    They are the same ones for every server, but for the form of the body.
    """
    random = Random(0)
    for number in range(DISTINCT):
        row = tuple(round(random.uniform(*ends), random.randint(1, 3)) for ends in RANGES)
        body = recipe.content(row)
        through = _through_envoy if number % 2 else _through_nginx
        yield _request(recipe, through(random, host, len(body)), body)


def _through_nginx(random: Random, host: str, length: int) -> dict[str, str]:
    """Give what nginx passes on: its own fields first, then the client's as they came."""
    address = _address(random)
    agent, accept = random.choice(list(AGENTS.items()))
    return {
        "Host": host,
        "X-Real-IP": address,
        "X-Forwarded-For": address,
        "X-Forwarded-Proto": "https",
        "X-Request-ID": f"{random.getrandbits(128):032x}",
        "Content-Length": str(length),
        "User-Agent": agent,
        "Accept": accept,
        "Accept-Encoding": "gzip, deflate",
        "Content-Type": "application/json",
        "traceparent": _traceparent(random),
    }


def _through_envoy(random: Random, host: str, length: int) -> dict[str, str]:
    """Give what Envoy passes on: every name in lower case, its own fields last."""
    agent, accept = random.choice(list(AGENTS.items()))
    return {
        "host": host,
        "user-agent": agent,
        "accept": accept,
        "accept-encoding": "gzip, deflate",
        "content-type": "application/json",
        "content-length": str(length),
        "traceparent": _traceparent(random),
        "x-forwarded-for": f"{_address(random)},10.0.{random.randrange(256)}.1",
        "x-forwarded-proto": "https",
        "x-request-id": str(uuid.UUID(int=random.getrandbits(128), version=4)),
        "x-envoy-expected-rq-timeout-ms": "15000",
    }


def _address(random: Random) -> str:
    return ".".join(str(random.randrange(1, 255)) for _ in range(4))


def _traceparent(random: Random) -> str:
    """Give a field of W3C Trace Context, version 00."""
    return f"00-{random.getrandbits(128):032x}-{random.getrandbits(64):016x}-01"


def _request(recipe: Recipe, head: dict[str, str], body: bytes) -> bytes:
    lines = [f"POST {recipe.path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
