"""Read a server's certificate and its key, and say in one sentence what is wrong with them.

The rules of this file:

1. A pair is tried before it is used, by a handshake in memory with a client that trusts it: so one
   that does not match, or is not valid today, is found by whoever looks, and by no client.
2. What is said names files, and holds nothing of what is in them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import ssl
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from runner.config import setting, variable
from runner.errors import ConfigurationError

_OPTIONS = ("tls-cert", "tls-key", "tls-client-ca")
_LARGEST = 1_000_000  # bytes of a file
_ROUNDS = 4  # of messages, in which a handshake ends
_OTHERS = stat.S_IROTH | stat.S_IWOTH
_MISMATCH = {"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"}
# X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED. Source: OpenSSL's x509_vfy.h.
_NOT_YET, _EXPIRED = 9, 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class TlsFiles:
    """Name the files by which a server speaks TLS.

    Attributes:
        cert: Its certificate and those that lead to a known one, in PEM form.
        key: The private key; empty: it is in the same file.
        client_ca: Of whom a client must show a certificate; empty: none is asked for.
        password: Opens the key.
        is_client_optional: A client may as well show none.
    """

    cert: str
    key: str = ""
    client_ca: str = ""
    password: str = dataclasses.field(default="", repr=False)
    is_client_optional: bool = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self | None:
        """Take the ``RUNNER_TLS_*`` variables, by which the command line's options arrive.

        Raises:
            ConfigurationError: There is a key or an authority, and no certificate.
        """
        return cls.of(*(setting(name, "", environ) for name in _OPTIONS))

    @classmethod
    def of(cls, cert: str, key: str, client_ca: str) -> Self | None:
        """Name them by paths that hold in every working folder; None if no file is named.

        Raises:
            ConfigurationError: There is a key or an authority, and no certificate.
        """
        if not cert and (key or client_ca):
            raise ConfigurationError(f"{key or client_ca}: --tls-cert is missing")
        if not cert:
            return None
        return cls(cert=in_full(cert), key=in_full(key), client_ca=in_full(client_ca))

    def environ(self) -> dict[str, str]:
        """Give the variables by which a kernel knows the files."""
        paths = (self.cert, self.key, self.client_ca)
        return dict(zip(map(variable, _OPTIONS), paths, strict=True))

    @property
    def paths(self) -> list[str]:
        """Give those that there are."""
        return [path for path in (self.cert, self.key, self.client_ca) if path]

    def signature(self) -> tuple[Any, ...]:
        """Give what differs when a file was changed, or is another one."""
        found: list[Any] = []
        for path in self.paths:
            with contextlib.suppress(OSError):
                state = Path(path).stat()
                found.append((path, state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns))
        return tuple(found)

    def warning(self) -> str:
        """Say that others may read the key; nothing if they may not."""
        key = self.key or self.cert
        with contextlib.suppress(OSError):
            if Path(key).stat().st_mode & _OTHERS:
                return f"{key}: every user of this machine may read the private key: chmod 600"
        return ""


def in_full(path: str) -> str:
    """Name a file by a path that holds in every working folder; nothing stays nothing."""
    # Not resolved: who renews a certificate may swap a link.
    return os.path.abspath(path) if path else ""  # noqa: PTH100


def context_of(files: TlsFiles) -> tuple[ssl.SSLContext, str]:
    """Give what connections are made by, and until when its certificate is valid.

    Raises:
        ConfigurationError: A file is missing, broken or of another pair, or not valid today.
    """
    _check_form(files.cert, b"CERTIFICATE-----", "a certificate")
    _check_form(files.key or files.cert, b"PRIVATE KEY-----", "a private key")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # whatever the system's own settings say
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    _load_pair(context, files)
    until = _tried(context, files.cert)
    if files.client_ca:
        _load_authority(context, files)
    return context, until


def _check_form(path: str, word: bytes, what: str) -> None:
    try:
        with Path(path).open("rb") as file:
            content = file.read(_LARGEST)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    if word not in content:
        raise ConfigurationError(f"{path}: it holds no {what.removeprefix('a ')} in PEM form")


def _load_pair(context: ssl.SSLContext, files: TlsFiles) -> None:
    def password() -> str:
        if not files.password:
            raise ConfigurationError(
                f"{files.key or files.cert}: the private key has a password",
                hint="`openssl pkey -in KEY -out FILE` writes one without",
            )
        return files.password

    try:
        context.load_cert_chain(files.cert, files.key or None, password)
    except ssl.SSLError as error:
        key = files.key or files.cert
        if error.reason in _MISMATCH:
            raise ConfigurationError(
                f"{key}: the private key is not that of the certificate in {files.cert}"
            ) from error
        raise ConfigurationError(
            f"{files.cert}, {key}: no certificate and key that can be read ({error.reason})"
        ) from error
    except OSError as error:
        raise ConfigurationError(f"{files.cert}: {error.strerror}") from error


def _load_authority(context: ssl.SSLContext, files: TlsFiles) -> None:
    _check_form(files.client_ca, b"CERTIFICATE-----", "a certificate")
    try:
        context.load_verify_locations(files.client_ca)
    except (ssl.SSLError, OSError) as error:
        raise ConfigurationError(f"{files.client_ca}: no certificates that can be read") from error
    context.verify_mode = ssl.CERT_OPTIONAL if files.is_client_optional else ssl.CERT_REQUIRED


def _tried(context: ssl.SSLContext, cert: str) -> str:
    """Shake hands in memory, and give until when the certificate is valid; empty if unknown."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # it is trusted by itself
    try:
        client.load_verify_locations(cert)
        return str(_seen_by(client, context).get("notAfter", ""))
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in {_NOT_YET, _EXPIRED}:
            raise ConfigurationError(f"{cert}: {error.verify_message}") from error
        return ""  # what else a client finds is between them
    except ssl.SSLError as error:
        raise ConfigurationError(f"{cert}: no handshake succeeds ({error.reason})") from error
    except OSError as error:  # it has gone since it was read
        raise ConfigurationError(f"{cert}: {error.strerror}") from error


def _seen_by(client: ssl.SSLContext, server: ssl.SSLContext) -> Mapping[str, Any]:
    """Give the certificate that a client sees."""
    asked, answered = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(answered, asked),
        server.wrap_bio(asked, answered, server_side=True),
    ]
    for _ in range(_ROUNDS):
        for end in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return ends[0].getpeercert() or {}
