"""Find by what a notebook's own server call asks for TLS, and by what it is served.

The rules of this file:

1. `--tls-cert` decides, whatever the call says.
2. Else files that the call names are ours to read, and to read again when they were renewed.
3. Else its ``SSLContext`` is taken as it is. Then nobody knows its files: it is not renewed, and
   the supervisor cannot speak for the service while nothing serves.
4. What a call asks for is never left out in silence: a service without TLS is none of it.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from runner.errors import ConfigurationError
from runner.tls.certificate import TlsFiles, in_full
from runner.tls.server_tls import ServerTls

Asked = TlsFiles | ssl.SSLContext | None

OURS_DECIDES = "the call names a certificate of its own; --tls-cert decides here"
AS_IT_IS = (
    "it brings a TLS context of its own, whose files are unknown: a renewed certificate needs a"
    " `runner reload`, and while nothing serves nobody answers"
)


def chosen(asked: Asked = None) -> ServerTls | None:
    """Give by what is served; None for a service without TLS.

    Raises:
        ConfigurationError: A file cannot be used.
    """
    return of_call(TlsFiles.from_environment() or asked)


def of_call(asked: Asked) -> ServerTls | None:
    """Give by what a call is served, as if nobody else decided.

    Raises:
        ConfigurationError: A file cannot be used.
    """
    if isinstance(asked, ssl.SSLContext):
        return ServerTls(asked)
    return None if asked is None else ServerTls.read(asked, waits=True)


def notices(asked: Asked) -> list[str]:
    """Say what of the call is done otherwise."""
    if asked is None:
        return []
    if TlsFiles.from_environment() is not None:
        return [OURS_DECIDES]
    return [AS_IT_IS] if isinstance(asked, ssl.SSLContext) else []


def of_uvicorn(config: Any) -> Asked:
    """Read what ``uvicorn.Config`` says of it."""
    if not config.is_ssl:
        return None
    if factory := getattr(config, "ssl_context_factory", None):
        context: ssl.SSLContext = factory(config, lambda: _default_context(config))
        return context
    mode, authority = ssl.VerifyMode(config.ssl_cert_reqs), config.ssl_ca_certs
    return _files(
        config.ssl_certfile, config.ssl_keyfile, config.ssl_keyfile_password, authority, mode
    )


def _default_context(config: Any) -> ssl.SSLContext:
    """Make what uvicorn would, for a factory that asks for it."""
    context = ssl.SSLContext(config.ssl_version)
    context.load_cert_chain(config.ssl_certfile, config.ssl_keyfile, config.ssl_keyfile_password)
    context.verify_mode = ssl.VerifyMode(config.ssl_cert_reqs)
    if config.ssl_ca_certs:
        context.load_verify_locations(config.ssl_ca_certs)
    return context


def of_hypercorn(config: Any) -> Asked:
    """Read what hypercorn's ``Config`` says of it."""
    if not config.ssl_enabled:
        return None
    mode = ssl.VerifyMode(config.verify_mode or ssl.CERT_NONE)
    return _files(config.certfile, config.keyfile, config.keyfile_password, config.ca_certs, mode)


def of_werkzeug(given: Any, make_adhoc: Any) -> Asked:
    """Read what ``run_simple`` is given as its ``ssl_context``.

    Args:
        given: A context, its files, or ``"adhoc"``.
        make_adhoc: Makes a context by a certificate that nobody knows.
    """
    if given is None:
        return None
    if isinstance(given, ssl.SSLContext):
        return given
    if given == "adhoc":
        context: ssl.SSLContext = make_adhoc()
        return context
    cert, *key = given
    return _files(cert, key[0] if key else None, None, None, ssl.CERT_NONE)


def of_granian(given: Mapping[str, Any]) -> Asked:
    """Read what ``Granian`` is given.

    Args:
        given: Its arguments, by their names.

    Raises:
        ConfigurationError: It asks for what is not done here.
    """
    if not (given.get("ssl_cert") and given.get("ssl_key")):
        return None
    if given.get("ssl_crl"):
        raise ConfigurationError("the server call names lists of revoked certificates (ssl_crl)")
    mode = ssl.CERT_REQUIRED if given.get("ssl_client_verify") else ssl.CERT_NONE
    password, authority = given.get("ssl_key_password"), given.get("ssl_ca")
    return _files(given["ssl_cert"], given["ssl_key"], password, authority, mode)


_spoken_for: dict[int, Asked] = {}


def speak_for(port: int, asked: Asked) -> None:
    """Note by what clients speak TLS whose requests are passed on to a port of this machine."""
    _spoken_for[port] = asked


def spoken_for(port: int) -> Asked:
    """Give what was noted; None if nothing was."""
    return _spoken_for.get(port)


def of_socket(own: Any) -> Asked:
    """Give the context that a server's socket was wrapped by."""
    context = getattr(own, "context", None)
    return context if isinstance(context, ssl.SSLContext) else None


def _files(cert: Any, key: Any, password: Any, authority: Any, mode: ssl.VerifyMode) -> TlsFiles:
    if mode is not ssl.CERT_NONE and not authority:
        raise ConfigurationError(
            "the server call asks clients for a certificate, and names no authority"
        )
    if not cert:
        raise ConfigurationError("the server call names a key, and no certificate")
    return TlsFiles(
        cert=in_full(cert),
        key=in_full(key),
        client_ca=in_full(authority) if mode is not ssl.CERT_NONE else "",
        password=str(password or ""),
        is_client_optional=mode is ssl.CERT_OPTIONAL,
    )
