"""By what a notebook's own server call asks for TLS."""

from __future__ import annotations

import dataclasses
import ssl
import types
from pathlib import Path
from typing import Any

import hypercorn.config
import pytest
import uvicorn
from support.certificates import Authority

from runner.errors import ConfigurationError
from runner.serving import servers, tls_asked
from runner.tls.certificate import TlsFiles


async def app(scope: Any, receive: Any, send: Any) -> None:
    raise NotImplementedError


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TlsFiles:
    """A pair in the working folder."""
    monkeypatch.chdir(tmp_path)
    return Authority(tmp_path).issue()


def test_the_files_of_uvicorn_s_call_are_named_in_full(files: TlsFiles) -> None:
    """A worker that reads them again may be elsewhere."""
    config = uvicorn.Config(app, ssl_certfile="cert.pem", ssl_keyfile="key.pem")
    assert tls_asked.of_uvicorn(config) == files
    assert tls_asked.of_uvicorn(uvicorn.Config(app)) is None


@pytest.mark.parametrize(
    ("mode", "is_asked", "is_optional"),
    [
        (ssl.CERT_NONE, False, False),
        (ssl.CERT_OPTIONAL, True, True),
        (ssl.CERT_REQUIRED, True, False),
    ],
)
def test_whether_clients_show_a_certificate_is_as_the_call_says(
    mode: ssl.VerifyMode, is_asked: bool, is_optional: bool
) -> None:
    """An authority alone asks nobody, with either server."""
    names = {"ssl_certfile": "c", "ssl_keyfile": "k", "ssl_ca_certs": "/ca"}
    config = hypercorn.config.Config()
    config.certfile, config.keyfile, config.ca_certs, config.verify_mode = "c", "k", "/ca", mode
    for asked in (
        tls_asked.of_uvicorn(uvicorn.Config(app, **names, ssl_cert_reqs=mode)),
        tls_asked.of_hypercorn(config),
    ):
        assert isinstance(asked, TlsFiles)
        assert (asked.client_ca, asked.is_client_optional) == ("/ca" * is_asked, is_optional)


def test_who_asks_for_certificates_names_of_whom() -> None:
    """Else all would be let in that the call means to keep out."""
    config = uvicorn.Config(app, ssl_certfile="c", ssl_cert_reqs=ssl.CERT_REQUIRED)
    with pytest.raises(ConfigurationError, match="names no authority"):
        tls_asked.of_uvicorn(config)


def test_a_factory_of_contexts_is_called(files: TlsFiles) -> None:
    """With what makes the one that it would have."""
    config = uvicorn.Config(
        app,
        ssl_certfile=files.cert,
        ssl_keyfile=files.key,
        ssl_context_factory=lambda config, default: default(),
    )
    assert isinstance(tls_asked.of_uvicorn(config), ssl.SSLContext)


def test_what_run_simple_takes_is_taken(files: TlsFiles) -> None:
    """Files, a context, one that is made up; nothing is nothing."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    assert tls_asked.of_werkzeug((files.cert, files.key), None) == files
    assert tls_asked.of_werkzeug((files.cert, None), None) == TlsFiles(cert=files.cert)
    assert tls_asked.of_werkzeug(context, None) is context
    assert tls_asked.of_werkzeug("adhoc", lambda: context) is context
    assert tls_asked.of_werkzeug(None, None) is None


def test_granian_listens_without_tls_where_we_speak_it(files: TlsFiles) -> None:
    """By the files of its call, and for this machine alone; else it is left as it is."""
    made: list[dict[str, object]] = []

    class AbstractServer:
        def __init__(
            self, target: str, address: str = "::", port: int = 1, *, ssl_cert=None, ssl_key=None
        ) -> None:
            found = {"target": target, "address": address, "port": port}
            made.append(found | {"is_tls": bool(ssl_cert and ssl_key)})

    common: Any = types.SimpleNamespace(AbstractServer=AbstractServer)
    servers.PATCHES["granian.server.common"](common, None)  # type: ignore[arg-type] # takes no app
    named = {"ssl_cert": Path(files.cert), "ssl_key": Path(files.key)}
    AbstractServer("a:app", "0.0.0.0", 4711, **named)
    AbstractServer("a:app", "0.0.0.0", port=4712)
    assert made == [
        {"target": "a:app", "address": "127.0.0.1", "port": 4711, "is_tls": False},
        {"target": "a:app", "address": "0.0.0.0", "port": 4712, "is_tls": False},
    ]
    assert tls_asked.spoken_for(4711) == files
    assert tls_asked.spoken_for(4712) is None


def test_what_granian_asks_for_is_done_or_refused(files: TlsFiles) -> None:
    """A list of the revoked would be left out in silence."""
    asked = {"ssl_cert": files.cert, "ssl_key": files.key, "ssl_ca": "ca"}
    assert tls_asked.of_granian({**asked, "ssl_client_verify": True}) == dataclasses.replace(
        files, client_ca=str(Path("ca").absolute())
    )
    assert tls_asked.of_granian({"ssl_cert": files.cert}) is None
    with pytest.raises(ConfigurationError, match="ssl_crl"):
        tls_asked.of_granian({**asked, "ssl_crl": ["list"]})


def test_a_context_is_served_as_it_is_and_said(files: TlsFiles) -> None:
    """Nobody can renew it; files are read as they are now."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    for asked in (context, files):
        tls = tls_asked.chosen(asked)
        assert tls is not None
        assert tls.files is (files if asked is files else None)
    assert tls_asked.notices(context) == [tls_asked.AS_IT_IS]
    assert tls_asked.notices(files) == []
    assert tls_asked.chosen() is None


def test_the_command_line_s_certificate_decides(
    files: TlsFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the call brings; and the log says so."""
    for name, path in files.environ().items():
        monkeypatch.setenv(name, path)
    tls = tls_asked.chosen(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
    assert tls is not None
    assert tls.files == files
    assert tls_asked.notices(TlsFiles(cert="other")) == [tls_asked.OURS_DECIDES]
