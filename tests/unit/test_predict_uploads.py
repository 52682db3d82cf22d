"""Forms with files."""

from __future__ import annotations

import pytest

from runner.predict.problem_error import ProblemError
from runner.predict.uploads import UploadFile, fields_of_form, value_of_text

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
    [("7", int, 7), ("7", str, "7"), ("x", int, "x"), ("[1]", list[int], [1]), ("a", bytes, "a")],
)
def test_a_text_is_what_its_type_wants(text: str, hint: type, value: object) -> None:
    """JSON where that fits; the schema refuses the rest."""
    assert value_of_text(text, hint) == value
