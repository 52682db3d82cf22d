"""Parameters from the command line mean what they mean to papermill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner.errors import ConfigurationError
from runner.notebook import parameter_values


def merged(**given: Any) -> dict[str, Any]:
    none: dict[str, Any] = {"files": (), "yaml_texts": (), "plain": (), "raw": ()}
    return parameter_values.merged_parameters(**(none | given))


def test_values_are_read_as_papermill_reads_them(tmp_path: Path) -> None:
    """Plain ones are guessed, raw ones are not; a date in YAML stays text."""
    (tmp_path / "p.yaml").write_text("b: [1, 2]\nday: 2026-01-02\n")
    found = merged(
        files=[tmp_path / "p.yaml"],
        yaml_texts=["{c: {d: 3}}"],
        plain=[("e", "1.5"), ("f", "True"), ("g", "None"), ("h", "x"), ("k", "4")],
        raw=[("i", "1")],
    )
    assert found == {
        "b": [1, 2],
        "day": "2026-01-02",
        "c": {"d": 3},
        "e": 1.5,
        "f": True,
        "g": None,
        "h": "x",
        "k": 4,
        "i": "1",
    }


def test_the_later_kind_wins(tmp_path: Path) -> None:
    """A file gives way to YAML, that to a plain value, that to a raw one."""
    (tmp_path / "p.yaml").write_text("{a: 1, b: 1, c: 1, d: 1}")
    found = merged(
        files=[tmp_path / "p.yaml"],
        yaml_texts=["{b: 2, c: 2, d: 2}"],
        plain=[("c", "3"), ("d", "3")],
        raw=[("d", "4")],
    )
    assert found == {"a": 1, "b": 2, "c": 3, "d": "4"}


def test_an_empty_text_sets_nothing() -> None:
    """As an empty file does."""
    assert merged(yaml_texts=[""]) == {}


@pytest.mark.parametrize(
    ("text", "said"), [("{a: ", "-y: not valid YAML"), ("[1, 2]", "-y: not a mapping")]
)
def test_what_is_no_mapping_is_refused(text: str, said: str) -> None:
    """The error names the option."""
    with pytest.raises(ConfigurationError, match=said):
        merged(yaml_texts=[text])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The error says which."""
    with pytest.raises(ConfigurationError, match=r"p\.yaml: cannot be read"):
        merged(files=[tmp_path / "p.yaml"])
