"""Tell the supervisor who serves, and what there is to look at and to ask."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import Any

from runner.http import app_protocol
from runner.http.example_request import Example
from runner.serving import model_versions
from runner.serving.supervisor_link import SupervisorLink
from runner.tls.server_tls import ServerTls

_LONGEST_EXAMPLE = 2_000  # bytes of a body that is shown


def greeted(
    control: SupervisorLink,
    kind: str,
    tls: ServerTls | None,
    notices: Sequence[str] = (),
    **facts: Any,
) -> list[socket.socket]:
    """Tell the supervisor who serves, and get its listeners."""
    said = [*model_versions.notices(), *notices]
    named = None if tls is None else tls.facts()
    control.send("hello", pid=os.getpid(), kind=kind, notices=said, tls=named, **facts)
    listeners = control.receive_listeners()
    if tls is not None:
        tls.relay_word = control.relay_word
        if tls.files is not None:
            tls.be_silent()  # the supervisor says it once for all
    return listeners


def offers_of(app: Any) -> dict[str, str]:
    """Say what there is to look at, for whoever has started the service.

    Returns:
        The paths of a ``page`` and of ``docs``, as far as they are known.
    """
    offers = dict(app_protocol.of(app).offers)
    if isinstance(docs := getattr(app, "docs_url", None), str):  # as FastAPI calls it
        offers["docs"] = docs
    return offers


def tell_example(control: SupervisorLink, examples: Sequence[Example]) -> None:
    """Say how to ask the service, by one example, for those who are to be shown that."""
    example = next((each for each in examples if len(each.body) <= _LONGEST_EXAMPLE), None)
    if example is not None:
        control.send(
            "example",
            method=example.method,
            path=example.path,
            content_type=example.content_type,
            body=example.body.decode(errors="replace"),
        )
