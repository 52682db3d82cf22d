"""Bring what notebooks and kernels say of themselves into the form that a notebook may have.

Jupyter shows what the format's schema forbids, and kernels other than IPython's send it. A record
is valid at every moment, so what is not is brought into form here, or left out. Source: nbformat's
``nbformat.v4.5.schema.json``.
"""

from __future__ import annotations

import json
import re
from typing import Any

from nbformat import NotebookNode

_IS_JSON = re.compile(r"application/(.*\+)?json")
_TEXTS_OF_A_LANGUAGE = ("file_extension", "mimetype", "pygments_lexer")


def language_info(said: Any) -> dict[str, Any]:
    """Give what a kernel says of its language as far as it may stand there; empty without a name.

    Args:
        said: The ``language_info`` of its ``kernel_info_reply``.
    """
    if not isinstance(said, dict) or not isinstance(said.get("name"), str):
        return {}
    kinds: dict[str, Any] = dict.fromkeys(_TEXTS_OF_A_LANGUAGE, str)
    kinds["codemirror_mode"] = str | dict
    return {key: value for key, value in said.items() if isinstance(value, kinds.get(key, object))}


def mend_metadata(metadata: NotebookNode) -> None:
    """Mend what a notebook's file may say of itself and its kernel without being valid."""
    for name, kind in _KINDS.items():
        if not isinstance(metadata.get(name, kind()), kind):
            del metadata[name]
    if "language_info" in metadata and not (info := language_info(metadata.language_info)):
        del metadata["language_info"]
    elif "language_info" in metadata:
        metadata["language_info"] = NotebookNode(info)
    spec = metadata.get("kernelspec")
    if not isinstance(spec, dict):
        metadata.pop("kernelspec", None)
        return
    if not isinstance(spec.get("name"), str):
        spec["name"] = str(spec.get("name") or "python3")
    if not isinstance(spec.get("display_name"), str):
        spec["display_name"] = str(spec.get("display_name") or spec["name"])


def mend_output(content: dict[str, Any], kind: str) -> None:
    """Mend the content of a message that brings an output.

    Args:
        content: Changed in place.
        kind: The message's type.
    """
    if kind in ("execute_result", "display_data", "update_display_data"):
        data = content.get("data")
        content["data"] = _mime_bundle(data if isinstance(data, dict) else {})
        for name in ("metadata", "transient"):
            if not isinstance(content.get(name), dict):
                content[name] = {}
    elif kind == "error":
        content["ename"], content["evalue"] = (
            _text(content.get(name, "")) for name in ("ename", "evalue")
        )
        lines = content.get("traceback")
        content["traceback"] = [_text(line) for line in lines] if isinstance(lines, list) else []
    elif kind == "stream":
        content["name"], content["text"] = (
            _text(content.get(name, default)) for name, default in _STREAM.items()
        )
    if kind == "execute_result" or "execution_count" in content:
        content["execution_count"] = _count(content.get("execution_count"))


_KINDS: dict[str, type] = {"title": str, "authors": list, "orig_nbformat": int}
_STREAM = {"name": "stdout", "text": ""}


def _mime_bundle(data: dict[str, Any]) -> dict[str, Any]:
    return {
        kind: value if _IS_JSON.fullmatch(kind) or _is_text(value) else _text(value)
        for kind, value in data.items()
    }


def _is_text(value: Any) -> bool:
    is_list_of_text = isinstance(value, list) and all(isinstance(line, str) for line in value)
    return isinstance(value, str) or is_list_of_text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _count(value: Any) -> int | None:
    is_number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_number else None
