"""Write the command by which curl asks an endpoint. Source: curl's manual."""

from __future__ import annotations

import json
import shlex
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

from runner.predict.endpoints import Endpoint
from runner.predict.openapi_bodies import is_file


def curl(endpoint: Endpoint, address: str, *, is_keyed: bool) -> str:
    """Give the command, with the endpoint's example; files are for the reader to name.

    Args:
        endpoint: What is asked.
        address: Where clients reach the service.
        is_keyed: A key is needed.
    """
    if endpoint.read_form is not None:
        fields = _form_words(endpoint.schema.describe(), endpoint.example)
        return " ".join([f"curl {_url(address, endpoint.path)}{_key(is_keyed)}", *fields])
    body = "{}" if endpoint.example is None else json.dumps(endpoint.example, ensure_ascii=False)
    return curl_json(endpoint.path, body, address, is_keyed=is_keyed)


def curl_json(path: str, body: str, address: str, *, is_keyed: bool) -> str:
    """Give the command that sends JSON.

    Args:
        path: Where to.
        body: The JSON.
        address: Where clients reach the service.
        is_keyed: A key is needed.
    """
    head = f"curl -X POST {_url(address, path)} -H 'Content-Type: application/json'"
    return f"{head}{_key(is_keyed)} -d {shlex.quote(body)}"


def _url(address: str, path: str) -> str:
    return shlex.quote(f"{address}{urllib.parse.quote(path)}")


def _key(is_keyed: bool) -> str:
    return ' -H "x-api-key: $KEY"' if is_keyed else ""


def _form_words(schema: Mapping[str, Any], example: Any) -> Iterator[str]:
    """Give a word for each field; a text's is such that no ``@`` in it names a file."""
    given = example if isinstance(example, Mapping) else {}
    required = schema.get("required", ())
    for name, each in schema.get("properties", {}).items():
        if is_file(each):
            if name in given or name in required:
                yield f"-F {shlex.quote(f'{name}=@FILE')}"
        elif name in given:
            value = given[name]
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield f"--form-string {shlex.quote(f'{name}={text}')}"
