"""Read the values of parameters as papermill's command line does."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from runner.errors import ConfigurationError
from runner.notebook.parameter_types import plain

_BYTES, _PAIRS = "\0bytes", "\0pairs"


def merged_parameters(
    *,
    files: Iterable[Path],
    yaml_texts: Iterable[str],
    plain: Iterable[tuple[str, str]],
    raw: Iterable[tuple[str, str]],
) -> dict[str, Any]:
    """Merge parameters in papermill's order, the last wins.

    Args:
        files: Of YAML.
        yaml_texts: YAML mappings.
        plain: Names and texts, of which some mean a number, True, False or None.
        raw: Names and texts.

    Raises:
        ConfigurationError: A file cannot be read, or something is no YAML mapping.
    """
    values: dict[str, Any] = {}
    for path in files:
        values |= _mapping(_text_of(path), str(path))
    for text in yaml_texts:
        values |= _mapping(text, "-y")
    values |= {name: parsed_value(text) for name, text in plain}
    return values | dict(raw)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read: {error}") from error


def _mapping(text: str, origin: str) -> dict[str, Any]:
    import yaml

    class Loader(yaml.SafeLoader):
        """Read dates as text, as papermill does."""

        yaml_implicit_resolvers = {  # noqa: RUF012 - yaml's own way
            first: [(tag, form) for tag, form in known if not tag.endswith(":timestamp")]
            for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    try:
        values = yaml.load(text, Loader=Loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{origin}: not valid YAML: {error}") from error
    if not isinstance(values, dict | None):
        raise ConfigurationError(f"{origin}: not a mapping of names to values: {text.strip()[:60]}")
    return values or {}


def sent(value: Any) -> Any:
    """Give a value the form in which JSON takes it to another process.

    JSON alone would make text of the keys ``{0: 1.0}``, and has no bytes.
    """
    value = plain(value)
    if isinstance(value, list):
        return [sent(inner) for inner in value]
    if isinstance(value, bytes):
        return {_BYTES: value.hex()}
    if not isinstance(value, dict):
        return value
    if all(isinstance(key, str) for key in value) and value.keys().isdisjoint({_BYTES, _PAIRS}):
        return {key: sent(inner) for key, inner in value.items()}
    return {_PAIRS: [[sent(key), sent(inner)] for key, inner in value.items()]}


def received(value: Any) -> Any:
    """Give back the value that was sent."""
    match value:
        case list():
            return [received(inner) for inner in value]
        case {"\0bytes": str(text)}:
            return bytes.fromhex(text)
        case {"\0pairs": list(pairs)}:
            return {_key(received(key)): received(inner) for key, inner in pairs}
        case dict():
            return {key: received(inner) for key, inner in value.items()}
    return value


def _key(value: Any) -> Any:
    return tuple(map(_key, value)) if isinstance(value, list) else value


def from_yaml(text: str, origin: str) -> Any:
    """Read one value as YAML.

    Args:
        text: The value.
        origin: Where it stands, for the message.

    Raises:
        ConfigurationError: It is no YAML.
    """
    return _mapping(f"value: {text}", origin)["value"]


def parsed_value(text: str) -> Any:
    """Read a value as ``papermill -p`` does."""
    constants = {"True": True, "False": False, "None": None}
    if text in constants:
        return constants[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
