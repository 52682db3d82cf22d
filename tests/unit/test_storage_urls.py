"""What is secret in a URL is shown nowhere, and its local copy stays within its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import ConfigurationError
from runner.record.folders import folder_of
from runner.storage import urls

SIGNED = "https://me:s3cr3t@host:8443/a/b.ipynb?X-Amz-Signature=abc123&x=1#top"


def test_a_url_is_shown_without_what_may_be_secret() -> None:
    """The user, the password, the query and the fragment are left out."""
    assert urls.shown(SIGNED) == "https://host:8443/a/b.ipynb"
    assert urls.shown("s3://bucket/a.ipynb") == "s3://bucket/a.ipynb"


def test_what_a_library_says_is_shown_without_secrets() -> None:
    """Whatever part of the URL it repeats."""
    said = f"cannot open {SIGNED}: abc123 of me:s3cr3t is wrong"
    shown = urls.without_secrets(said, SIGNED)
    assert not any(secret in shown for secret in ("s3cr3t", "abc123"))


def test_a_local_copy_lies_below_one_folder() -> None:
    """By scheme, bucket and name; and it leads back, without secrets."""
    path = urls.local_copy(SIGNED)
    assert path == Path("runs/storage/https/host:8443/a/b.ipynb")
    assert urls.url_of(path) == urls.shown(SIGNED)
    assert urls.url_of(Path("runs/a/out.ipynb")) == urls.url_of(Path("/runs/storage/s3/b/c")) == ""


@pytest.mark.parametrize("url", ["s3://b/../../etc/x", "s3://b//x", "s3://b/", "s3://b", "s3://"])
def test_what_names_no_file_is_refused(url: str) -> None:
    """Nothing is ever written beside the folder of local copies."""
    with pytest.raises(ConfigurationError):
        urls.check(url)


def test_only_what_can_be_written_is_written() -> None:
    """And only schemes that are known are read."""
    assert urls.check("gs://b/x", writes=True)
    with pytest.raises(ConfigurationError, match="nothing is written by https://"):
        urls.check("https://host/x", writes=True)
    with pytest.raises(ConfigurationError, match="nothing is read or written by ftp://"):
        urls.check("ftp://host/x")


def test_a_url_with_values_has_the_same_login_and_query() -> None:
    """OUT may name parameters in braces."""
    path = urls.local_copy("s3://b/out_7.ipynb")
    assert urls.moved("s3://k:s@b/out_{x}.ipynb?v=1", path) == "s3://k:s@b/out_7.ipynb?v=1"


def test_a_card_is_beside_its_model() -> None:
    """Also where a query follows."""
    assert urls.with_suffix("s3://b/m/iris.joblib?v=2", ".json") == "s3://b/m/iris.json?v=2"


def test_a_notebook_by_url_has_a_folder_by_its_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So two of one name in two buckets do not meet."""
    monkeypatch.chdir(tmp_path)
    path = urls.local_copy("s3://bucket/a/train.ipynb")
    assert folder_of(path) == Path("runs/s3-bucket-a-train")
