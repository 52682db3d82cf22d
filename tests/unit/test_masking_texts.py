"""What clients send, without its secrets."""

from __future__ import annotations

import json

import pytest

from runner.masking.names import MASK
from runner.masking.texts import FORM, TextMasking

JSON = "application/json"
UPLOAD = "multipart/form-data"
NAMED = '--x\r\ncontent-disposition: form-data; name="{}"\r\n\r\nt0p\r\n--x--\r\n'


@pytest.mark.parametrize(
    ("media", "text", "masked"),
    [
        (JSON, '{"a": 1}', '{"a": 1}'),
        (JSON, '{"a": "token"}', '{"a": "token"}'),
        (JSON, '{"password": "t0p", "a": 1.50}', '{"password": "***", "a": 1.5}'),
        (JSON, '[{"a": [{"apiKey": {"b": "t0p"}}]}]', '[{"a": [{"apiKey": "***"}]}]'),
        (JSON, '{"pass\\u0077ord": "t0p"}', '{"password": "***"}'),
        (JSON, '{"\\u0070assword": "t0p"}', '{"password": "***"}'),
        (JSON, '{"a": "x:\\", \\"", "pwd": 7}', '{"a": "x:\\", \\"", "pwd": "***"}'),
        (JSON, '{"u": "db://me:t0p@x"}', '{"u": "db://***@x"}'),
        (JSON, '{"u": "db://x", "v": "a:b@c"}', '{"u": "db://x", "v": "a:b@c"}'),
        (JSON, '{"password": "t0p", "a', "***"),
        (JSON, '{"a": "', '{"a": "'),
        (JSON, '{"token": ' + "[" * 9_000, "***"),
        (JSON, '{"token": ' + "1" * 9_000 + "}", "***"),
        ("application/problem+json", '{"secret": "t0p"}', '{"secret": "***"}'),
        (FORM, "a=1&password=t0p&b=", "a=1&password=***&b="),
        (FORM, "pass%77ord=t0p&user%5Bpwd%5D=t0p", "pass%77ord=***&user%5Bpwd%5D=***"),
        (FORM, "%70assword=t0p&a=b%40c", "%70assword=***&a=b%40c"),
        (FORM, "u=db%3A%2F%2Fme%3At0p%40x", "u=***"),
        ("text/plain", '{"a": {"token": "t0p"}}', '{"a": {"token": "***"}}'),
        ("", '[{"token": "t0p"}', "***"),
        ("text/csv", "[a],password\n1,t0p", "***"),
        (FORM, "a=%7B%22pwd%22%3A%22t0p%22%7D", "a=***"),
        (FORM, '{"pwd": "t0p"}', '{"pwd": "***"}'),
        (UPLOAD, NAMED.format("a"), NAMED.format("a")),
        (UPLOAD, NAMED.format("password"), "***"),
        ("text/csv", "a,b\n1,2\n", "a,b\n1,2\n"),
        ("text/csv", "a,db_password\n1,t0p\n", "***"),
        ("application/x-ndjson", '{"a": 1}\n{"token": "t0p"}\n{"a', "***"),
        ("text/event-stream", 'data: {"key": 1}\n\n', 'data: {"key": 1}\n\n'),
        ("text/event-stream", 'data: {"token": "t0p"}\n\n', "***"),
        ("text/plain", "the next token, said the author", "the next token, said the author"),
        ("text/plain", "password=t0p", "***"),
        ("", '"{\\"password\\": \\"t0p\\"}"', "***"),
        (FORM, "password: t0p", "***"),
        (FORM, "password: t0p\nx=1", "***"),
        (FORM, "a,password\n1,t0p", "***"),
        ("text/plain", "a;password\n1;t0p", "***"),
        ("text/plain", "I lost my password", "I lost my password"),
        (UPLOAD, NAMED.format("a").replace("t0p", "a,password\r\n1,t0p"), "***"),
        ("application/xml", "<a><password>t0p</password></a>", "***"),
        ("text/xml", '<x:apiKey a="b">t0p</x:apiKey>', "***"),
        (JSON, '{"a": "{\\"pwd\\": 7}"}', '{"a": "{\\"pwd\\": \\"***\\"}"}'),
        (JSON, '{"a":"\\u007b\\"pwd\\":7}","a":1}', "***"),
        (JSON, '{"u":"a://b/@c"}', '{"u":"a://b/@c"}'),
        (JSON, '{"token":"t0p","token":null}', "***"),
        (
            JSON,
            '{"u": "a://b/c?x=1&X-Amz-Signature=t0p"}',
            '{"u": "a://b/c?x=1&X-Amz-Signature=***"}',
        ),
        (JSON, '{"u": "a://b/c?password=t0p#d"}', '{"u": "a://b/c?password=***#d"}'),
        (JSON, '{"u": "a:\\/\\/me:t0p@b"}', '{"u": "a://***@b"}'),
        (JSON, '{"u": "a://me:t0p@t0p@b/c@d"}', '{"u": "a://***@b/c@d"}'),
        (JSON, '{"u": "a://b/c?id=1"}', '{"u": "a://b/c?id=1"}'),
        (FORM, "u=a%3A%2F%2Fb%3Fsig%3Dt0p", "u=***"),
        ("text/csv", "\n# of today\na,password\n1,t0p", "***"),
        ("text/csv", "# a,password\n1,t0p", "***"),
        ("text/csv", "a,b\n1,password", "a,b\n1,password"),
        ("text/plain", "\n\na,password\n1,t0p", "***"),
        (UPLOAD, NAMED.format("a").replace("t0p", "password\r\nt0p"), "***"),
        (
            UPLOAD,
            NAMED.format("a").replace("t0p", "my password"),
            NAMED.format("a").replace("t0p", "my password"),
        ),
    ],
)
def test_a_secret_is_masked(media: str, text: str, masked: str) -> None:
    """In its place, or with all around it, where nobody knows where it ends."""
    assert TextMasking().text(text, media) == masked


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {
                "inputs": [
                    {"name": "email", "shape": [1], "data": ["me"]},
                    {"name": "a", "data": [1]},
                ]
            },
            {"inputs": [{"name": "email", "shape": [1], "data": MASK}, {"name": "a", "data": [1]}]},
        ),
        (
            {"dataframe_split": {"columns": ["a", "email"], "index": [0], "data": [[1, "me"]]}},
            {"dataframe_split": {"columns": ["a", "email"], "index": [0], "data": [[1, MASK]]}},
        ),
        ({"columns": ["email"], "data": [["me", 1]]}, {"columns": ["email"], "data": [MASK]}),
        ({"columns": ["email"], "data": "me"}, {"columns": ["email"], "data": [MASK]}),
        ([{"name": "Authorization", "value": "me"}], [{"name": "Authorization", "value": MASK}]),
        ({"name": "me", "data": [1], "columns": 5}, {"name": "me", "data": [1], "columns": 5}),
    ],
)
def test_a_value_is_masked_by_a_name_that_stands_beside_it(given: object, expected: object) -> None:
    """As the protocols that a service answers write rows: tensors, and tables split in two."""
    masking = TextMasking(["email"])
    assert json.loads(masking.text(json.dumps(given), JSON)) == expected
    if given != expected:
        assert masking.text(json.dumps(given)[:-1], JSON) == MASK


def test_named_secrets_are_masked() -> None:
    """Those that the service names besides."""
    masking = TextMasking(["login"])
    assert masking.text('{"login": "me"}', JSON) == '{"login": "***"}'
    assert masking.query("login=me&a=1") == "login=***&a=1"
    assert masking.names_secret(b"\x00login\x00")
    for head in ("a,login\r", '"login","a"', "\ufefflogin, a"):
        assert masking.text(f"{head}\n1,2", "text/csv") == "***"


@pytest.mark.parametrize("name", ["user[email]", "user.email", "user[email][]", "email.home"])
def test_a_named_secret_is_found_within_a_name_of_several(name: str) -> None:
    """As forms and flat tables write what stands within something else."""
    masking = TextMasking(["email"])
    assert masking.query(f"{name}=me&emails=1") == f"{name}=***&emails=1"
    assert masking.text(f'{{"{name}": "me", "b": 1}}', JSON) == f'{{"{name}": "***", "b": 1}}'
    assert masking.text(NAMED.format(name), UPLOAD) == MASK
    assert masking.text(f"a,{name}\n1,me", "text/csv") == MASK


def test_a_named_secret_need_not_be_a_word() -> None:
    """A column has any name."""
    masking = TextMasking(["first name", "größe"])
    assert masking.names_secret("PAR1größe".encode() + b"\xff")
    assert masking.names_secret(b"PAR1first name\xff")
    assert masking.text("first name: me", "text/plain") == "***"


def test_a_table_that_names_a_secret_is_seen() -> None:
    """Its columns' names stand in it as they are."""
    assert TextMasking().names_secret(b"PAR1\x15\x04db_password\x00\xff")
    assert not TextMasking().names_secret(b"PAR1\x15\x04height\x00\xff\x00token_limit\x01")


@pytest.mark.parametrize("media", [JSON, FORM, "text/csv", "text/plain"])
@pytest.mark.parametrize("piece", ["token", "token ", '"token', "token\\", "name=", "://a:", "a,"])
def test_time_grows_with_the_text(media: str, piece: str) -> None:
    """Whatever it repeats: a worker's writer has no time for more."""
    TextMasking().text(piece * 20_000 + "@ token", media)


def test_what_is_masked_stays_json() -> None:
    """For whoever parses it again."""
    given = {"token": "t0p", "a": ["é", "\ud800", 1e300, None, True]}
    masked = json.loads(TextMasking().text(json.dumps(given), JSON))
    assert masked == given | {"token": "***"}
