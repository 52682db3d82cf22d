"""Forms with files."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from msgspec import Meta
from support.prediction_apps import app_of, post, send

from runner import batched
from runner.predict.problem_error import ProblemError
from runner.predict.uploads import UploadFile, fields_of_form, value_of_field
from runner.predict.value_readers import reader_for

FILE = UploadFile(filename="a", content_type="text/plain", data=b"x")
BINARY = {"type": "string", "format": "binary"}
ABOUT = {"description": "A picture"}
TYPE = "multipart/form-data; boundary=B"


def test_files_and_texts_are_told_apart() -> None:
    """By the filename; a repeated field is a list."""
    body = (
        b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
        b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n2\r\n'
        b'--B\r\nContent-Disposition: form-data; name="f"; filename="x.png"\r\n'
        b"Content-Type: image/png\r\n\r\n\x00\r\n\xff\r\n--B--\r\n"
    )
    file = UploadFile(filename="x.png", content_type="image/png", data=b"\x00\r\n\xff")
    assert fields_of_form(body, TYPE) == {"a": ["1", "2"], "f": file}


@pytest.mark.parametrize("body", [b"", b"--B\r\n", b"--B\r\n\r\nx\r\n"])
def test_a_form_that_is_not_whole_is_400(body: bytes) -> None:
    """As it is when the client was cut off."""
    with pytest.raises(ProblemError) as caught:
        fields_of_form(body, TYPE)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("text", "hint", "value"),
    [
        ("7", int, 7),
        ("7", str, "7"),
        ("x", int, "x"),
        ("[1]", list[int], [1]),
        ("1", list[int], [1]),
        (["1", "2"], list[int] | None, [1, 2]),
        (["1", "2"], list[str], ["1", "2"]),
        ("", int | None, None),
        ("", str | None, ""),
        ("a", bytes, "a"),
        (FILE, bytes, b"x"),
        (FILE, list[bytes], [b"x"]),
        ([FILE, FILE], list[bytes], [b"x", b"x"]),
    ],
)
def test_a_field_is_what_its_type_wants(text: Any, hint: Any, value: object) -> None:
    """JSON where that fits, of a repeated field a list; the schema refuses the rest."""
    assert value_of_field(text, hint, as_file=False) == value


def test_files_may_be_absent_or_several() -> None:
    """By the hint; of any other type that has a file in it, serve says so."""

    def read(
        main: UploadFile | None = None,
        others: list[UploadFile] = [],  # noqa: B006 - as authors write it
        n: int = 1,
    ) -> Any:
        return [main and main.filename, [each.filename for each in others], n]

    app = app_of(read, example={})
    part = b'--B\r\nContent-Disposition: form-data; name="%b"; filename="%b"\r\n\r\nx\r\n'
    body = part % (b"main", b"a") + part % (b"others", b"b") + b"--B--\r\n"
    assert send(app, body, headers={"content-type": TYPE}).json() == ["a", ["b"], 1]
    assert post(app, {"main": None}).json() == [None, [], 1]
    assert post(app, {"main": "x"}).status_code == 422

    def nested(files: dict[str, UploadFile]) -> int:
        return len(files)

    with pytest.raises(TypeError, match="a file within another type"):
        app_of(nested)

    @batched()
    def sizes(files: list[UploadFile]) -> list[int]:
        return [len(each.data) for each in files]

    with pytest.raises(TypeError, match="takes no files as such"):
        app_of(sizes)


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (UploadFile, BINARY),
        (Annotated[UploadFile, Meta(description="A picture")], BINARY | ABOUT),
        (UploadFile | None, {"anyOf": [BINARY, {"type": "null"}]}),
        (list[UploadFile], {"type": "array", "items": BINARY}),
        (
            Annotated[list[UploadFile] | None, Meta(description="A picture")],
            {"anyOf": [{"type": "array", "items": BINARY}, {"type": "null"}]} | ABOUT,
        ),
        (list[bytes], None),
        (bytes | None, None),
    ],
)
def test_a_file_is_described(hint: Any, schema: Any) -> None:
    """With what annotates it; null only where it is taken."""
    reader = reader_for(hint)
    assert (reader and reader.schema) == schema
    if reader and "anyOf" in schema:
        assert reader.read(None, ()) is None
