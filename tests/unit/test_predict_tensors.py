"""Answers become tensors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runner.predict.tensors import outputs_of


@pytest.mark.parametrize(
    ("answers", "datatype", "shape", "data"),
    [
        ([0, 1], "INT64", [2], [0, 1]),
        ([0, 1.5], "FP64", [2], [0, 1.5]),
        ([True, False], "BOOL", [2], [True, False]),
        (["a", "b"], "BYTES", [2], ["a", "b"]),
        ([[1, 2], [3, 4], [5, 6]], "INT64", [3, 2], [1, 2, 3, 4, 5, 6]),
        ([[[1.0], [2.0]]], "FP64", [1, 2, 1], [1.0, 2.0]),
        ([[1, 2], [3]], "BYTES", [2], ["[1,2]", "[3]"]),
        ([None, 1], "BYTES", [2], ["null", "1"]),
        ([2**70], "BYTES", [1], [str(2**70)]),
        ([], "BYTES", [0], []),
    ],
)
def test_a_datatype_holds_all_elements(
    answers: list[Any], datatype: str, shape: list[int], data: list[Any]
) -> None:
    """Numbers, booleans and text keep their kind; whatever is irregular is JSON text."""
    (output,) = outputs_of(answers)
    said = {"name": "output", "datatype": datatype, "shape": shape, "data": data}
    assert output == said


def test_each_key_is_an_output() -> None:
    """Objects of the same keys are columns."""
    outputs = outputs_of([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}])
    assert [(output["name"], output["data"]) for output in outputs] == [
        ("a", [1, 2]),
        ("b", ["x", "y"]),
    ]


def test_probabilities_are_a_matrix() -> None:
    """An object of numbers is a row; the names of its columns are a parameter, as text."""
    (output,) = outputs_of([{"p": {"yes": 0.25, "no": 0.75}}, {"p": {"yes": 1.0, "no": 0.0}}])
    assert (output["shape"], output["data"]) == ([2, 2], [0.25, 0.75, 1.0, 0.0])
    assert json.loads(output["parameters"]["names"]) == ["yes", "no"]


def test_objects_of_different_keys_are_one_output() -> None:
    """What has no common columns is JSON text."""
    (output,) = outputs_of([{"a": 1}, {"b": 1}])
    assert (output["datatype"], output["data"]) == ("BYTES", ['{"a":1}', '{"b":1}'])
