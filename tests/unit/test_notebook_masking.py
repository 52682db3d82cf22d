"""Secrets reach the kernel, and no reader of the record."""

from __future__ import annotations

import pytest

from runner.notebook import code
from runner.notebook.masking import is_secret, marked_secrets, masked

SECRET = [
    "token",
    "api_key",
    "apiKey",
    "apikey",
    "DB_PASSWORD",
    "dbpassword",
    "clientSecret",
    "aws-credentials",
    "accesstoken",
    "auth",
    "HF_TOKEN",
    "private_key",
    "pwd",
    "AWS_SECRET_ACCESS_KEY",
    "OPENAI_API_KEY",
    "github_token",
    "password_2",
    "api_keys",
    "PASSWORD_PROD",
    "Authorization",
    "storage_key",
]
PLAIN = [
    "max_tokens",
    "max_token",
    "tokenizer",
    "monkey",
    "keyboard",
    "author",
    "spinner",
    "n_rows",
    "passes",
    "sort_key",
    "key",
    "keys",
    "partition_keys",
    "primary_key",
    "foreign_key",
    "public_key",
    "pad_token",
    "eos_token",
    "token_limit",
    "secretary",
    "pin",
    "password_length",
    "secret_name",
    "access_key_id",
    "key_column",
    "secretariat",
    "auth_type",
    "keyword",
]


@pytest.mark.parametrize("name", SECRET)
def test_a_secret_is_known_by_its_name(name: str) -> None:
    """Whatever the spelling: snake, camel, capitals, or all in one."""
    assert is_secret(name)


@pytest.mark.parametrize("name", PLAIN)
def test_a_name_that_only_resembles_one_is_none(name: str) -> None:
    """A word that contains another, is about a secret, or has another meaning, is no secret."""
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("line", "is_marked"),
    [
        ('x = ""  # secret', True),
        ('x: str = ""  # Secret: of the shop', True),
        ('x = "#"  # login of the shop (secret)', True),
        ('x = {\n  "a": 1,\n}  # secret', True),
        ("%matplotlib inline\nx = 1  # secret", True),
        ("x = 1  # number of secret agents", False),
        ('x = "# secret"', False),
        ("x = 1\n# secret", False),
    ],
)
def test_a_comment_marks_a_secret(line: str, is_marked: bool) -> None:
    """The word by itself, on the line where the assignment ends."""
    assert marked_secrets(line, code.read(line).tree) == ({"x"} if is_marked else set())


def test_values_are_masked_at_any_depth() -> None:
    """Secrets in dictionaries, lists and URLs are found; all else stays."""
    values = {
        "port": 1,
        "token": "t0p",
        "db": {"password": "t0p", "hosts": ["postgres://me:t0p@db/x", "b"]},
        "use_key": True,
        "key": None,
    }
    assert masked(values) == {
        "port": 1,
        "token": "***",
        "db": {"password": "***", "hosts": ["postgres://***@db/x", "b"]},
        "use_key": True,
        "key": None,
    }
    assert values["token"] == "t0p"


@pytest.mark.parametrize("kind", [list, tuple, set, frozenset])
def test_a_password_in_a_url_is_masked_in_whatever_holds_it(kind: type) -> None:
    """What held it stays what it was."""
    assert masked(kind(["postgres://me:t0p@db/x"])) == kind(["postgres://***@db/x"])


def test_named_secrets_are_masked_at_any_depth() -> None:
    """As well-known ones are, a switch too; and a tuple stays one."""
    values = {"login": True, "db": ({"login": "me"},)}
    assert masked(values, {"login"}) == {"login": "***", "db": ({"login": "***"},)}
