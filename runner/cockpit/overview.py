"""Show all services as cards."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from runner.cockpit import layout, subject
from runner.cockpit.run_summary import process_of
from runner.cockpit.run_values import text_of
from runner.cockpit.services import Answer, Service, Services, commit_of, facts_of
from runner.cockpit.state import State, Tone, state_of
from runner.record.curl import reachable
from runner.record.run_status import OPEN
from runner.supervise import service_state

_EVERY = 3.0
_TRAFFIC = ("per_second", "requests", "errors", "refused", "in_flight", "p50", "p99", "memory")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Card:
    """Be what is shown of a service.

    Attributes:
        service: Which.
        state: In words.
        notebook: Its path.
        since: When what serves began to, or what has ended began; ISO.
        version: The hash of the notebook that serves.
        commit: Of the author's.
        cause: Why it serves.
        url: Where it is reached; empty if nothing serves.
        traffic: What it was asked; empty if that is not known.
        notice: Why the newest version does not serve, or why one has ended.
        points: Of the last hour's traffic.
        as_of: When all that was so, if nobody here can say what is so now; ISO.
        is_elsewhere: Nobody here can ask it for anything.
    """

    service: Service
    state: State
    notebook: str
    since: Any = None
    version: str = ""
    commit: str = ""
    cause: str = ""
    url: str = ""
    traffic: dict[str, Any] = dataclasses.field(default_factory=dict)
    notice: str = ""
    points: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    as_of: Any = None
    is_elsewhere: bool = False


def routes() -> list[BaseRoute]:
    """Give the routes of this page."""
    return [Route("/", _overview)]


async def _overview(request: Request) -> Response:
    cockpit = subject.of(request)
    found = await cockpit.services.found()
    cards = await asyncio.gather(*(card_of(cockpit.services, each) for each in found))
    body = layout.fragment("overview.html", cards=cards, folder=cockpit.name)
    return layout.page(request, "Services", body, every=_EVERY)


async def card_of(services: Services, service: Service) -> Card:
    """Find out what is shown of a service."""
    answer, versions, history = await asyncio.gather(
        *(services.ask(service, question) for question in ("status", "versions", "history"))
    )
    if answer.said is None:
        return await asyncio.to_thread(_of_record, service, answer)
    card = await asyncio.to_thread(_of_status, service, answer, answer.said, versions)
    return dataclasses.replace(card, points=points_of(history))


def points_of(history: Answer) -> list[dict[str, Any]]:
    """Give the points of a supervisor's answer to ``history``."""
    points = (history.said or {}).get("points")
    given = points if isinstance(points, list) else []
    return [each for each in given if isinstance(each, dict)]


def _of_record(service: Service, answer: Answer) -> Card:
    facts = facts_of(service.out)
    state = state_of(answer, facts)
    # A stop has a reason, too, and is no failure.
    reason = text_of(facts.get("reason")) if state.tone is Tone.BAD else ""
    is_open = facts.get("status") in OPEN
    return Card(
        service=service,
        state=state,
        notebook=service.notebook,
        since=facts.get("ready") or facts.get("started"),
        version=_short(facts.get("notebook_sha256")),
        commit=_short(commit_of(facts)),
        notice=answer.reason or reason,
        traffic={} if answer.is_running else _traffic(facts.get("traffic")),
        as_of=facts.get("saved") if is_open and not answer.is_running else None,
        is_elsewhere=service.is_copy or not (answer.is_running or process_of(facts).is_of_here),
    )


def _of_status(service: Service, answer: Answer, status: dict[str, Any], versions: Answer) -> Card:
    run = status.get("serving") or status.get("candidate") or {}
    version = _serving(versions) or facts_of(service.folder / f"{run.get('run')}.ipynb")
    failure = service_state.state_of(status).failure
    return Card(
        service=service,
        state=state_of(answer, {}),
        notebook=service.notebook,
        since=run.get("since"),
        version=_short(version.get("sha256") or version.get("notebook_sha256")),
        commit=_short(version.get("commit") or commit_of(version)),
        cause=text_of(run.get("cause")),
        url=_address(status) if status.get("serving") else "",
        traffic=_traffic(status.get("traffic")),
        notice=failure.reason if failure else "",
    )


def _traffic(said: Any) -> dict[str, Any]:
    """Give all that a card shows of what a supervisor says: one of another release says less."""
    return {name: said.get(name) for name in _TRAFFIC} if isinstance(said, dict) and said else {}


def _serving(versions: Answer) -> dict[str, Any]:
    listed = (versions.said or {}).get("versions") or []
    found = (each for each in listed if isinstance(each, dict))
    return next((each for each in found if each.get("state") == "serving"), {})


def _address(status: dict[str, Any]) -> str:
    """Give where a browser reaches a service; empty if that is no address of the web."""
    url = text_of(status.get("url")) or f"http://{text_of(status.get('address'))}"
    return reachable(url) if url.startswith(("http://", "https://")) else ""


def _short(digest: Any) -> str:
    return text_of(digest)[:12]
