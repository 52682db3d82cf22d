"""A function's type hints are what its requests must look like."""

from __future__ import annotations

import dataclasses
import enum
import json
import random
import uuid
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, Generic, Literal

import msgspec
import numpy as np
import pandas as pd
import pydantic
import pytest
from numpy.typing import NDArray
from support.hinted_types import Box, Flat, Place, Tree, Value, plant

from runner import UploadFile
from runner.predict.arguments import ArgumentsSchema, parameters_of
from runner.predict.problem_error import ProblemError


class Colour(enum.Enum):
    """What an enum allows."""

    RED = "red"


class Mixed(enum.Enum):
    """What no JSON schema can say in one type."""

    ONE = 1
    TWO = "two"


class Size(msgspec.Struct):
    """A Struct."""

    area: float


class Person(pydantic.BaseModel):
    """A model of pydantic."""

    age: int
    marks: list[float] = []


def schema_of(function: Callable[..., Any]) -> ArgumentsSchema:
    return ArgumentsSchema("f", parameters_of(function))


def typed(hint: Any, default: Any = ...) -> Callable[..., Any]:
    """A function with one parameter ``x``, beside another one."""

    def function(x, other=0):  # type: ignore[no-untyped-def] # its hints follow
        return x

    function.__annotations__ = {"x": hint, "other": int}
    if default is not ...:
        function.__defaults__ = (default, 0)
    return function


def read(hint: Any, value: Any) -> Any:
    return schema_of(typed(hint)).decode(msgspec.json.encode({"x": value}))["x"]


def refused(hint: Any, value: Any) -> set[str]:
    with pytest.raises(ProblemError) as caught:
        read(hint, value)
    assert caught.value.status == 422
    return {fault.field for fault in caught.value.errors}


ID = "a8098c1a-f86e-11da-bd1a-00112444be1e"
HINTS: list[tuple[Any, Any, Any, Any]] = [
    # a hint, what is taken, what that becomes, what is refused
    (float, 1, 1.0, "1"),
    (int, 1, 1, 1.5),
    (str, "a", "a", 1),
    (bool, True, True, 1),
    (float | None, None, None, "x"),
    (Literal["a", "b"], "a", "a", "c"),
    (Colour, "red", Colour.RED, "blue"),
    (list[float], [1, 2.5], [1.0, 2.5], [1, "2"]),
    (dict[str, int], {"a": 1}, {"a": 1}, {"a": "1"}),
    (tuple[int, str], [1, "a"], (1, "a"), [1]),
    (set[int], [1, 1], {1}, [None]),
    (date, "2026-01-02", date(2026, 1, 2), "2026-13-02"),
    (datetime, "2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5), "now"),
    (uuid.UUID, ID, uuid.UUID(ID), "x"),
    (bytes, "YWI=", b"ab", "?"),
    (Annotated[float, msgspec.Meta(ge=0)], 0, 0.0, -1),
    (Flat, {"rooms": 1}, Flat(1), {"rooms": 1, "x": 1}),
    (list[Flat], [{"rooms": 1}], [Flat(1)], [{"rooms": "1"}]),
    (Place, {"city": "a"}, {"city": "a"}, {"street": "b"}),
    (Size, {"area": 1}, Size(1.0), {"area": None}),
    (Person, {"age": 1}, Person(age=1), {"age": "x"}),
    (list[Person], [{"age": 1}], [Person(age=1)], [{"marks": []}]),
]


@pytest.mark.parametrize(("hint", "given", "value", "wrong"), HINTS, ids=lambda each: None)
def test_each_hint_takes_and_refuses(hint: Any, given: Any, value: Any, wrong: Any) -> None:
    """What is refused is named."""
    assert read(hint, given) == value
    assert all(field.startswith("/x") for field in refused(hint, wrong))


@pytest.mark.parametrize(
    ("hint", "given", "shape", "kind"),
    [
        (np.ndarray, [1, 2], (2,), "i"),
        (np.ndarray, [[1, 2.5]], (1, 2), "f"),
        (NDArray[np.float64], [1, 2], (2,), "f"),
        (NDArray[np.int32], [[[1]]], (1, 1, 1), "i"),
        (NDArray[np.bool_], [True], (1,), "b"),
        (NDArray[np.str_], ["abc"], (1,), "U"),
        (NDArray[Any], [1.5], (1,), "f"),
        (NDArray[np.floating], [1.5], (1,), "f"),
    ],
)
def test_arrays_are_nested_lists(hint: Any, given: Any, shape: Any, kind: str) -> None:
    """Of the type that the hint says, or else of what was sent."""
    found = read(hint, given)
    assert (found.shape, found.dtype.kind) == (shape, kind)
    assert found.tolist() == given


@pytest.mark.parametrize(
    ("hint", "given", "field"),
    [
        (np.ndarray, 3, "/x"),
        (np.ndarray, ["a"], "/x/0"),
        (np.ndarray, [True], "/x/0"),
        (np.ndarray, [[1], [1, 2]], "/x"),
        (np.ndarray, [10**30], "/x"),
        (NDArray[np.float64], [[1, None]], "/x/0/1"),
        (NDArray[np.int32], [1.5], "/x/0"),
        (NDArray[np.uint8], [300], "/x"),
        (NDArray[np.float32], [1e300], "/x"),
    ],
)
def test_arrays_are_as_strict_as_numbers(hint: Any, given: Any, field: str) -> None:
    """No string, no boolean, nothing ragged, nothing out of range."""
    assert refused(hint, given) == {field}


def test_frames_come_as_records_or_split() -> None:
    """As pandas writes them."""
    by_rows = schema_of(framed).decode(b'[{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]')["table"]
    split = b'{"columns": ["a", "b"], "data": [[1, "x"], [2, "y"]]}'
    assert by_rows.equals(schema_of(framed).decode(split)["table"])
    assert by_rows["a"].tolist() == [1, 2]
    bodies = [b"1", b"[1]", b'[{"a": []}]', b'{"columns": ["a"], "data": [[1, 2]]}']
    for body in bodies:
        with pytest.raises(ProblemError) as caught:
            schema_of(framed).decode(body)
        assert caught.value.errors, body


def framed(table: pd.DataFrame) -> None:
    """Take a table as the whole body."""


def test_a_series_is_an_object_or_an_array() -> None:
    """As the whole body."""

    def function(row: pd.Series) -> None: ...

    assert schema_of(function).decode(b'{"a": 1}')["row"].to_dict() == {"a": 1}
    assert schema_of(function).decode(b"[1, 2]")["row"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("hint", "body"),
    [(Flat, {"rooms": 1}), (Place, {"city": "a"}), (Size, {"area": 1}), (Person, {"age": 1})],
)
def test_one_structured_parameter_takes_the_whole_body(hint: Any, body: Any) -> None:
    """Its fields are the body's, and so are its faults."""

    def function(x):  # type: ignore[no-untyped-def] # its hint follows
        return x

    function.__annotations__ = {"x": hint}
    schema = schema_of(function)
    assert isinstance(
        schema.decode(msgspec.json.encode(body))["x"], dict if hint is Place else hint
    )
    assert set(schema.describe()["properties"]) >= set(body)
    with pytest.raises(ProblemError) as caught:
        schema.decode(b"{}")
    assert {fault.field for fault in caught.value.errors} == {f"/{name}" for name in body}


def test_a_default_may_be_left_out() -> None:
    """The function's own default holds then, even one that can be changed."""
    schema = schema_of(typed(list[int], [1]))
    assert schema.decode(b"{}") == {}
    assert schema.decode(b'{"x": [2]}') == {"x": [2]}
    shown = schema_of(typed(str, "a")).describe()
    assert shown["properties"]["x"] == {"type": "string", "default": "a"}
    assert "required" not in shown or shown["required"] == []


def test_all_faults_of_all_parameters_are_listed() -> None:
    """Also those that numpy's and pydantic's parameters have."""

    def function(a: float, b: NDArray[np.float64], c: Person) -> None: ...

    with pytest.raises(ProblemError) as caught:
        schema_of(function).decode(b'{"a": 1, "b": ["x"], "c": {"marks": ["y"]}}')
    assert {fault.field for fault in caught.value.errors} == {"/b/0", "/c/age", "/c/marks/0"}


def test_a_form_brings_files_and_text() -> None:
    """Text is read as the type wants it; a file as bytes, or with its name."""

    def function(image: bytes, named: UploadFile, label: str, count: int = 1) -> None: ...

    file = UploadFile(filename="a.png", content_type="image/png", data=b"123")
    form = {"image": file, "named": file, "label": "7", "count": "7"}
    assert schema_of(function).convert_form(form) == {
        "image": b"123",
        "named": file,
        "label": "7",
        "count": 7,
    }
    with pytest.raises(ProblemError) as caught:
        schema_of(function).convert_form({"image": file, "label": "7", "count": "x"})
    assert {fault.field for fault in caught.value.errors} == {"/named", "/count"}


def no_hint(a) -> None: ...  # type: ignore[no-untyped-def] # that is the case
def strange(a: complex) -> None: ...
def inner(a: list[complex]) -> None: ...
def mixed(a: Mixed) -> None: ...
def absent(a: Nonsense) -> None: ...  # type: ignore[name-defined] # noqa: F821 - that is the case
def many(*a: int) -> None: ...
def nameless(a: int, b: int, /) -> None: ...
def absent_body(a: int = 1, /) -> None: ...
def nameless_file(a: UploadFile, /) -> None: ...


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (no_hint, r"no_hint\(\): parameter 'a' has no type hint: write a: float"),
        (strange, r"strange\(\): parameter 'a' has the type complex, which cannot be served"),
        (inner, r"inner\(\): parameter 'a' has the type list\[complex\]"),
        (mixed, r"mixed\(\): parameter 'a' has the type Mixed"),
        (absent, r"absent\(\): a type hint cannot be read: name 'Nonsense' is not defined"),
        (many, r"many\(\): \*a: .* cannot be served"),
        (nameless, r"nameless\(\): a: .* cannot be served"),
        (absent_body, r"absent_body\(\): a: .* cannot be served"),
        (nameless_file, r"nameless_file\(\): a: .* cannot be served"),
    ],
)
def test_what_cannot_be_served_is_told_at_once(function: Any, said: str) -> None:
    """With function, parameter, hint and mend."""
    with pytest.raises(TypeError, match=said):
        parameters_of(function)


def test_no_body_of_any_shape_is_an_error_of_ours() -> None:
    """Whatever is sent, the function gets its types or the client its faults."""

    def function(
        *, a: float, b: Flat, c: Literal["x"], d: NDArray[np.float64], e: Person, f: Colour | None
    ) -> None: ...

    schema, rng = schema_of(function), random.Random(7)
    good = {"a": 1, "b": {"rooms": 1}, "c": "x", "d": [1], "e": {"age": 1}, "f": "red"}
    others = [None, True, 1, 1.5, "x", [], {}, [[1]], {"rooms": []}, [{}], {"age": {}}, 10**40]
    taken = 0
    for _ in range(1000):
        changed = rng.sample([*good], rng.randrange(3))
        value = good | {name: rng.choice(others) for name in changed}
        try:
            found = schema.decode(json.dumps(value).encode())
        except ProblemError as problem:
            fields = {fault.field.split("/")[1] for fault in problem.errors}
            is_explained = bool(fields) and fields <= {*changed}
        else:
            is_explained = isinstance(found["d"], np.ndarray) and isinstance(found["b"], Flat)
            taken += 1
        assert is_explained, value
    assert 0 < taken < 1000


def test_a_name_within_a_hint_is_looked_up() -> None:
    """As Python's own tools do, wherever the string stands."""
    body = {"tree": {"name": "a"}, "second": None, "forest": [{"name": "b"}], "by_name": {}}
    found = schema_of(plant).convert(body)
    assert found == {
        "tree": Tree("a"), "second": None, "forest": [Tree("b")], "by_name": {},
    }  # fmt: skip


def test_a_name_that_is_nowhere_is_told_at_once() -> None:
    """With the function's name."""
    with pytest.raises(TypeError, match=r"function\(\): .* name 'Nothing'"):
        parameters_of(typed(list["Nothing"]))  # type: ignore[name-defined] # noqa: F821


def test_a_generic_dataclass_takes_the_body() -> None:
    """And knows its fields, with its parameter put in."""

    def unpack(box: Box[int]) -> Any:
        return box

    schema = schema_of(unpack)
    assert schema.convert({"value": 1})["box"] == Box(1)
    assert schema.names == ("value", "others")
    with pytest.raises(ProblemError) as caught:
        schema.convert({"value": "x", "others": ["y"], "more": 1})
    assert [each.field for each in caught.value.errors] == ["/value", "/others/0", "/more"]


def test_what_is_inherited_from_a_generic_dataclass_is_known_too() -> None:
    """Also where the one parameter is another's, and bears its name."""

    @dataclasses.dataclass(kw_only=True)
    class Crate(Box[list[Value]], Generic[Value]):
        label: Value

    @dataclasses.dataclass(kw_only=True)
    class Parcel(Crate[int]):
        weight: int

    def unpack(box: Any) -> Any:
        return box

    unpack.__annotations__["box"] = Parcel
    schema = schema_of(unpack)
    found = schema.convert({"value": [1.0], "others": [], "label": 2.0, "weight": 3})["box"]
    assert found == Parcel(value=[1], label=2, weight=3)
    with pytest.raises(ProblemError) as caught:
        schema.convert({"value": ["x"], "label": "y", "weight": 1})
    assert [each.field for each in caught.value.errors] == ["/value/0", "/label"]


def test_a_dataclass_has_its_defaults_as_attributes_of_its_own() -> None:
    """As one that Python made; msgspec leaves them to the class, where ``vars`` finds none."""
    nested = {"name": "a", "left": {"name": "b"}}

    def grow(tree: Tree) -> Any:
        return tree

    for found in (schema_of(grow).convert(nested)["tree"], read(list[Tree], [nested])[0]):
        assert vars(found) == vars(Tree("a", found.left))
        assert vars(found.left) == vars(Tree("b"))


def test_what_msgspec_does_not_look_at_is_told_too() -> None:
    """All faults of a body at once, whoever finds them."""

    def judge(person: Person, rooms: int, rows: NDArray[np.float64]) -> int:
        return 1

    with pytest.raises(ProblemError) as caught:
        schema_of(judge).decode(b'{"person": {"age": "x"}, "rooms": "y", "rows": ["z"]}')
    assert {each.field for each in caught.value.errors} == {"/person/age", "/rooms", "/rows/0"}


def test_what_annotates_a_type_need_not_have_a_hash() -> None:
    """As an object of a dataclass has none, which says in what unit a number is."""
    annotated = Annotated[list[int], {"unit": "m"}]
    assert read(annotated, [1.0]) == [1]
    assert not any(each.is_file for each in parameters_of(typed(annotated)))

    def alone(lengths: Any, /) -> Any:
        return lengths

    alone.__annotations__["lengths"] = annotated
    assert schema_of(alone).decode(b"[1]") == {"lengths": [1]}
