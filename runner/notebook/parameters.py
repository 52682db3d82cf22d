"""Say which parameters a notebook's code declares, and of which types."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import typing
from collections.abc import Iterator
from typing import Any

from runner.notebook import code

_TYPE_NAMES: dict[str, Any] = {
    "int": int,
    "float": float,
    "bool": bool,
    "str": str,
    "list": list,
    "dict": dict,
    "tuple": tuple,
    "set": set,
    "object": object,
    **{name: getattr(typing, name) for name in ("Any", "Dict", "List", "Literal", "Optional")},
    **{name: getattr(typing, name) for name in ("Sequence", "Mapping", "Tuple", "Union")},
}
_ANNOTATION_NODES = (
    ast.Expression,
    ast.Name,
    ast.Load,
    ast.Subscript,
    ast.Tuple,
    ast.BinOp,
    ast.BitOr,
    ast.Constant,
    ast.Attribute,
)
_CONDITIONAL = ast.If | ast.Try | ast.With


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parameter:
    """Describe one name that the cell tagged ``parameters`` assigns.

    Attributes:
        name: The variable.
        kind: The type that a value must have; ``Any`` when nothing is known of it.
        default: What it is assigned, if that is a literal; else None.
    """

    name: str
    kind: Any
    default: Any = None


def declared_in(tree: ast.Module) -> dict[str, Parameter]:
    """List what the cell tagged ``parameters`` declares by name, in its order."""
    found = [parameter for node in tree.body for parameter in _declared(node)]
    return {parameter.name: parameter for parameter in found}


def _declared(node: ast.stmt) -> list[Parameter]:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [_of_annotation(node.target.id, node)]
    if not isinstance(node, ast.Assign):
        names = _bound_within(node) if isinstance(node, _CONDITIONAL) else ()
        return [Parameter(name=name, kind=Any) for name in names]
    return [
        Parameter(name=name.id, kind=_inferred(node.value), default=_literal(node.value))
        if name is target
        else Parameter(name=name.id, kind=Any)
        for target in node.targets
        for name in ast.walk(target)
        if isinstance(name, ast.Name)
    ]


def _of_annotation(name: str, node: ast.AnnAssign) -> Parameter:
    kind = _annotated(node.annotation)
    is_none = isinstance(node.value, ast.Constant) and node.value.value is None
    if is_none and kind is not Any:
        with contextlib.suppress(TypeError):  # it is no type, as in `rows: 3 = None`
            kind = kind | None  # `limit: int = None` says that None will do
    return Parameter(name=name, kind=kind, default=_literal(node.value))


def _bound_within(node: ast.AST) -> Iterator[str]:
    """Name what a statement assigns when it is run, in whichever of its branches."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.Name | ast.Tuple | ast.List | ast.ExceptHandler):
            scopes = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
            yield from () if isinstance(child, scopes) else _bound_within(child)


def _annotated(annotation: ast.expr) -> Any:
    """Evaluate an annotation that is built of well-known types only; else ``Any``."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        statements = code.read(annotation.value).tree.body
        only = statements[0] if len(statements) == 1 else None
        if not isinstance(only, ast.Expr):  # it is a remark: `rows: "rows to read" = 5`
            return Any
        annotation = only.value
    expression = ast.Expression(annotation)
    if not all(isinstance(node, _ANNOTATION_NODES) for node in ast.walk(expression)):
        return Any
    names = {**_TYPE_NAMES, "typing": typing, "__builtins__": {}}
    try:
        return eval(compile(expression, "<annotation>", "eval"), names)  # noqa: S307 - see above
    except (NameError, AttributeError, TypeError):
        return Any


def _inferred(value: ast.expr) -> Any:
    """Infer the type from a literal default; ``None`` and expressions tell nothing."""
    default = _literal(value)
    return Any if default is None else type(default)


def _literal(value: ast.expr | None) -> Any:
    with contextlib.suppress(ValueError, TypeError):  # TypeError: `{[]: 1}`
        return ast.literal_eval(value) if value else None
    return None
