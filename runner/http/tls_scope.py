"""Say to an app by what its client speaks TLS. Source: ASGI's TLS extension, version 0.2."""

from __future__ import annotations

import ssl
from typing import Any


def tls_scope(transport: Any) -> dict[str, Any]:
    """Describe a connection: its version, and the client's certificate if it has shown one."""
    session = transport.get_extra_info("ssl_object")
    shown = session.getpeercert(True) if session is not None else None
    version = session.version() if session is not None else None
    return {
        "server_cert": None,
        "client_cert_chain": [ssl.DER_cert_to_PEM_cert(shown)] if shown else [],
        "client_cert_name": transport.get_extra_info("client_name") or None,
        "client_cert_error": None,
        "tls_version": _number(version) if version else None,
        "cipher_suite": None,
    }


def _number(version: str) -> int:
    """Give the version's number; ``TLSv1.3`` is 0x0304."""
    return int(ssl.TLSVersion[version.replace(".", "_")])
