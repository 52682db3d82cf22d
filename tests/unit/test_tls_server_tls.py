"""When a renewed certificate is taken up, and when it is not."""

from __future__ import annotations

import logging
import shutil
import ssl
from pathlib import Path

import pytest
from support.certificates import Authority, days

from runner.tls.certificate import TlsFiles
from runner.tls.server_tls import ServerTls


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def looked_twice(tls: ServerTls) -> bool:
    """Tell whether two looks change what is shown to clients."""
    before = tls.context
    tls.look()
    tls.look()
    return tls.context is not before


def test_what_is_renewed_is_taken_when_it_has_not_changed_for_a_moment(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """Of two files that are written one after the other, nobody reads one alone."""
    caplog.set_level(logging.INFO)
    tls = ServerTls.read(authority.issue())
    before = tls.context
    assert not looked_twice(tls)
    authority.issue()
    tls.look()
    assert tls.context is before
    tls.look()
    assert tls.context is not before
    assert "was renewed" in caplog.text


@pytest.mark.parametrize("spoil", ["mismatch", "missing", "expired"])
def test_what_cannot_be_used_is_not_taken_and_said_once(
    authority: Authority, caplog: pytest.LogCaptureFixture, spoil: str
) -> None:
    """The one before goes on; what mends it is taken."""
    files = authority.issue()
    tls, old = ServerTls.read(files), Path(files.key).read_bytes()
    authority.issue(not_after=days(-1) if spoil == "expired" else None)
    if spoil == "mismatch":
        Path(files.key).write_bytes(old)
    elif spoil == "missing":
        Path(files.key).unlink()
    assert not looked_twice(tls)
    assert not looked_twice(tls)
    assert caplog.text.count("was not renewed") == 1
    authority.issue()
    assert looked_twice(tls)


def test_a_link_that_leads_elsewhere_is_another_certificate(
    authority: Authority, tmp_path: Path
) -> None:
    """So Kubernetes and certbot renew them."""
    live, files = tmp_path / "live", authority.issue()
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        for path in (files.cert, files.key):
            shutil.copy(path, tmp_path / version)
        files = authority.issue()
    live.symlink_to("1")
    tls = ServerTls.read(TlsFiles(cert=str(live / "cert.pem"), key=str(live / "key.pem")))
    (tmp_path / "next").symlink_to("2")
    (tmp_path / "next").replace(live)
    assert looked_twice(tls)


def test_files_that_are_just_being_written_are_waited_for(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that starts then would else not come to serve."""
    files = authority.issue()
    key, good = Path(files.key), Path(files.key).read_bytes()
    key.write_bytes(b"")
    monkeypatch.setattr("time.sleep", lambda _: key.write_bytes(good))
    assert ServerTls.read(files, waits=True).context


def test_failures_are_said_now_and_then(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever speaks HTTP to it must not fill the log."""
    tls = ServerTls.read(authority.issue())
    error = ssl.SSLError(1, "x")
    error.reason = "HTTP_REQUEST"
    for _ in range(100):
        tls.note_failed(error, ("192.0.2.1", 1))
    [record] = caplog.records
    assert "192.0.2.1 failed: it spoke plain HTTP" in record.getMessage()
