"""Hold the request that an app must answer before it is called ready."""

from __future__ import annotations

import dataclasses
from typing import Any

from runner.http.asking import ask
from runner.rehearsal.answer import Answer, said_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class Example:
    """Describe a request and judge its answer.

    Attributes:
        body: What is sent.
        path: Where to.
        method: How.
        content_type: What it is.
        name: What answers it.
        is_made: It was made of a schema: to be refused, as for what it asks, is an answer too.
    """

    body: bytes
    path: str = "/"
    method: str = "POST"
    content_type: str = "application/json"
    name: str = "the app"
    is_made: bool = False
    query = ""

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Give the request's headers."""
        return (("content-type", self.content_type),)

    def check(self, answer: Answer) -> None:
        """Accept an answer.

        Raises:
            RuntimeError: It is no success; the message says why.
        """
        if answer.late_after is not None:
            raise RuntimeError(f"the example was not answered within {answer.late_after:g} s")
        if answer.error is not None:
            raise RuntimeError(self._failure(answer.error)) from answer.error
        if not 200 <= answer.status < (500 if self.is_made else 400):
            said = answer.body[:200].decode(errors="replace")
            raise RuntimeError(f"the example was answered with {answer.status}: {said}")

    def _failure(self, error: BaseException) -> str:
        made, mend = "", ""
        if self.is_made:
            made = ", which was made of what it takes"
            mend = "; give a request that it answers: serve(…, example=…)"
        asked = self.body.decode(errors="replace")
        return f"{self.name} failed at its example {asked:.200}{made}: {said_of(error)}{mend}"


async def try_example(
    app: Any, example: Example, state: dict[str, Any], scheme: str = "http", within: float = 30.0
) -> None:
    """Ask an app for its example.

    Raises:
        RuntimeError: It did not answer it well.
    """
    answer = await ask(app, example, state, within=within, takes_all=False, scheme=scheme)
    example.check(answer)
