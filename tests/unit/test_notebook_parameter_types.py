"""What was checked is what runs: a value becomes of the type that is declared for it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runner.errors import ConfigurationError
from runner.notebook.document import Notebook
from runner.notebook.papermill_internals import python_parameters_cell
from runner.notebook.parameter_types import plain, recorded
from runner.notebook.parameter_values import received, sent

IMPORTS = """\
import datetime as dt, decimal, pathlib, uuid
import numpy as np, pandas as pd
from datetime import date, datetime
from pathlib import Path
"""


def declaring(source: str) -> Notebook:
    texts = {IMPORTS: [], source: ["parameters"]}
    cells = [
        {"cell_type": "code", "source": text, "metadata": {"tags": tags}}
        for text, tags in texts.items()
    ]
    return Notebook(path=Path("a.ipynb"), cells=cells, kernel_name="python3", language="python")


def executed(source: str) -> Any:
    names: dict[str, Any] = {}
    exec(IMPORTS + source, names)
    return names["x"]


@pytest.mark.parametrize(
    ("declared", "given", "python"),
    [
        ("x = (10, 20)", [3, 4], "(3, 4)"),
        ("x = (10,)", [3], "(3,)"),
        ("x: tuple[int, ...] = ()", [], "()"),
        ("x: tuple[int, tuple[str, ...]] = (1, ())", [2, ["a"]], "(2, ('a',))"),
        ("x = {1}", [2, 3], "{2, 3}"),
        ("x: set[str] = set()", [], "set()"),
        ("x = frozenset({1})", [2], "frozenset({2})"),
        ("x: set[tuple[int, int]] = set()", [[1, 2]], "{(1, 2)}"),
        ("x = {0: 1.0}", {0: 1, 1: 9.5}, "{0: 1, 1: 9.5}"),
        ("x: dict[int, str] = {}", {"1": "a"}, "{1: 'a'}"),
        ("x = 0.5", math.inf, "float('inf')"),
        ("x = 1", -math.inf, "float('-inf')"),
        ("x = b'a'", "abc", "b'abc'"),
        ("x = 1j", "1+2j", "1+2j"),
        ("x = np.float64(0.1)", 1, "np.float64(1)"),
        ("x: np.int32 = 3", 5, "np.int32(5)"),
        ("x: 'np.float32 | None' = None", 0.5, "np.float32(0.5)"),
        ("x = date(2024, 1, 1)", "2026-01-02", "date(2026, 1, 2)"),
        ("x = date.today()", "2026-01-02", "date(2026, 1, 2)"),
        ("x: dt.datetime = None", "2026-01-02T03:04", "datetime(2026, 1, 2, 3, 4)"),
        ("x: dt.timedelta = dt.timedelta(1)", 5, "dt.timedelta(seconds=5)"),
        ("x = Path('a') ", "b", "Path('b')"),
        ("x = decimal.Decimal('0.1')", 0.5, "decimal.Decimal('0.5')"),
        ("x: pd.Timestamp = None", "2026-01-02", "pd.Timestamp('2026-01-02')"),
        ("x = [date(2026, 1, 2)]", ["2026-01-02"], "['2026-01-02']"),
    ],
)
def test_a_value_is_injected_as_its_declared_type(declared: str, given: Any, python: str) -> None:
    """Also after it went to another process, and if it is checked once more."""
    document, wanted = declaring(declared), executed(f"x = {python}")
    for value in (given, received(json.loads(json.dumps(sent(given))))):
        typed = document.check({"x": value})
        found = executed(python_parameters_cell(typed))
        assert (type(found), found) == (type(wanted), wanted)
        assert python_parameters_cell(document.check(plain(typed))) == python_parameters_cell(typed)
        json.dumps(recorded(typed), allow_nan=False)


def test_an_array_is_injected_for_an_array() -> None:
    """Also a nested one, and one with what JSON does not have."""
    typed = declaring("x = np.array([1])").check({"x": [[1.5, math.nan]]})
    np.testing.assert_array_equal(executed(python_parameters_cell(typed)), [[1.5, math.nan]])


@pytest.mark.parametrize(
    ("declared", "given", "said"),
    [
        ("x = (10, 20)", "(3, 4)", "expected array, got str"),
        ("x = {1}", [[1]], "unhashable type"),
        ("x: np.int64 = 3", 0.5, "expected numpy.int64, got float"),
        ("x = np.float64(1)", "a", "expected numpy.float64, got str"),
        ("x = date(2024, 1, 1)", "soon", "expected datetime.date, got str"),
        ("x: int = 1", 0.5, "expected int, got float"),
        ("x = 1", "a", "expected int, got str"),
        ("x = int(1)", True, "expected int, got bool"),
    ],
)
def test_what_would_not_become_its_type_is_refused(declared: str, given: Any, said: str) -> None:
    """In the words for all types."""
    with pytest.raises(ConfigurationError, match=said):
        declaring(declared).check({"x": given})


@pytest.mark.parametrize("declared", ["x = 1", "x = int(1)", "x = -1"])
def test_a_float_for_what_only_a_default_calls_an_int_is_taken_with_a_word(declared: str) -> None:
    """An annotation would mean it."""
    document = declaring(declared)
    assert document.check({"x": 0.5}) == {"x": 0.5}
    (remark,) = document.remarks({"x": 0.5})
    assert "parameter 'x' is 0.5, a float: only its default" in remark
    assert not document.remarks({"x": 2})


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("x: 'rows to read' = 5", "its annotation 'rows to read' is no type known"),
        ("x: Optional['rows to read'] = 5", "its annotation Optional['rows to read'] is no type"),
        ("x: Foo = 5", "its annotation Foo is no type known"),
        ("x: 3 = 5", "its annotation 3 is no type known"),
        ("x: date | str = ''", "its annotation date | str is no type known"),
        ("x: dict[date, int] = {}", "its annotation dict[date, int] is no type known"),
        ("if 'x' not in globals():\n    x = 1", "assigned by more than"),
        ("for x in range(3):\n    pass", "assigned by more than"),
        ("x = 60 * 60", "its default is no literal"),
        ("x, y = 1, 2", "one of several"),
        ("from settings import *", "may assign it all the same"),
        ("%run settings.py", "may assign it all the same"),
        ("exec(open('settings.py').read())", "may assign it all the same"),
        ("globals().update(a=1)", "may assign it all the same"),
        pytest.param("x = " + "-" * 150 + "1", "may assign it all the same", id="deep"),
        pytest.param("x = [" + "1, " * 400_000 + "]", "may assign it all the same", id="long"),
        ("globals()['x'] = 1", "may assign it all the same"),
    ],
)
def test_what_is_not_understood_is_left_unchecked_with_a_word(declared: str, said: str) -> None:
    """Whatever runs in Jupyter runs."""
    document = declaring(declared)
    assert document.check({"x": ["anything"]}) == {"x": ["anything"]}
    (remark,) = document.remarks({"x": ["anything"]})
    assert said in remark


@pytest.mark.parametrize("declared", ["x: Any = 1", "x = None", "x: int = None", "x: object = 1"])
def test_what_asks_for_no_check_gets_no_word(declared: str) -> None:
    """Nor does what is checked."""
    assert not declaring(declared).remarks({"x": 1})


def test_what_is_used_is_not_declared() -> None:
    """``os.environ["A"] = "1"`` assigns no ``os``, and an item leaves its dictionary's type."""
    declared = declaring("import os\nx = {}\nx['a'] = 1\nos.environ['A'] = '1'").parameters()
    assert {name: found.kind for name, found in declared.items()} == {"x": dict}


def test_values_reach_another_process_as_they_are() -> None:
    """JSON alone would make text of keys, and has no bytes and no tuples for keys."""
    values = {"a": {0: b"\xff", (1, 2): [1]}, "b": {"\0pairs": 1}, "c": [math.inf, None]}
    assert received(json.loads(json.dumps(sent(values)))) == values
