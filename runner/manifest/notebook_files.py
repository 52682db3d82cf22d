"""Carry a notebook, and files beside it, by a ConfigMap.

Its name has a digest of what is in it, and it cannot be changed: a notebook that is saved gets
another one, so that its pods are replaced one after another, and the old ones can be had back.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from runner.errors import ConfigurationError
from runner.notebook import file_form

MOST_BYTES = 1_048_576  # of keys and values; Kubernetes' MaxSecretSize
MOST_BYTES_APPLIED = 262_144  # of annotations, in which `kubectl apply` keeps what it has applied


def stripped(path: Path) -> bytes:
    """Give a notebook's file without what its cells have printed.

    Raises:
        ConfigurationError: It is no notebook.
    """
    document = file_form.read(path)
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    for name in ("papermill", "widgets"):  # of a run
        document["metadata"].pop(name, None)
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def collected(notebook: Path, others: Iterable[Path]) -> dict[str, bytes]:
    """Read what the ConfigMap has, by the paths from the working folder.

    Raises:
        ConfigurationError: A file cannot be read or lies elsewhere, or they are too large.
    """
    files = {below_here(notebook): stripped(notebook)}
    for path in others:
        try:
            files[below_here(path)] = path.read_bytes()
        except OSError as error:
            raise ConfigurationError(f"--with {path}: {error.strerror}") from error
    size = size_of(files)
    if size > MOST_BYTES:
        raise ConfigurationError(
            f"{notebook}: a ConfigMap has {MOST_BYTES:,} bytes at most, and this has {size:,}"
            " without outputs",
            hint="--notebook-from image for one that the image has, or an address such as"
            " s3://bucket/serve.ipynb as NOTEBOOK",
        )
    return files


def size_of(files: Mapping[str, bytes]) -> int:
    """Count the bytes as Kubernetes does: of keys and values."""
    return sum(map(len, (*files.values(), *keys_of(files).values())))


def below_here(path: Path) -> str:
    """Give a path as seen from the working folder, which the image's stands for.

    Raises:
        ConfigurationError: It does not lie below.
    """
    here, place = Path.cwd(), path.parent.resolve() / path.name
    if not place.is_relative_to(here):
        raise ConfigurationError(
            f"{path}: it is not below the working folder, {here}",
            hint="start in the project's folder: paths in the pod are as from there",
        )
    return place.relative_to(here).as_posix()


def keys_of(files: Mapping[str, bytes]) -> dict[str, str]:
    """Give the ConfigMap's key for each path: letters, digits, ``-``, ``_`` and ``.``."""
    keys: dict[str, str] = {}
    for path in files:
        plain = re.sub(r"^\.+|[^-._a-zA-Z0-9]", "-", path.rpartition("/")[2])[-200:]
        numbered = (f"{number}-{plain}" for number in itertools.count(len(keys)))
        keys[path] = next(
            key for key in itertools.chain([plain], numbered) if key not in keys.values()
        )
    return keys


def name_of(service: str, files: Mapping[str, bytes]) -> str:
    """Name the ConfigMap by what is in it."""
    digest = hashlib.sha256()
    for path, content in sorted(files.items()):
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    return f"{service}-notebook-{digest.hexdigest()[:10]}"


def data_of(files: Mapping[str, bytes]) -> dict[str, dict[str, str]]:
    """Write the entries of the ConfigMap: text as it is, all else in base64."""
    text: dict[str, str] = {}
    binary: dict[str, str] = {}
    for path, key in keys_of(files).items():
        try:
            text[key] = files[path].decode()
        except UnicodeDecodeError:
            binary[key] = base64.b64encode(files[path]).decode()
    return {"data": text} | ({"binaryData": binary} if binary else {})


def config_map(metadata: dict[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
    """Make the ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "immutable": True,
        **data_of(files),
    }
