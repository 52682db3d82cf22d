"""Take URLs apart: where their local copies lie, and what of them may be shown.

The local copy of ``s3://bucket/a/b.ipynb`` is ``runs/storage/s3/bucket/a/b.ipynb``: the same from
one start to the next, so that the records of a notebook that is named by URL stay together.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from runner.config import RUNS, setting
from runner.errors import ConfigurationError
from runner.identity import replica

EXTRAS = {
    "s3": "s3",
    "gs": "gs",
    "gcs": "gs",
    "az": "az",
    "abfs": "az",
    "abfss": "az",
    "http": "http",
    "https": "http",
}
"""By each scheme that is known, which extra of ours brings its library."""

_COPIES = "storage"
ETAG = ".etag"
"""What a file is called beside a local copy that says which content the storage has."""

_URL = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.IGNORECASE | re.DOTALL)
_SQUASHED = re.compile(rf"({'|'.join(EXTRAS)}):/(?=[^/])")
_LONGEST_PART = 200  # bytes; a system lets a file's name have 255


def runs() -> Path:
    """Give the folder below which records go; ``{host}`` in its name is this replica's.

    What is to be in a storage goes below the default one first.
    """
    named = setting("runs", RUNS)
    return Path(RUNS if is_url(named) else named.replace("{host}", replica()))


def copies() -> Path:
    """Give the folder below which the local copies lie."""
    return runs() / _COPIES


def as_url(path: object) -> str:
    """Give the URL that is meant, also if `pathlib` took its slashes for one; empty of a path."""
    text = _SQUASHED.sub(r"\1://", str(path))
    return text if is_url(text) else ""


def is_url(text: object) -> bool:
    """Tell whether something names a file by URL."""
    return isinstance(text, str) and bool(_URL.match(text))


def scheme_of(url: str) -> str:
    """Give the scheme of a URL, in lower case; empty of a path."""
    found = _URL.match(url)
    return found[1].lower() if found else ""


def check(url: str, *, writes: bool = False) -> str:
    """Give a URL back that we can use.

    Args:
        url: Of a file or a folder.
        writes: Whether it is to be written to.

    Raises:
        ConfigurationError: Its scheme is not known, cannot be written to, or it names nothing.
    """
    scheme = scheme_of(url)
    if scheme not in EXTRAS:
        raise ConfigurationError(
            f"{shown(url)}: nothing is read or written by {scheme}://",
            hint="known are s3://, gs://, az://, and http(s):// for reading",
        )
    if writes and EXTRAS[scheme] == "http":
        raise ConfigurationError(
            f"{shown(url)}: nothing is written by {scheme}://",
            hint="s3://, gs:// and az:// can be written; or name a file of this machine",
        )
    local_copy(url)
    return url


def check_folder(url: str) -> str:
    """Give the URL of a folder, or of a bucket, whose files we can list.

    Raises:
        ConfigurationError: Its scheme is not known, or lists nothing.
    """
    check(below(url, "file"))
    if EXTRAS[scheme_of(url)] == "http":
        raise ConfigurationError(
            f"{shown(url)}: what is in it cannot be listed", hint="s3://, gs:// and az:// can be"
        )
    return url.rstrip("/")


def shown(url: str) -> str:
    """Give a URL without what may be secret in it: the user, the password, and the query."""
    return f"{scheme_of(url)}://{'/'.join(_place(url))}"


def without_secrets(text: str, url: str) -> str:
    """Give what was said of a URL without what may be secret in that."""
    found = _URL.match(url)
    rest = found[2] if found else ""
    login, at, _ = rest.partition("/")[0].rpartition("@")
    query = rest.partition("?")[2]
    parts = [login, *login.split(":"), query, *re.split("[&=]", query)] if at or query else []
    for part in sorted((part for part in parts if len(part) > 3), key=len, reverse=True):
        text = text.replace(part, "***")
    return text


def local_copy(url: str) -> Path:
    """Say where the copy of a URL's file lies, below the working folder.

    Raises:
        ConfigurationError: It names no file, or a part of it cannot be a file's name.
    """
    place = _place(url)
    if len(place) < 2 or not place[-1]:
        raise ConfigurationError(
            f"{shown(url)}: names no file", hint="such as s3://BUCKET/FOLDER/notebook.ipynb"
        )
    for part in place:
        if part in ("", ".", "..") or "\0" in part or len(part.encode()) > _LONGEST_PART:
            raise ConfigurationError(f"{shown(url)}: {part[:40]!r} cannot be a folder's name")
    return copies().joinpath(scheme_of(url), *place)


def url_of(path: Path) -> str:
    """Give the URL, without secrets, of which a path is the local copy; empty if of none."""
    parts = path.parts
    root = copies().parts
    start = len(root)
    if parts[:start] != root or len(parts) < start + 3 or parts[start] not in EXTRAS:
        return ""
    return f"{parts[start]}://{'/'.join(parts[start + 1 :])}"


def place_of(path: str | Path) -> Path:
    """Give a path, or that of the local copy of what is a URL."""
    url = as_url(path)
    return local_copy(url) if url else Path(path)


def moved(url: str, path: Path) -> str:
    """Give the URL of which a path is the local copy, by the login and the query of another."""
    found = _URL.match(url)
    host, _, rest = (found[2] if found else "").partition("/")
    mark, query = rest.partition("?")[1:]
    name = "/".join(path.parts[len(copies().parts) + 2 :])
    return f"{scheme_of(url)}://{host}/{name}{mark}{query}"


def below(url: str, name: str) -> str:
    """Give the URL of what has a name, which may have slashes, in a folder."""
    return f"{url.rstrip('/')}/{name}"


def with_suffix(url: str, suffix: str) -> str:
    """Give a URL whose file's name ends otherwise; the query stays."""
    path, mark, query = url.partition("?")
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{PurePosixPath(name).with_suffix(suffix)}{mark}{query}"


def _place(url: str) -> list[str]:
    """Give host or bucket, and the names below it."""
    found = _URL.match(url)
    rest = (found[2] if found else url).partition("#")[0].partition("?")[0]
    host, slash, path = rest.partition("/")
    host = host.rpartition("@")[2]
    return [host, *path.split("/")] if slash else [host]
