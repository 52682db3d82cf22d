"""Tell what a name in a notebook stands for, as far as its text says it."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterable

Function = ast.FunctionDef | ast.AsyncFunctionDef

# Bases that say more of what a class of the notebook's does than its own name.
_TELLING = re.compile(r".+\.(\w*Server|Thread|Process|Timer|Flask|Quart)")
_DEPTH = 20  # of names that stand for names; a circle ends there


@dataclasses.dataclass(frozen=True, kw_only=True)
class Names:
    """Hold what the names of a notebook are bound to, whichever cell does it.

    Attributes:
        imports: Dotted names of what was imported, by the name it has here.
        values: The expression that a name was assigned last.
        functions: The functions defined at top level.
        classes: The classes defined at top level.
    """

    imports: dict[str, str]
    values: dict[str, ast.expr]
    functions: dict[str, Function]
    classes: dict[str, ast.ClassDef]

    def of(self, node: ast.AST | None, depth: int = 0) -> str:
        """Give the dotted name of an expression; the result of a call ends in ``()``.

        ``server.serve`` after ``server = u.Server(config)`` and ``import uvicorn as u`` is
        ``uvicorn.Server().serve``. It is empty for what is no name.
        """
        if depth > _DEPTH:
            return ""
        if isinstance(node, ast.Await):
            return self.of(node.value, depth + 1)
        if isinstance(node, ast.Attribute):
            kept = self.values.get(ast.unparse(node)) if _is_of_self(node) else None
            if kept is not None and (name := self.of(kept, depth + 1)):
                return name
            owner = self.of(node.value, depth + 1)
            return f"{owner}.{node.attr}" if owner else ""
        if isinstance(node, ast.Call):
            called = self.of(node.func, depth + 1)
            return f"{called}()" if called else ""
        return self._of_name(node.id, depth) if isinstance(node, ast.Name) else ""

    def _of_name(self, name: str, depth: int) -> str:
        if name in self.imports:
            return self.imports[name]
        if name in self.classes:
            bases = [self.of(base, depth + 1) for base in self.classes[name].bases]
            return next((base for base in reversed(bases) if _TELLING.fullmatch(base)), name)
        value = self.values.get(name)
        if isinstance(value, ast.Call | ast.Name | ast.Attribute | ast.Await):
            return self.of(value, depth + 1) or name
        return name

    def literal(self, node: ast.expr | None) -> ast.expr | None:
        """Follow a name to the expression that it was assigned."""
        for _ in range(_DEPTH):
            if not isinstance(node, ast.Name) or node.id not in self.values:
                break
            node = self.values[node.id]
        return node


def collect(trees: Iterable[ast.Module]) -> Names:
    """Collect what the cells bind, also within functions; what comes later wins."""
    names = Names(imports={}, values={}, functions={}, classes={})
    for tree in trees:
        for node in ast.walk(tree):
            _bind(names, node)
        for node in tree.body:
            if isinstance(node, Function):
                names.functions[node.name] = node
            elif isinstance(node, ast.ClassDef):
                names.classes[node.name] = node
    return names


def _bind(names: Names, node: ast.AST) -> None:
    if isinstance(node, ast.Import):
        for alias in node.names:
            top = alias.name.partition(".")[0]
            names.imports[alias.asname or top] = alias.name if alias.asname else top
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        for alias in node.names:
            names.imports[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name) or _is_of_self(target):
                names.values[ast.unparse(target)] = node.value
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and isinstance(node.target, ast.Name):
        if node.value is not None:
            names.values[node.target.id] = node.value
    elif isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name):
        names.values[node.optional_vars.id] = node.context_expr


def _is_of_self(node: ast.AST) -> bool:
    """Recognise ``self.model``."""
    is_attribute = isinstance(node, ast.Attribute)
    return is_attribute and isinstance(node.value, ast.Name) and node.value.id == "self"  # type: ignore[attr-defined] # see above
