"""Secrets are known by their names."""

from __future__ import annotations

import pytest

from runner.masking.names import HINTS, is_secret

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
    "PassWord",
    "pass_phrase",
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


@pytest.mark.parametrize("name", SECRET)
def test_each_has_a_hint(name: str) -> None:
    """So a text without one has no secret."""
    assert any(hint in name.lower() for hint in HINTS)
