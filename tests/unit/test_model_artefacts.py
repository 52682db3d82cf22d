"""A model is read only if it is the one of its card."""

from __future__ import annotations

import functools
import json
import os
import pickle
from pathlib import Path

import pytest
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from runner import load_model, save_model
from runner.model import artefacts
from runner.model.artefacts import CardError

PATH = "model/iris.joblib"


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which JupyterLab starts a notebook."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    monkeypatch.setattr(artefacts, "_SETTLING", 0.0)
    rows = load_iris()
    model = SVC().fit(rows.data, rows.target)
    save_model(model, PATH, data=rows.data, feature_names=rows.feature_names)
    return tmp_path


def test_a_model_comes_with_its_card(inside: Path) -> None:
    """From the notebook's folder as from the one above it."""
    model, card = load_model(PATH)
    assert model.n_features_in_ == len(card["feature_names"]) == 4
    assert load_model(inside / PATH)[1] == card
    os.chdir(inside)
    assert load_model(PATH)[1] == card


def test_another_model_is_never_unpickled(inside: Path) -> None:
    """A pickle can run any code."""
    trap = inside / "trap"
    pickled = b"cpathlib\nPath.touch\n(cpathlib\nPath\n(V" + str(trap).encode() + b"\ntRtR."
    (inside / PATH).write_bytes(pickled)
    with pytest.raises(CardError, match="is not the model of its card: refused; train it again"):
        load_model(PATH)
    assert not trap.exists()


def test_a_pinned_hash_is_compared_before_anything_is_unpickled(
    inside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who replaced a model and its card together is refused, and told both hashes."""
    _, card = load_model(PATH)
    assert load_model(PATH, sha256=card["sha256"].upper())[1] == card
    monkeypatch.setattr("joblib.load", lambda _: pytest.fail("it was unpickled"))
    with pytest.raises(CardError, match=rf"its sha256 is {card['sha256']}, not {'0' * 64}"):
        load_model(PATH, sha256="0" * 64)
    with pytest.raises(ValueError, match="sha256='abc' is no hash of 64 hexadecimal digits"):
        load_model(PATH, sha256="abc")


def test_another_version_is_warned_of(inside: Path) -> None:
    """The model is read all the same."""
    card = inside / "model/iris.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"scikit-learn": "0.1"}))
    with pytest.warns(UserWarning, match=r"trained with scikit-learn 0\.1 and is read by"):
        load_model(PATH)


def test_what_is_absent_is_said(inside: Path) -> None:
    """The model, or its card."""
    with pytest.raises(FileNotFoundError, match=r"no model/other\.joblib here or above: train"):
        load_model("model/other.joblib")
    (inside / "model/iris.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no card iris\.json beside it"):
        load_model(PATH)


def test_what_is_saved_is_what_is_loaded(inside: Path) -> None:
    """It goes where load_model looks, with a card that says by what it was made."""
    model, _ = load_model(PATH)
    rows = [[0, 5.0], [2, -1.5]]
    facts = {"feature_names": ["a", "b"], "metrics": {"accuracy": 0.5}}
    card = save_model(model, "model/again.joblib", data=rows, **facts)
    again, read = load_model("model/again.joblib")
    assert (repr(again), read) == (repr(model), card)
    assert card["feature_ranges"] == {"a": [0.0, 2.0], "b": [-1.5, 5.0]}
    assert {"sha256", "estimator", "scikit-learn", "numpy", "python", "trained_at"} <= set(card)
    assert not list((inside / "model").glob(".*.tmp"))


def test_a_model_that_cannot_be_saved_leaves_the_old_one(inside: Path) -> None:
    """Neither file is touched by a model that is no pickle, or by names of other columns."""
    before = [(inside / PATH).read_bytes(), (inside / "model/iris.json").read_bytes()]
    for model, names in ((lambda: 1, ["a"]), (1, ["a", "b"])):
        with pytest.raises((pickle.PicklingError, AttributeError, ValueError)):
            save_model(model, PATH, data=[[1]], feature_names=names)
    assert [(inside / PATH).read_bytes(), (inside / "model/iris.json").read_bytes()] == before


def test_a_path_of_a_card_is_refused(inside: Path) -> None:
    """The card would replace the model."""
    with pytest.raises(ValueError, match="name the model otherwise"):
        save_model(1, "model/iris.json")


@pytest.mark.parametrize("late", ["model", "card"])
def test_a_model_whose_card_is_being_written_is_read_again(
    inside: Path, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    """Whichever of the two comes last, and however much of it is there."""
    monkeypatch.setattr(artefacts, "_SETTLING", 60.0)
    files = {"model": inside / PATH, "card": inside / "model/iris.json"}
    whole = files[late].read_bytes()
    files[late].write_bytes(whole[:100])
    looks = iter([files[late].unlink])
    write = functools.partial(files[late].write_bytes, whole)
    monkeypatch.setattr("time.sleep", lambda seconds: next(looks, write)())
    assert load_model(PATH)[1]["sha256"]


def test_what_was_written_long_ago_is_refused_at_once(
    inside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is writing it."""
    monkeypatch.setattr(artefacts, "_SETTLING", 60.0)
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("it waited"))
    (inside / PATH).write_bytes(b"other")
    for file in (inside / "model").iterdir():
        os.utime(file, (0, 0))
    with pytest.raises(CardError):
        load_model(PATH)
    (inside / "model/iris.json").unlink()
    with pytest.raises(FileNotFoundError):
        load_model(PATH)
