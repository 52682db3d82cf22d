"""Find what a service is to be asked: of a file, or its own example."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner.errors import ConfigurationError
from runner.rehearsal.cases import FILE_NAME, Case, case_of, read_cases

_SECONDS = 30.0
_MOST_BYTES = 16_777_216


def requests_for(notebook: Path, file: Path | None, port: int) -> list[Case]:
    """Give the requests: those of a file, of ``rehearsal.jsonl``, the example, or ``GET /``.

    Args:
        notebook: Beside which ``rehearsal.jsonl`` may be.
        file: In the form of that; None: what there is.
        port: Where the service is, which describes itself.

    Raises:
        ConfigurationError: The file has none.
    """
    if file:
        if not file.exists():
            raise ConfigurationError(f"--requests {file}: there is no such file")
        if not (found := [case_of(line) for line in read_cases(file)]):
            raise ConfigurationError(f"--requests {file}: there is no request in it")
        return found
    cases = [case_of(line) for line in read_cases(notebook.with_name(FILE_NAME))]
    return cases or [*examples(_description(port))][:1] or [Case(name="", method="GET", path="/")]


def _description(port: int) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        connection.request("GET", "/openapi.json")
        answer = connection.getresponse()
        return json.loads(answer.read(_MOST_BYTES)) if answer.status == 200 else {}
    except (OSError, http.client.HTTPException, ValueError):  # it describes itself otherwise
        return {}
    finally:
        connection.close()


def examples(document: Any) -> Iterator[Case]:
    """Make a request of each example in an OpenAPI document."""
    paths = document.get("paths") if isinstance(document, dict) else None
    for path, operations in (paths or {}).items():
        try:
            content = operations["post"]["requestBody"]["content"]["application/json"]
            body = content["example"] if "example" in content else _first(content["examples"])
            yield case_of(
                {"request": {"method": "POST", "path": path, "body": body}, "status": 200}
            )
        except (KeyError, TypeError, StopIteration, ValueError):  # none is given here
            continue


def _first(examples: Any) -> Any:
    return next(iter(examples.values()))["value"]
