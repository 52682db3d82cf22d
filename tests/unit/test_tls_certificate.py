"""What is wrong with the files by which a server is to speak TLS."""

from __future__ import annotations

import dataclasses
import shutil
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from support.certificates import Authority, days

from runner.errors import ConfigurationError
from runner.tls import client_name
from runner.tls.certificate import TlsFiles, context_of


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def files(authority: Authority, tmp_path: Path) -> TlsFiles:
    """A good pair that a test may spoil."""
    issued = authority.issue()
    cert, key = (shutil.copy(path, tmp_path) for path in (issued.cert, issued.key))
    return TlsFiles(cert=str(cert), key=str(key))


def test_a_good_pair_speaks_the_versions_of_today(files: TlsFiles) -> None:
    """TLS 1.2 and above, whatever the system's own settings are; no client is asked who it is."""
    context, until = context_of(files)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_NONE
    assert until.endswith("GMT")


def test_one_file_may_hold_both(files: TlsFiles) -> None:
    """As many tools write them."""
    both = Path(files.cert)
    both.write_bytes(both.read_bytes() + Path(files.key).read_bytes())
    assert context_of(TlsFiles(cert=str(both)))


def _leave_out(files: TlsFiles) -> None:
    Path(files.key).unlink()


def _empty(files: TlsFiles) -> None:
    Path(files.cert).write_text("")


def _exchange(files: TlsFiles) -> None:
    cert, key = Path(files.cert), Path(files.key)
    content = cert.read_bytes()
    cert.write_bytes(key.read_bytes())
    key.write_bytes(content)


def _cut(files: TlsFiles) -> None:
    cert = Path(files.cert)
    cert.write_bytes(cert.read_bytes()[:300])


def _encrypt(files: TlsFiles) -> None:
    key = Path(files.key)
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    form, how = serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    key.write_bytes(loaded.private_bytes(serialization.Encoding.PEM, form, how))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_leave_out, "key.pem: No such file"),
        (_empty, "cert.pem: it holds no certificate"),
        (_exchange, "cert.pem: it holds no certificate"),
        (_cut, "no certificate and key that can be read"),
        (_encrypt, "key.pem: the private key has a password"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    files: TlsFiles, spoil: Callable[[TlsFiles], None], said: str
) -> None:
    """It names the file, and nothing of what is in it."""
    spoil(files)
    with pytest.raises(ConfigurationError, match=said) as raised:
        context_of(files)
    assert len(str(raised.value)) < 250


def test_a_key_of_another_certificate_is_refused(files: TlsFiles, authority: Authority) -> None:
    """As it is for a moment when both are renewed."""
    other = authority.issue()
    with pytest.raises(ConfigurationError, match="is not that of the certificate"):
        context_of(dataclasses.replace(files, key=other.key))


@pytest.mark.parametrize(
    ("since", "until", "said"), [(-9, -1, "has expired"), (1, 9, "not yet valid")]
)
def test_a_certificate_of_another_time_is_refused(
    authority: Authority, since: int, until: int, said: str
) -> None:
    """Every client would refuse it."""
    files = authority.issue(not_before=days(since), not_after=days(until))
    with pytest.raises(ConfigurationError, match=said):
        context_of(files)


def test_an_authority_must_hold_certificates(files: TlsFiles, authority: Authority) -> None:
    """Else every client would be refused, or none."""
    asked = dataclasses.replace(files, client_ca=str(authority.path))
    assert context_of(asked)[0].verify_mode == ssl.CERT_REQUIRED
    with pytest.raises(ConfigurationError, match="holds no certificate"):
        context_of(dataclasses.replace(files, client_ca=files.key))


def test_a_key_that_others_can_read_is_told(files: TlsFiles) -> None:
    """It is not refused: some systems hand keys over so."""
    assert not files.warning()
    Path(files.key).chmod(0o644)
    assert "every user of this machine may read" in files.warning()


def test_a_key_alone_is_refused() -> None:
    """Nobody would know whose it is."""
    with pytest.raises(ConfigurationError, match="--tls-cert is missing"):
        TlsFiles.of("", "key.pem", "")
    assert TlsFiles.of("", "", "") is None


def test_names_hold_in_every_folder_and_are_not_resolved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel may run elsewhere; a link may lead elsewhere tomorrow."""
    (tmp_path / "live").symlink_to("nowhere")
    monkeypatch.chdir(tmp_path)
    files = TlsFiles.of("live", "", "")
    assert files is not None
    assert files.cert == str(tmp_path / "live")
    assert TlsFiles.from_environment(files.environ()) == files


def test_a_client_s_name_is_written_as_the_rfc_has_it() -> None:
    """The most specific part first, and nothing in it ends it or a line."""
    subject = (
        (("countryName", "DE"),),
        (("organizationName", "A, B"),),
        (("commonName", "#me\n"), ("userId", "7")),
    )
    assert client_name.of({"subject": subject}) == "CN=\\#me\\0a+UID=7,O=A\\, B,C=DE"
    assert client_name.of({}) == ""


def test_a_file_that_goes_while_it_is_read_is_refused_like_one_that_is_missing(
    files: TlsFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who looks after renewals goes on to look."""
    load = ssl.SSLContext.load_cert_chain

    def load_and_remove(context: ssl.SSLContext, cert: str, *given: Any) -> None:
        load(context, cert, *given)
        Path(cert).unlink()

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", load_and_remove)
    with pytest.raises(ConfigurationError, match=r"cert\.pem: No such file"):
        context_of(files)
