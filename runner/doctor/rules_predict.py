"""The rule for a predictor that is given a mapping where it takes rows."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator

from runner.doctor.findings import Rule, Severity, Spot
from runner.doctor.names import Function, Names, collect
from runner.doctor.page import Page
from runner.doctor.rows import RowTaker, argument, row_takers

# With one of these in the notebook, `predict` may well take a mapping.
_TAKE_MAPPINGS = ("keras", "tensorflow", "torch", "mlflow", "pycaret", "transformers", "river")
_VECTORIZERS = ("DictVectorizer", "FeatureHasher")
_LOADED = ("joblib.load()", "pickle.load()", "pickle.loads()", "sklearn.")


def _mapping_given(page: Page) -> Iterator[Spot]:
    names = collect(cell.tree for cell in page.cells)
    if _may_take_mappings(page, names):
        return
    takers = row_takers(names)
    for cell in (cell for cell in page.cells if "raises-exception" not in cell.tags):
        for call in (call for node in cell.tree.body for call in _calls(node)):
            taker = _taker(call, names, takers)
            given = argument(call, taker) if taker else None
            if taker and given is not None and _is_mapping(given, names):
                what = f"{ast.unparse(call.func)[:60]}() is given a dict, but {taker.use}"
                yield Spot(cell=cell.name, line=call.lineno, what=what)


def _may_take_mappings(page: Page, names: Names) -> bool:
    modules = {name.partition(".")[0] for name in names.imports.values()}
    text = "\n".join(cell.source for cell in page.cells)
    return bool(modules & set(_TAKE_MAPPINGS)) or any(word in text for word in _VECTORIZERS)


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    """Walk through the calls that a statement makes when its cell is run.

    What stands in ``try`` or ``with`` (``pytest.raises``, ``suppress``) may be meant to fail.
    """
    if isinstance(node, Function | ast.ClassDef | ast.Lambda | ast.Try):
        return
    if isinstance(node, ast.With) and any(map(_expects_failure, node.items)):
        return
    if isinstance(node, ast.Call):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from _calls(child)


def _expects_failure(item: ast.withitem) -> bool:
    text = ast.unparse(item.context_expr).lower()
    return "raises" in text or "suppress" in text


def _taker(call: ast.Call, names: Names, takers: dict[str, RowTaker]) -> RowTaker | None:
    """Find what a call gives rows to: the notebook's own function, or a loaded estimator."""
    name = names.of(call.func)
    if name in takers:
        return takers[name]
    is_predict = isinstance(call.func, ast.Attribute) and call.func.attr.startswith("predict")
    is_estimator = is_predict and name.startswith(_LOADED)
    use = "an estimator takes rows"
    return RowTaker(position=0, parameter="X", use=use) if is_estimator else None


def _is_mapping(node: ast.expr, names: Names) -> bool:
    """Tell whether an expression is surely a dict."""
    value = names.literal(node)
    if isinstance(value, ast.Dict):
        return all(
            not isinstance(key, ast.Constant) or type(key.value) is str for key in value.keys
        )
    if isinstance(value, ast.DictComp):
        return True
    if not isinstance(value, ast.Call):
        return False
    called = names.of(value.func)
    if called == "json.loads" and value.args:
        return _is_object(value.args[0], names)
    return called in ("dict", "dict.fromkeys", "collections.OrderedDict")


def _is_object(node: ast.expr, names: Names) -> bool:
    """Tell whether a text is a JSON object."""
    value = names.literal(node)
    if isinstance(value, ast.Call) and names.of(value.func) == "json.dumps" and value.args:
        return _is_mapping(value.args[0], names)
    if not isinstance(value, ast.Constant) or not isinstance(value.value, str | bytes):
        return False
    try:
        return isinstance(json.loads(value.value), dict)
    except (ValueError, RecursionError):
        return False


RULES: tuple[Rule[Page], ...] = (
    Rule(
        name="dict-to-predict",
        severity=Severity.ERROR,
        why="a dict is no array of numbers: the run fails at this cell",
        mend="pass rows in the order of the features: [[fields[name] for name in feature_names]]",
        check=_mapping_given,
    ),
)
