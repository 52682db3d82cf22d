"""Write a model with a card that describes it, and read it only if it is still that one."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import io
import json
import platform
import re
import time
import warnings
import weakref
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runner.files import found_above, write_atomically
from runner.identity import Identity
from runner.model.card_values import card_value
from runner.model.features import features
from runner.storage import urls

_SETTLING = 3.0  # seconds that a model and its card, or a copy of them, may take to be written
_LOOK_EVERY = 0.05
_HASH = re.compile("[0-9a-fA-F]{64}")

_cards: weakref.WeakKeyDictionary[Any, dict[str, Any]] = weakref.WeakKeyDictionary()


class CardError(ValueError):
    """Refuse a model that is not what its card says."""


def load_model(path: str | Path, *, sha256: str = "") -> tuple[Any, dict[str, Any]]:
    """Read a model whose hash is the one on its card, and warn if another scikit-learn made it.

    A pickle can run any code when it is read, so it is read only if it is the very file that its
    card describes: the JSON file beside it, whose ``sha256`` is the model's. Who can write the
    model can write its card, too. Only a hash that stands elsewhere, in the notebook, says that
    this is the model that was meant.

    Args:
        path: The model's file, or its URL: ``s3://``, ``gs://``, ``az://`` or ``http(s)://``. A
            path that is relative is looked for from the working folder upwards: Jupyter starts in
            ``notebooks/``, papermill above it.
        sha256: The hash that the file must have, 64 hexadecimal digits, as its card says it; any
            if it is empty.

    Returns:
        The model and its card.

    Raises:
        FileNotFoundError: There is no such model, or no card beside it.
        CardError: The model is not the one of its card, or not the one of ``sha256``.
        ValueError: ``sha256`` is no such hash.
        RunnerError: It is named by URL, and the storage refuses or does not answer.
    """
    if sha256 and not _HASH.fullmatch(sha256):
        raise ValueError(f"sha256={sha256!r} is no hash of 64 hexadecimal digits")
    name = str(path)
    if url := urls.as_url(path):
        from runner.model import by_url

        name = urls.shown(url)
        pickled, card = by_url.read(url, lambda file: _checked(file, name, sha256.lower()))
    else:
        pickled, card = _matching(path, sha256.lower())
    Identity.note_model(card["sha256"])
    _compare_versions(name, card)
    import joblib

    model = joblib.load(io.BytesIO(pickled))
    with contextlib.suppress(TypeError):  # not everything can be referred to weakly
        _cards[model] = card
    return model, card


def _matching(path: str | Path, pinned: str) -> tuple[bytes, dict[str, Any]]:
    """Read a model's file and its card.

    What was written just now may have only one of the two yet, or half of one: it is read again.
    """
    deadline = time.monotonic() + _SETTLING
    while True:
        try:
            return _read(Path(path), pinned)
        except (FileNotFoundError, CardError):
            if not _was_just_written(Path(path)) or time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_EVERY)


def _read(path: Path, pinned: str) -> tuple[bytes, dict[str, Any]]:
    return _checked(_found(path), str(path), pinned)


def _checked(file: Path, name: str, pinned: str) -> tuple[bytes, dict[str, Any]]:
    """Read a model's file and its card, and refuse another model than that."""
    try:
        card = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise CardError(f"{name}: its card is not whole: train it again") from error
    pickled = file.read_bytes()
    found = hashlib.sha256(pickled).hexdigest()
    if found != card.get("sha256"):
        raise CardError(f"{name} is not the model of its card: refused; train it again")
    if pinned and found != pinned:
        raise CardError(
            f"{name} is not the model that is asked for: refused; its sha256 is {found},"
            f" not {pinned}"
        )
    return pickled, card


def _was_just_written(path: Path) -> bool:
    files = (found_above(each) for each in (path, path.with_suffix(".json")))
    now = time.time()
    with contextlib.suppress(OSError):  # it is being replaced
        return any(abs(now - each.stat().st_mtime) < _SETTLING for each in files if each)
    return True


def save_model(model: Any, path: str | Path, *, data: Any = None, **facts: Any) -> dict[str, Any]:
    """Write a model and its card, each in one step, the card last: it vouches for the model.

    Args:
        model: Anything that joblib pickles.
        path: The model's file, or its URL: ``s3://``, ``gs://`` or ``az://``; the card is the
            ``.json`` beside it. A relative path goes below the nearest folder, from the working
            folder upwards, that has its first folder. What goes to a URL is written to
            ``runs/storage/`` first, and stays there.
        data: What it was trained on, ``(n_rows, n_features)``; the card then has
            ``feature_ranges``, by the fact ``feature_names`` or by the columns' own names, and of
            a DataFrame ``feature_types``: by these a service keeps its dtypes. Anything else,
            such as texts, says nothing of columns.
        **facts: What else the card says: ``feature_names``, ``class_names``, ``metrics``,
            ``parameters``; numpy's and pandas's values, too. What JSON does not have is null.

    Returns:
        The card, which has the facts, and ``sha256``, ``estimator``, ``trained_at`` and the
        versions.

    Raises:
        ValueError: The path is one of a card.
        RunnerError: It goes to a URL, and the storage refuses or does not answer for minutes.
    """
    import joblib

    url = urls.as_url(path)
    if url:
        path = urls.local_copy(urls.check(url, writes=True))
    if Path(path).suffix == ".json":
        raise ValueError(f"{path}: so the model's card is called: name the model otherwise")

    joblib.dump(model, buffer := io.BytesIO())
    card = {
        "sha256": hashlib.sha256(buffer.getvalue()).hexdigest(),
        "estimator": repr(model),
        **{name: found for name in ("scikit-learn", "numpy") if (found := _installed(name))},
        "python": platform.python_version(),
        **({} if data is None else features(data, facts.get("feature_names"))),
        **{name: card_value(value) for name, value in facts.items()},
        "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    text = json.dumps(card, indent=2, allow_nan=False)
    file = _place(Path(path))
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, buffer.getvalue(), durable=True)
    write_atomically(file.with_suffix(".json"), text, durable=True)
    if url:
        from runner.model import by_url

        by_url.write(url, file)
    return card


def _place(path: Path) -> Path:
    """Give a relative path its root: Jupyter starts in ``notebooks/``, papermill above it."""
    folders = [Path.cwd(), *Path.cwd().parents]
    top = path.parts[0]
    return next((folder for folder in folders if (folder / top).is_dir()), Path.cwd()) / path


def card_of(model: Any) -> dict[str, Any]:
    """Give the card with which a model was read; empty if it was read otherwise."""
    try:
        return _cards.get(model, {})
    except TypeError:
        return {}


def _found(path: Path) -> Path:
    file = found_above(path)
    if file is None:
        raise FileNotFoundError(f"there is no {path} here or above: train the model first")
    if not file.with_suffix(".json").is_file():
        raise FileNotFoundError(f"{path} has no card {file.with_suffix('.json').name} beside it")
    return file


def _installed(distribution: str) -> str:
    """Give the version of a distribution; empty if it is not there."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(distribution)
    return ""


def _compare_versions(path: str, card: dict[str, Any]) -> None:
    made_with, here = card.get("scikit-learn"), _installed("scikit-learn")
    if made_with is not None and here and made_with != here:
        warnings.warn(
            f"{path} was trained with scikit-learn {made_with} and is read by {here}: its answers"
            " may differ; train it again",
            stacklevel=3,
        )
