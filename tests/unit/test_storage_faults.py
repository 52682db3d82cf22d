"""What a storage refuses is said in people's words, whatever its library calls it."""

from __future__ import annotations

import errno

import pytest

from runner.storage.faults import (
    DeniedError,
    MissingError,
    StorageError,
    UnreachableError,
    fault_of,
)

URL = "s3://bucket/a.ipynb"


class ClientError(Exception):
    """As botocore's."""

    def __init__(self, code: str) -> None:
        super().__init__(f"An error occurred ({code})")
        self.response = {"Error": {"Code": code}}


class ClientResponseError(Exception):
    """As aiohttp's."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status}, message='…'")
        self.status = status


class NoCredentialsError(Exception):
    """As botocore's."""


class EndpointConnectionError(Exception):
    """As botocore's."""


def caused(outer: Exception, inner: Exception) -> Exception:
    """What a library raises from another's."""
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (caused(FileNotFoundError("x"), ClientError("NoSuchBucket")), StorageError, "no bucket"),
        (FileNotFoundError("bucket/a.ipynb"), MissingError, "no such file"),
        (caused(PermissionError("x"), ClientError("403")), DeniedError, "access is denied"),
        (caused(PermissionError("x"), ClientError("ExpiredToken")), StorageError, "not accepted"),
        (NoCredentialsError("Unable to locate"), StorageError, "no credentials were found"),
        (ImportError("Install s3fs"), StorageError, "is not installed"),
        (EndpointConnectionError("x"), UnreachableError, "does not answer"),
        (TimeoutError(), UnreachableError, "does not answer"),
        (caused(OSError(errno.EIO, "x"), ClientError("SlowDown")), UnreachableError, "not answer"),
        (caused(FileNotFoundError("x"), ClientResponseError(401)), DeniedError, "denied"),
        (caused(FileNotFoundError("x"), ClientResponseError(404)), MissingError, "no such file"),
        (caused(FileNotFoundError("x"), ClientResponseError(503)), UnreachableError, "not answer"),
        (caused(FileNotFoundError("x"), ConnectionError("y")), UnreachableError, "not answer"),
        (ValueError("odd"), StorageError, "the storage refused: odd"),
    ],
)
def test_a_fault_is_told_by_its_kind(error: Exception, kind: type, said: str) -> None:
    """What a later try mends is told from what none mends."""
    found = fault_of(URL, error)
    assert type(found) is kind
    assert said in str(found)


def test_what_is_missing_is_named_by_how_to_get_it() -> None:
    """One sentence, and the command that mends it."""
    assert fault_of("gs://b/x", ImportError("gcsfs")).hint == "pip install 'notebook-runner[gs]'"


def test_no_secret_is_in_what_is_said() -> None:
    """A URL may have a login and a signature."""
    url = "https://user:s3cr3t@host/a?sig=abc123"
    said = str(fault_of(url, ValueError(f"odd: {url} (s3cr3t, abc123)")))
    assert "odd" in said
    assert not any(secret in said for secret in ("s3cr3t", "abc123"))
