"""Tell which of a notebook's functions take rows of numbers, and so fail on a mapping.

Only what is certain counts: the parameter goes, unchanged or through numpy, into an
estimator's method, or is used as only an array is. A body that looks at what it got
(``isinstance``), asks it for keys or makes something else of it takes whatever it likes.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator

from runner.doctor.names import Function, Names

_ESTIMATING = {
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "transform",
    "score_samples",
    "kneighbors",
}
_ARRAYS = {f"numpy.{name}" for name in ("array", "asarray", "asanyarray", "atleast_2d", "stack")}
_ARRAYS |= {f"numpy.{name}" for name in ("vstack", "expand_dims", "ascontiguousarray", "reshape")}
_ARRAYS |= {"list", "tuple"}  # of a dict's keys, which are no numbers
_RESHAPING = {"reshape", "ravel", "flatten", "astype", "squeeze", "T"}
_ARRAY_ONLY = _RESHAPING | {"shape", "ndim", "dtype", "tolist", "to_numpy", "iloc"}
_MAPPING_ONLY = {"get", "items", "keys", "values", "pop", "copy", "update", "setdefault"}
_LOOKING = {"isinstance", "hasattr", "type", "callable", "issubclass"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RowTaker:
    """Describe a function that takes rows.

    Attributes:
        position: Where the rows stand among its positional arguments, after ``self``.
        parameter: What they are called.
        use: How it uses them, in words.
        takes: How many arguments it needs; a single one is too few if there are several.
    """

    position: int
    parameter: str
    use: str
    takes: int = 1


def row_takers(names: Names) -> dict[str, RowTaker]:
    """Find the functions and methods that take rows, by what a call of them is named.

    A method is named ``Class().method``, and ``__call__`` is named ``Class()``.
    """
    bodies: dict[str, tuple[Function, bool]] = {
        name: (function, False) for name, function in names.functions.items()
    }
    for owner, found in names.classes.items():
        for node in found.body:
            if isinstance(node, Function):
                called = f"{owner}()" if node.name == "__call__" else f"{owner}().{node.name}"
                bodies[called] = (node, not _is_static(node))
    takers: dict[str, RowTaker] = {}
    for _ in range(3):  # functions that hand their rows on to such functions
        for name, (function, has_self) in bodies.items():
            taker = _taker(function, has_self, names, takers, name.partition("(")[0])
            if taker and name not in takers:
                takers[name] = taker
    for name, (function, has_self) in bodies.items():
        if taker := _taker_of_several(function, has_self):
            takers.setdefault(name, taker)
    return takers


def _taker_of_several(function: Function, has_self: bool) -> RowTaker | None:
    """Tell of a function that needs several arguments, which one mapping cannot be."""
    given = [*function.args.posonlyargs, *function.args.args][1 if has_self else 0 :]
    needed = [one.arg for one in given[: len(given) - len(function.args.defaults)]]
    is_plain = all(_is_static_mark(node) for node in function.decorator_list)
    if len(needed) < 2 or function.args.vararg or not is_plain:
        return None
    use = f"it needs {len(needed)} arguments: {', '.join(needed)}"
    return RowTaker(position=0, parameter=needed[0], use=use[:120], takes=len(needed))


def _is_static(function: Function) -> bool:
    return any(map(_is_static_mark, function.decorator_list))


def _is_static_mark(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "staticmethod"


def _taker(
    function: Function, has_self: bool, names: Names, takers: dict[str, RowTaker], owner: str
) -> RowTaker | None:
    given = [*function.args.posonlyargs, *function.args.args][1 if has_self else 0 :]
    for position, argument in enumerate(given):
        use = _Body(names, takers, owner, argument.arg).use(function.body)
        if use:
            return RowTaker(position=position, parameter=argument.arg, use=use)
    return None


class _Body:
    """Follow one parameter through the body of its function.

    Args:
        names: What the notebook's names stand for.
        takers: The functions that are known to take rows.
        owner: The class that the function belongs to; its own name otherwise.
        parameter: The parameter to follow.
    """

    def __init__(self, names: Names, takers: dict[str, RowTaker], owner: str, parameter: str):
        self._names = names
        self._takers = takers
        self._owner = owner
        self._same = {parameter}
        self._arrays: set[str] = set()

    def use(self, body: list[ast.stmt]) -> str:
        """Say how the body uses the parameter as rows; empty if it does not, or may not."""
        nodes = [node for statement in body for node in ast.walk(statement)]
        if any(map(self._takes_mappings, nodes)):
            return ""
        return next((found for statement in body for found in self._uses(statement)), "")

    def _takes_mappings(self, node: ast.AST) -> bool:
        """Recognise what shows that the author thought of mappings, or of anything."""
        if isinstance(node, ast.Attribute):
            return self._is_same(node.value) and node.attr in _MAPPING_ONLY
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return node.func.id in _LOOKING and any(map(self._is_same, node.args))
        if isinstance(node, ast.Subscript):
            is_word = isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)
            return self._is_same(node.value) and (is_word or isinstance(node.slice, ast.Name))
        is_match = isinstance(node, ast.Match) and self._is_same(node.subject)
        return is_match or isinstance(node, ast.Try)

    def _uses(self, statement: ast.stmt) -> Iterator[str]:
        for node in _in_order(statement):
            if isinstance(node, ast.Assign):
                self._assign(node)
            elif use := self._use(node):
                yield use

    def _assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                is_array, is_same = self._is_array(node.value), self._is_same(node.value)
                self._arrays.discard(target.id)
                self._same.discard(target.id)
                if is_array or is_same:
                    (self._arrays if is_array else self._same).add(target.id)

    def _use(self, node: ast.AST) -> str:
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.ListComp):
            return "it makes a number of each element" if self._makes_numbers(node) else ""
        if isinstance(node, ast.Subscript) and self._is_same(node.value):
            return "it indexes that as rows" if _is_place(node.slice) else ""
        if isinstance(node, ast.Attribute) and self._is_same(node.value):
            return f"it uses that as an array (.{node.attr})" if node.attr in _ARRAY_ONLY else ""
        return ""

    def _makes_numbers(self, node: ast.ListComp) -> bool:
        """Recognise ``[float(value) for value in rows]``."""
        part, made = node.generators[0], node.elt
        is_number = isinstance(made, ast.Call) and self._names.of(made.func) in ("float", "int")
        return (
            is_number
            and self._is_same(part.iter)
            and isinstance(part.target, ast.Name)
            and [ast.unparse(given) for given in made.args] == [part.target.id]  # type: ignore[attr-defined] # a call
        )

    def _call(self, call: ast.Call) -> str:
        name = self._names.of(call.func)
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        named = (keyword.value for keyword in call.keywords if keyword.arg in ("X", "a", "object"))
        given = call.args[0] if call.args else next(named, None)
        taker = self._takers.get(name) or self._takers.get(
            name.replace("self", f"{self._owner}()", 1)
        )
        if taker:
            rows = argument(call, taker)
            return taker.use if rows is not None and self._is_raw(rows) else ""
        is_own = name.partition("(")[0] in self._names.classes or name == f"self.{method}"
        if method in _ESTIMATING and not is_own and given is not None and self._is_raw(given):
            return f"it passes that to .{method}() as rows"
        if method == "astype" and isinstance(call.func, ast.Attribute):
            return "it makes numbers of that" if self._is_array(call.func.value) else ""
        has_type = len(call.args) > 1 or any(keyword.arg == "dtype" for keyword in call.keywords)
        if name in _ARRAYS and has_type and given is not None and self._is_same(given):
            return "it makes an array of numbers of that"
        return ""

    def _is_same(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id in self._same

    def _is_array(self, node: ast.AST) -> bool:
        """Recognise what numpy has made of it: one object, which no estimator takes."""
        if isinstance(node, ast.Name):
            return node.id in self._arrays
        if isinstance(node, ast.Attribute):
            return node.attr in _RESHAPING and self._is_array(node.value)
        if isinstance(node, ast.List | ast.Tuple):
            return len(node.elts) == 1 and self._is_raw(node.elts[0])
        if not isinstance(node, ast.Call):
            return False
        if self._names.of(node.func) in _ARRAYS and node.args:
            return self._is_raw(node.args[0])
        return isinstance(node.func, ast.Attribute) and self._is_array(node.func)

    def _is_raw(self, node: ast.AST) -> bool:
        return self._is_same(node) or self._is_array(node)


def argument(call: ast.Call, taker: RowTaker) -> ast.expr | None:
    """Give what a call passes as rows."""
    if taker.takes > 1 and (len(call.args) != 1 or call.keywords):
        return None  # it may well pass them all
    named = (keyword.value for keyword in call.keywords if keyword.arg == taker.parameter)
    is_given = taker.position < len(call.args)
    return next(named, call.args[taker.position] if is_given else None)


def _in_order(statement: ast.stmt) -> Iterator[ast.AST]:
    """Walk through a statement so that what a value uses comes before its assignment."""
    for child in ast.iter_child_nodes(statement):
        if not isinstance(child, Function | ast.Lambda | ast.ClassDef):
            yield from _in_order(child)  # type: ignore[arg-type] # any node
    yield statement


def _is_place(index: ast.AST) -> bool:
    """Tell whether an index is one of rows: a number, a slice, or several."""
    if isinstance(index, ast.Tuple):
        return any(map(_is_place, index.elts))
    return isinstance(index, ast.Slice) or (
        isinstance(index, ast.Constant) and type(index.value) is int
    )
