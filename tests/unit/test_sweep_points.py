"""Points: their names, their files, and by what they are known again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import write_notebook

from runner.notebook import document
from runner.sweep.grid import combinations
from runner.sweep.points import Point, name_of, point_factory

MODEL = "model_path: str = 'model/iris.joblib'\nC: float = 1.0\nout: str = ''"


def planned(
    tmp_path: Path, fixed: dict[str, Any], grid: dict[str, Any], sha256: str = "1"
) -> list[Point]:
    path = write_notebook(tmp_path / "a.ipynb", "1", parameters=MODEL)
    point_of = point_factory(document.read(path), sha256, fixed, grid, tmp_path / "out")
    return [point_of(chosen) for chosen in combinations(grid)]


def test_a_name_tells_the_values() -> None:
    """People find a record by it."""
    chosen = {"gamma": "scale", "C": 0.1, "on": True, "n": None}
    assert name_of(chosen) == "gamma=scale,C=0.1,on=true,n=null"


@pytest.mark.parametrize(
    "chosen",
    [{"a": "../x"}, {"a": "x" * 300}, {"a": "x/" * 300}, {"a": [1, {"b": 2}]}, {"a": "ä b"}],
)
def test_a_name_can_be_a_folders(chosen: dict[str, Any]) -> None:
    """It has no slash and is short."""
    name = name_of(chosen)
    assert "/" not in name
    assert len(name.encode()) < 200


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": "1"}, {"a": 1}),
        ({"a": "x y"}, {"a": "x_y"}),
        ({"a": "x/y"}, {"a": "x:y"}),
        ({"api_key": "k1"}, {"api_key": "k2"}),
        ({"a": None}, {"a": "null"}),
    ],
)
def test_no_two_points_have_one_name(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Else they would write into one folder."""
    assert name_of(one) != name_of(other)


def test_a_secret_is_in_no_name() -> None:
    """A folder's name is seen by everyone."""
    assert "hunter2" not in name_of({"password": "hunter2"})


def test_each_point_has_a_model_of_its_own(tmp_path: Path) -> None:
    """It keeps the file's name, in the point's folder."""
    one, other = planned(tmp_path, {}, {"C": [1.0, 2.0]})
    assert one.values["model_path"] == str(tmp_path / "out/points/C=1.0/iris.joblib")
    assert other.own_model == tmp_path / "out/points/C=2.0/iris.joblib"


def test_a_given_model_path_is_the_users(tmp_path: Path) -> None:
    """With the point's name in it, if that is asked for."""
    fixed = {"model_path": "m-{point}.joblib", "out": "{folder}/x"}
    (point,) = planned(tmp_path, fixed, {"C": [1.0]})
    assert point.values["model_path"] == "m-C=1.0.joblib"
    assert point.values["out"] == f"{tmp_path}/out/points/C=1.0/x"
    assert point.own_model is None


def test_a_point_is_known_by_notebook_and_parameters(tmp_path: Path) -> None:
    """The same again has the same identity; any change has another."""
    (point,) = planned(tmp_path, {"out": "a"}, {"C": [1.0]})
    (again,) = planned(tmp_path, {"out": "a"}, {"C": [1.0]})
    (edited,) = planned(tmp_path, {"out": "a"}, {"C": [1.0]}, sha256="2")
    (fixed,) = planned(tmp_path, {"out": "b"}, {"C": [1.0]})
    assert point.identity == again.identity
    assert len({point.identity, edited.identity, fixed.identity}) == 3
