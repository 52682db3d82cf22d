"""Secrets reach the kernel, and no reader of the record."""

from __future__ import annotations

from typing import Any

import pytest
from nbformat.v4 import new_notebook
from papermill.parameterize import parameterize_notebook

from runner.notebook.masking import is_secret, mask_parameters, masked

SECRET = [
    "token",
    "api_key",
    "apiKey",
    "DB_PASSWORD",
    "dbpassword",
    "clientSecret",
    "aws-credentials",
]
PLAIN = ["max_tokens", "tokenizer", "monkey", "keyboard", "author", "spinner", "n_rows", "passes"]


@pytest.mark.parametrize("name", [*SECRET, "accesstoken", "auth", "HF_TOKEN", "private_key", "pwd"])
def test_a_secret_is_known_by_its_name(name: str) -> None:
    """Whatever the spelling: snake, camel, capitals, or all in one."""
    assert is_secret(name)


@pytest.mark.parametrize("name", PLAIN)
def test_a_name_that_only_resembles_one_is_none(name: str) -> None:
    """A word that happens to contain another is no secret."""
    assert not is_secret(name)


def test_values_are_masked_at_any_depth() -> None:
    """Secrets in dictionaries, lists and URLs are found; all else stays."""
    values = {
        "port": 1,
        "token": "t0p",
        "db": {"password": "t0p", "hosts": ["postgres://me:t0p@db/x", "b"]},
        "use_key": True,
        "key": None,
    }
    assert masked(values) == {
        "port": 1,
        "token": "***",
        "db": {"password": "***", "hosts": ["postgres://***@db/x", "b"]},
        "use_key": True,
        "key": None,
    }
    assert values["token"] == "t0p"


def parameterized(values: dict[str, Any]) -> Any:
    spec = {"name": "python3", "display_name": "", "language": "python"}
    nb = new_notebook(metadata={"kernelspec": spec})
    nb.metadata["papermill"] = {}
    return parameterize_notebook(nb, values)


def test_papermills_traces_are_hidden() -> None:
    """Its metadata and its injected cell are masked, and the true source is given back."""
    nb = parameterized({"token": "t0p", "x": 1})
    sources = mask_parameters(nb, "python3", "python")
    assert "t0p" not in str(nb)
    assert nb.cells[0].source == '# Parameters\ntoken = "***"\nx = 1\n'
    assert sources == {nb.cells[0].id: '# Parameters\ntoken = "t0p"\nx = 1\n'}


def test_without_secrets_nothing_is_touched() -> None:
    """A notebook with plain parameters stays as papermill made it."""
    nb = parameterized({"x": [1, 2], "y": {"z": "a"}})
    before = str(nb)
    assert mask_parameters(nb, "python3", "python") == {}
    assert str(nb) == before
