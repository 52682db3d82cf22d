"""Say in people's words what a storage refuses, whatever its library calls it.

The libraries of three clouds raise errors of their own, which are known here by their names, so
that none has to be imported. What is not known is said as they say it, without secrets.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any

from runner.errors import ConfigurationError, RunnerError
from runner.storage.urls import EXTRAS, scheme_of, shown, without_secrets

_NO_CREDENTIALS = {
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "TokenRetrievalError",
    "DefaultCredentialsError",
    "RefreshError",
    "CredentialUnavailableError",
    "NoAuthTokenError",
}
_WRONG_CREDENTIALS = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "RequestTimeTooSkewed",
}
_TAKEN = {"412", "PreconditionFailed", "ConditionalRequestConflict"}
_MISSING = {"404", "410", "NoSuchKey"}
_PASSING = (errno.EBUSY, errno.ETIMEDOUT, errno.ECONNREFUSED, errno.ECONNRESET)
_PASSING_NAMES = {
    "EndpointConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ConnectionClosedError",
    "ConnectionError",
    "HTTPClientError",
    "ClientConnectionError",
    "ClientPayloadError",
    "ServiceRequestError",
    "ServiceResponseError",
    "TransportError",
    "FSTimeoutError",
    "IncompleteReadError",
}
_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or the machine's role;"
    " FSSPEC_S3_ANON=true reads what is public",
    "gs": "`gcloud auth application-default login`, GOOGLE_APPLICATION_CREDENTIALS or the"
    " machine's account",
    "az": "AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT_NAME with _ACCOUNT_KEY",
    "http": "https://USER:PASSWORD@…, or a signed URL",
}


class StorageError(ConfigurationError):
    """Report what no later try mends: nothing there, no credentials, no such bucket."""

    meaning = "a storage refused"


class MissingError(StorageError):
    """Report that there is no such file."""


class DeniedError(StorageError):
    """Report that it is not ours to read, or to write."""


class TakenError(StorageError):
    """Report that another was first: a condition of writing does not hold."""


class UnreachableError(RunnerError):
    """Report what a later try may mend: no connection, no answer in time, a fault over there."""

    meaning = "a storage did not answer"


Fault = StorageError | UnreachableError
KINDS = {kind.__name__: kind for kind in (StorageError, MissingError, DeniedError, TakenError)}
"""Of what no later try mends, by their names."""


def fault_of(url: str, error: BaseException) -> Fault:
    """Say what went wrong with a URL."""
    if isinstance(error, StorageError | UnreachableError):
        return error
    if isinstance(error, ImportError):
        return _missing_library(url)
    chain = list(_chain(error))
    names = {kind.__name__ for each in chain for kind in type(each).__mro__}
    codes = {code for each in chain if (code := _code(each))}
    passes = _passes(chain, names, codes)
    if refusal := _refusal_of_access(url, names, codes) or _other_state(url, names, codes, passes):
        return refusal
    said = without_secrets(_said(chain), url)
    if passes:
        return UnreachableError(f"{shown(url)}: the storage does not answer: {said}")
    return StorageError(f"{shown(url)}: the storage refused: {said}")


def _refusal_of_access(url: str, names: set[str], codes: set[str]) -> StorageError | None:
    """Say what keeps us out; None if nothing does."""
    where, credentials = shown(url), _CREDENTIALS[EXTRAS.get(scheme_of(url), "http")]
    if names & _NO_CREDENTIALS:
        return StorageError(f"{where}: no credentials were found", hint=credentials)
    if codes & _WRONG_CREDENTIALS:
        return StorageError(f"{where}: the credentials are not accepted", hint=credentials)
    if "NoSuchBucket" in codes:
        bucket = where.split("/")[2]
        said = f"{where}: there is no bucket {bucket}"
        return StorageError(said, hint="make it, or name another")
    if codes & {"401", "403", "AccessDenied"} or "PermissionError" in names:
        return DeniedError(f"{where}: access is denied", hint=f"credentials come by {credentials}")
    return None


def _other_state(url: str, names: set[str], codes: set[str], passes: bool) -> StorageError | None:
    """Say that a file is there, or not, against what was thought; None if it is as thought."""
    if codes & _TAKEN or "FileExistsError" in names:
        return TakenError(f"{shown(url)}: another was first")
    if codes & _MISSING or ("FileNotFoundError" in names and not passes):
        return MissingError(f"{shown(url)}: there is no such file")
    return None


def too_large(url: str, size: int, most: int) -> StorageError:
    """Say that a file is larger than what is read into memory."""
    return StorageError(f"{shown(url)}: {size} bytes; at most {most} are read")


def _missing_library(url: str) -> StorageError:
    extra = EXTRAS[scheme_of(url)]
    return StorageError(
        f"{shown(url)}: what reads {scheme_of(url)}:// is not installed",
        hint=f"pip install 'notebook-runner[{extra}]'",
    )


def _passes(chain: list[BaseException], names: set[str], codes: set[str]) -> bool:
    if any(isinstance(each, TimeoutError | ConnectionError) for each in chain):
        return True
    numbers = {int(code) for code in codes if code.isdecimal()}
    is_busy = any(number in {408, 429} or number >= 500 for number in numbers)
    is_busy |= any(getattr(each, "errno", None) in _PASSING for each in chain)
    is_busy |= bool(codes & {"InternalError", "SlowDown", "ServiceUnavailable", "RequestTimeout"})
    return is_busy or bool(names & _PASSING_NAMES)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _code(error: BaseException) -> str:
    """Give the code of an answer: S3's word, or HTTP's number."""
    answer: Any = getattr(error, "response", None)
    if isinstance(answer, dict):
        return str(answer.get("Error", {}).get("Code", ""))
    number = getattr(error, "status", None) or getattr(error, "code", None)
    return str(number) if isinstance(number, int) else ""


def _said(chain: list[BaseException]) -> str:
    said = next((str(each) for each in chain if str(each)), "") or type(chain[0]).__name__
    return " ".join(said.split())[:300]
