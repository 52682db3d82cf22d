"""Say which parameters a notebook's code declares, and of which types."""

from __future__ import annotations

import ast
import contextlib
import copy
import dataclasses
from collections.abc import Iterator
from typing import Any

from runner.notebook import code
from runner.notebook.names import Names, dotted
from runner.notebook.parameter_types import NAMED, is_checkable

_ANNOTATION_NODES = (
    ast.Name,
    ast.Load,
    ast.Subscript,
    ast.Tuple,
    ast.BinOp,
    ast.BitOr,
    ast.Constant,
    ast.Attribute,
)
_MODULES_OF_TYPES = ("typing", "typing_extensions", "collections.abc", "builtins")
_OTHER_CONSTRUCTORS = {"combine", "cwd", "fromisoformat", "home", "now", "strptime", "today"}
_NAMESPACES = {"globals", "locals", "vars"}
_BINDING_MAGICS = {"load", "pylab", "run", "store"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parameter:
    """Describe one name that the cell tagged ``parameters`` assigns.

    Attributes:
        name: The variable.
        kind: The type that a value must have; ``Any`` when nothing is known of it.
        default: What it is assigned, if that is a literal; else None.
        is_inferred: Whether nothing but its default says the type.
        unchecked: Why values are not checked, though something is said of them.
    """

    name: str
    kind: Any
    default: Any = None
    is_inferred: bool = False
    unchecked: str = ""


def declared_in(tree: ast.Module, names: Names) -> dict[str, Parameter]:
    """List what the cell tagged ``parameters`` declares by name, in its order.

    Args:
        tree: The cell.
        names: What the notebook imports.
    """
    found = [parameter for node in tree.body for parameter in _declared(node, names)]
    return {parameter.name: parameter for parameter in found}


def may_declare_more(tree: ast.Module) -> bool:
    """Tell whether a cell may assign names that cannot be read in it, as ``import *`` does."""
    return any(map(_binds_elsewhere, ast.walk(tree)))


def needs_names(tree: ast.Module) -> bool:
    """Tell whether what a cell declares cannot be understood without the notebook's imports."""
    return any(map(_is_foreign, ast.walk(tree)))


def _is_foreign(node: ast.AST) -> bool:
    if isinstance(node, ast.AnnAssign) and isinstance(node.annotation, ast.Constant):
        return True  # it is text, which is read later
    return isinstance(node, ast.Name) and not _is_stored(node) and node.id not in NAMED


def _binds_elsewhere(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return any(alias.name == "*" for alias in node.names)
    if isinstance(node, ast.Subscript):
        return _is_stored(node) and _is_call_of(node.value, _NAMESPACES)
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute):
        magic = node.args[0] if node.args and node.func.attr == "run_line_magic" else None
        is_magic = isinstance(magic, ast.Constant) and magic.value in _BINDING_MAGICS
        return is_magic or _is_call_of(node.func.value, _NAMESPACES)
    return _is_call_of(node, {"exec"})


def _is_call_of(node: ast.AST, names: set[str]) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def _declared(node: ast.stmt, names: Names) -> list[Parameter]:
    if isinstance(node, ast.AnnAssign):
        is_name = isinstance(node.target, ast.Name)
        return [_of_annotation(node.target.id, node, names)] if is_name else []  # type: ignore[union-attr] # see above
    if isinstance(node, ast.Assign):
        return [_of_target(name, node, names) for name in _assigned(*node.targets)]
    return [
        Parameter(name=name, kind=Any, unchecked="it is assigned by more than `name = value`")
        for name in _bound_within(node)
    ]


def _assigned(*targets: ast.expr) -> list[ast.Name]:
    found = [node for target in targets for node in ast.walk(target)]
    return [node for node in found if isinstance(node, ast.Name) and _is_stored(node)]


def _is_stored(node: ast.Name | ast.Subscript) -> bool:
    return isinstance(node.ctx, ast.Store)


def _of_target(name: ast.Name, node: ast.Assign, names: Names) -> Parameter:
    if name not in node.targets:
        return Parameter(name=name.id, kind=Any, unchecked="it is one of several assigned at once")
    kind, is_none = _inferred(node.value, names), isinstance(node.value, ast.Constant)
    return Parameter(
        name=name.id,
        kind=kind,
        default=_literal(node.value),
        is_inferred=kind is not Any,
        unchecked="" if kind is not Any or is_none else "its default is no literal",
    )


def _of_annotation(name: str, node: ast.AnnAssign, names: Names) -> Parameter:
    kind = _annotated(node.annotation, names)
    unchecked = ""
    if kind is None:
        kind, unchecked = Any, f"its annotation {ast.unparse(node.annotation)} is no type known"
    is_none = isinstance(node.value, ast.Constant) and node.value.value is None
    if is_none and kind is not Any:
        kind = kind | None  # `limit: int = None` says that None will do
    return Parameter(name=name, kind=kind, default=_literal(node.value), unchecked=unchecked)


def _bound_within(node: ast.AST) -> Iterator[str]:
    """Name what a statement assigns when it is run, in whichever of its branches."""
    if isinstance(node, ast.Name) and _is_stored(node):
        yield node.id
    scopes = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
    if not isinstance(node, scopes | ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp):
        for child in ast.iter_child_nodes(node):
            yield from _bound_within(child)


def _annotated(annotation: ast.expr, names: Names) -> Any:
    """Evaluate an annotation that is built of well-known types only; None if it is not."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        statements = code.read(annotation.value).tree.body
        only = statements[0] if len(statements) == 1 else None
        if not isinstance(only, ast.Expr):  # it is a remark: `rows: "rows to read" = 5`
            return None
        annotation = only.value
    if not all(isinstance(node, _ANNOTATION_NODES) for node in ast.walk(annotation)):
        return None
    known: dict[str, Any] = {"__builtins__": {}}
    try:
        expression = ast.Expression(_WithTypes(names, known).visit(copy.deepcopy(annotation)))
        kind = eval(compile(ast.fix_missing_locations(expression), "", "eval"), known)  # noqa: S307 - see above
        return kind if kind is Any or is_checkable(kind) else None
    except (LookupError, AttributeError, TypeError, SyntaxError):  # SyntaxError: text in brackets
        return None


class _WithTypes(ast.NodeTransformer):
    """Put types in the place of their names.

    Args:
        names: What the notebook imports.
        known: Gets the types, by the names that now stand for them.
    """

    def __init__(self, names: Names, known: dict[str, Any]) -> None:
        self._names, self._known = names, known

    def visit_Name(self, node: ast.Name) -> ast.Name:
        """Put a type in the place of its name.

        Raises:
            LookupError: It is none that is known.
        """
        return self._replaced(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.Name:
        """Put a type in the place of its dotted name.

        Raises:
            LookupError: It is none that is known.
        """
        return self._replaced(node)

    def _replaced(self, node: ast.expr) -> ast.Name:
        placeholder = f"kind_{len(self._known)}"
        self._known[placeholder] = NAMED[_type_name(node, self._names)]
        return ast.copy_location(ast.Name(placeholder, ast.Load()), node)


def _type_name(node: ast.AST, names: Names) -> str:
    name = dotted(node, names)
    module, _, last = name.rpartition(".")
    return last if module in _MODULES_OF_TYPES else name


def _inferred(value: ast.expr, names: Names) -> Any:
    """Infer the type from a literal default or a constructor's call; others tell nothing."""
    if (default := _literal(value)) is not None:
        return NAMED.get(type(default).__name__, Any)
    name = _type_name(value.func, names) if isinstance(value, ast.Call) else ""
    owner, _, method = name.rpartition(".")
    kind = NAMED.get(owner if method in _OTHER_CONSTRUCTORS else name)
    return kind if isinstance(kind, type) else Any


def _literal(value: ast.expr | None) -> Any:
    with contextlib.suppress(ValueError, TypeError):  # TypeError: `{[]: 1}`
        return ast.literal_eval(value) if value else None
    return None
