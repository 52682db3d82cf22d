"""Say, once and loudly, that a model was pickled by another scikit-learn.

scikit-learn warns for every estimator of a pipeline, where nobody looks; and a pickle that
cannot be read fails with an error that names neither the file nor the version. Under the
runner ``pickle.load``, ``pickle.loads`` and ``joblib.load`` say both. In plain Jupyter and
plain papermill nothing is patched.
"""

from __future__ import annotations

import bz2
import contextlib
import functools
import gzip
import importlib.metadata
import io
import lzma
import re
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, cast

import wrapt

# scikit-learn's `BaseEstimator.__getstate__` puts its version last into an estimator's state.
# Between key and value stand pickle's opcodes: MEMOIZE, BINPUT or LONG_BINPUT, then
# SHORT_BINUNICODE or BINUNICODE with the length. Source: pickletools.
_KEY = re.compile(rb"_sklearn_version(?:\x94|q.|r....)?(?:\x8c(.)|X(....))", re.DOTALL)
_VERSION = re.compile(r"[0-9]+\.[0-9][0-9A-Za-z.+-]*")
_OPENERS: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
    b"\x5d\x00": lzma.open,
}
_CHUNK, _OVERLAP, _MOST_BYTES = 1 << 20, 128, 1 << 30
_MOST_NOTICES = 20

notices: list[str] = []
"""What was said so far; `serve` tells the supervisor, which logs and shows it."""


def watch() -> None:
    """Look at what the notebook unpickles, whenever it imports what does it."""
    wrapt.register_post_import_hook(_watch_pickle, "pickle")
    wrapt.register_post_import_hook(_watch_joblib, "joblib")


def sklearn_version(file: BinaryIO) -> str:
    """Find which scikit-learn made a pickle, without unpickling it.

    Args:
        file: A pickle or joblib file, compressed or not, of which at most 1 GB is read.

    Returns:
        The version of its first estimator; empty if it cannot be read from it.
    """
    end = b""
    for chunk in _chunks(file):
        seen = end + chunk
        if version := _version_in(seen):
            return version
        end = seen[-_OVERLAP:]
    return ""


def _version_in(seen: bytes) -> str:
    """Find a version that is there from its key to its end."""
    for key in _KEY.finditer(seen):
        size = int.from_bytes(key[1] or key[2], "little")
        value = seen[key.end() : key.end() + size].decode("ascii", "replace")
        if len(value) == size < _OVERLAP // 2 and _VERSION.fullmatch(value):
            return value
    return ""


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    """Read what a file holds; a file that is cut off just ends."""
    start = file.read(6)
    file.seek(-len(start), io.SEEK_CUR)
    if start[:1] == b"\x78":
        yield from _inflated(file)
        return
    opener = next((known for magic, known in _OPENERS.items() if start.startswith(magic)), None)
    opened = opener(file) if opener else file
    with contextlib.suppress(EOFError, OSError, lzma.LZMAError, zlib.error):
        for _ in range(_MOST_BYTES // _CHUNK):
            if not (chunk := opened.read(_CHUNK)):
                return
            yield chunk


def _inflated(file: BinaryIO) -> Iterator[bytes]:
    stream, rest = zlib.decompressobj(), b""
    with contextlib.suppress(zlib.error):
        for _ in range(_MOST_BYTES // _CHUNK):
            rest = stream.unconsumed_tail or file.read(_CHUNK)
            if not rest:
                return
            yield stream.decompress(rest, _CHUNK)


def _watch_pickle(pickle: ModuleType) -> None:
    pickle.load = _telling(pickle.load)  # type: ignore[attr-defined] # that is what watching means
    pickle.loads = _telling(pickle.loads)  # type: ignore[attr-defined] # likewise


def _watch_joblib(joblib: ModuleType) -> None:
    joblib.load = _telling(joblib.load)  # type: ignore[attr-defined] # likewise


def _telling(load: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function that unpickles its first argument."""

    @functools.wraps(load)
    def watched(source: Any, *words: Any, **settings: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            return load(source, *words, **settings)  # a request's; warnings are not for threads
        with warnings.catch_warnings(record=True) as caught:
            warnings.filterwarnings("always", message="Trying to unpickle estimator")
            try:
                found = load(source, *words, **settings)
            except Exception as error:
                _name_version(error, source)
                raise
        _tell(caught, _name(source))
        return found

    return watched


def _tell(caught: list[warnings.WarningMessage], name: str) -> None:
    """Say in one warning what scikit-learn has said in many; pass others on."""
    made_with: dict[str, None] = {}
    for each in caught:
        version = getattr(each.message, "original_sklearn_version", None)
        if version is None:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
        else:
            made_with[str(version)] = None
    if made_with:
        said = (
            f"{name} was made with scikit-learn {', '.join(made_with)} and is read by "
            f"{_installed()}: its answers may differ or fail; train it again"
        )
        if said not in notices and len(notices) < _MOST_NOTICES:
            notices.append(said)
        warnings.warn(said, stacklevel=3)


def _name_version(error: Exception, source: Any) -> None:
    """Put into an error's words which scikit-learn made what could not be read."""
    version = _version_of(source)
    if not version or version == _installed():
        return
    said = (
        f"{error}; {_name(source)} was made with scikit-learn {version}, and here is "
        f"{_installed() or 'none'}: train it again, or install that version"
    )
    if isinstance(error, ImportError):
        error.msg = said
    elif len(error.args) == 1:
        error.args = (said,)
    else:
        error.add_note(said)


def _version_of(source: Any) -> str:
    with contextlib.suppress(OSError, ValueError, AttributeError, TypeError):
        if isinstance(source, bytes | bytearray | memoryview):
            return sklearn_version(io.BytesIO(source))
        if hasattr(source, "read"):
            source.seek(0)
            return sklearn_version(cast("BinaryIO", source))
        with Path(source).open("rb") as file:
            return sklearn_version(file)
    return ""


def _name(source: Any) -> str:
    """Name what is read, as far as it has a name."""
    name = getattr(source, "name", source)
    is_nameless = isinstance(name, bytes | bytearray | memoryview) or hasattr(name, "read")
    return "a pickle" if is_nameless else str(name)


def _installed() -> str:
    try:
        return importlib.metadata.version("scikit-learn")
    except importlib.metadata.PackageNotFoundError:
        return ""
