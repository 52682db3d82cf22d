"""Certificates for tests, by trustme."""

from __future__ import annotations

import datetime as dt
import ssl
from pathlib import Path
from typing import Any

import trustme

from runner.tls.certificate import TlsFiles


class Authority:
    """An authority, and what it issues, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ca = folder, trustme.CA()
        self.path = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(self.path))

    def issue(self, **settings: Any) -> TlsFiles:
        """A pair for this machine, where the one before was: the certificate first."""
        issued = self.ca.issue_cert("localhost", "127.0.0.1", **settings)
        cert, key = self.folder / "cert.pem", self.folder / "key.pem"
        issued.cert_chain_pems[0].write_to_path(str(cert))
        issued.private_key_pem.write_to_path(str(key))
        key.chmod(0o600)
        return TlsFiles(cert=str(cert), key=str(key))

    def client(self, name: str = "") -> ssl.SSLContext:
        """What a client trusts, and shows if it has a name."""
        context = ssl.create_default_context(cafile=str(self.path))
        if name:
            pair = self.folder / "client.pem"
            issued = self.ca.issue_cert("client@example.com", common_name=name)
            issued.private_key_and_cert_chain_pem.write_to_path(str(pair))
            context.load_cert_chain(pair)
        return context


def days(number: int) -> dt.datetime:
    """The time so many days from now."""
    return dt.datetime.now(dt.UTC) + dt.timedelta(days=number)


def own_client(*versions: ssl.TLSVersion) -> ssl.SSLContext:
    """A client that trusts everybody, and speaks these versions, the first and the last."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    if versions:
        context.minimum_version, context.maximum_version = versions[0], versions[-1]
    return context
