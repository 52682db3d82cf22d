"""Read a notebook and say which parameters it declares, without starting anything."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import difflib
import json
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from runner.errors import ConfigurationError

PARAMETERS_TAG = "parameters"
SERVE_TAG = "serve"

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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Notebook:
    """Hold what the runner has to know of a notebook before it is run."""

    path: Path
    cells: list[dict[str, Any]]
    kernel_name: str
    language: str

    @property
    def is_python(self) -> bool:
        """Tell whether its cells are Python, which is all that we can inspect."""
        return self.language in ("", "python", "ipython")

    def parameters(self) -> dict[str, Parameter]:
        """List the declared parameters by name, in their order.

        Raises:
            ConfigurationError: The cell tagged ``parameters`` is no valid Python.
        """
        cell = next((cell for cell in self.cells if PARAMETERS_TAG in tags(cell)), None)
        if cell is None:
            return {}
        try:
            tree = ast.parse(source(cell))
        except SyntaxError as error:
            raise ConfigurationError(
                f"{self.path}: the cell tagged `parameters` is not valid Python: {error.msg}"
            ) from error
        found = [parameter for node in tree.body for parameter in _declared(node)]
        return {parameter.name: parameter for parameter in found}

    def default(self, name: str) -> Any:
        """Give the literal that a parameter is assigned; None if there is none.

        Raises:
            ConfigurationError: The cell tagged ``parameters`` is no valid Python.
        """
        parameter = self.parameters().get(name)
        return parameter.default if parameter else None

    def uses_serve(self) -> bool:
        """Tell whether a cell takes ``serve`` from ``runner``, however it is imported."""
        return any(_names_serve(node) for tree in self._trees() for node in ast.walk(tree))

    def imports(self) -> list[str]:
        """List the modules imported at the cells' top level, in their order.

        It stops where the environment is set, for that may be meant for the imports below.
        """
        found: list[str] = []
        for tree in self._trees():
            for node in tree.body:
                if "environ" in ast.dump(node):
                    return found
                found += [name for name in _imported(node) if name not in found]
        return found

    def _trees(self) -> Iterator[ast.Module]:
        """Parse each code cell; lines that are IPython's, not Python's, are left out."""
        for cell in self.cells:
            if cell.get("cell_type") != "code":
                continue
            lines = [
                "pass" if line.startswith(("%", "!", "?")) else line
                for line in source(cell).splitlines()
            ]
            with contextlib.suppress(SyntaxError):
                yield ast.parse("\n".join(lines))

    def check(self, values: dict[str, Any]) -> dict[str, Any]:
        """Check parameter values against what the notebook declares.

        Returns:
            The values as the notebook gets them: an int for a float becomes a float.

        Raises:
            ConfigurationError: A name is unknown or a value has the wrong type.
        """
        declared = self.parameters()
        return {name: self._checked(name, value, declared) for name, value in values.items()}

    def _checked(self, name: str, value: Any, declared: dict[str, Parameter]) -> Any:
        if name not in declared:
            raise _unknown(self.path, name, list(declared))
        try:
            return msgspec.convert(value, declared[name].kind)
        except TypeError:  # a type that msgspec cannot check; the notebook will
            return value
        except msgspec.ValidationError as error:
            # msgspec says: Expected `int`, got `str`
            said = str(error).replace("Expected", "expected").replace("`", "")
            raise ConfigurationError(
                f"{self.path}: parameter {name!r}: {said} ({value!r})",
                hint="-r NAME VALUE passes a value as text, -y 'NAME: VALUE' as YAML",
            ) from error


def read(path: Path) -> Notebook:
    """Read a notebook file.

    Raises:
        ConfigurationError: There is no such file, or it is not a notebook of format 4.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise _missing(path) from error
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{path}: not a notebook: {error}") from error
    cells = document.get("cells") if isinstance(document, dict) else None
    if not isinstance(cells, list) or not all(map(_is_cell, cells)):
        raise ConfigurationError(
            f"{path}: not a notebook of format 4",
            hint=f"jupyter nbconvert --to notebook --inplace {path}",
        )
    metadata = document.get("metadata", {})
    kernelspec = metadata.get("kernelspec", {})
    language = kernelspec.get("language") or metadata.get("language_info", {}).get("name", "")
    return Notebook(
        path=path,
        cells=cells,
        kernel_name=kernelspec.get("name", "python3"),
        language=language,
    )


def _is_cell(cell: Any) -> bool:
    return isinstance(cell, dict) and {"cell_type", "source"} <= cell.keys()


def tags(cell: dict[str, Any]) -> list[str]:
    """List a cell's tags."""
    return list(cell.get("metadata", {}).get("tags", []))


def source(cell: dict[str, Any]) -> str:
    """Join a cell's source, which a file may hold as a list of lines."""
    return "".join(cell["source"])


def _declared(node: ast.stmt) -> list[Parameter]:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        kind, default = _annotated(node.annotation), _literal(node.value)
        return [Parameter(name=node.target.id, kind=kind, default=default)]
    if not isinstance(node, ast.Assign):
        return []
    return [
        Parameter(name=name.id, kind=_inferred(node.value), default=_literal(node.value))
        if name is target
        else Parameter(name=name.id, kind=Any)
        for target in node.targets
        for name in ast.walk(target)
        if isinstance(name, ast.Name)
    ]


def _annotated(annotation: ast.expr) -> Any:
    """Evaluate an annotation that is built of well-known types only; else ``Any``."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = ast.parse(annotation.value, mode="eval").body
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
    with contextlib.suppress(ValueError):
        return ast.literal_eval(value) if value else None
    return None


def _imported(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module]
    return []


def _names_serve(node: ast.AST) -> bool:
    """Recognise ``from runner[.serving] import serve`` and ``runner.serve``."""
    if isinstance(node, ast.ImportFrom):
        names = {name.name for name in node.names}
        return node.module == "runner.serving.serve" or (
            node.module == "runner" and bool(names & {"serve", "serving"})
        )
    if isinstance(node, ast.Import):
        return any(name.name == "runner.serving.serve" for name in node.names)
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "serve"
        and isinstance(node.value, ast.Name)
        and node.value.id == "runner"
    )


def _unknown(path: Path, name: str, declared: list[str]) -> ConfigurationError:
    if not declared:
        return ConfigurationError(
            f"{path}: unknown parameter {name!r}: no cell is tagged `parameters`",
            hint="tag the cell that assigns the defaults: Jupyter, Property Inspector, Cell Tags",
        )
    close = difflib.get_close_matches(name, declared, n=1)
    guess = f"; did you mean {close[0]!r}?" if close else ""
    return ConfigurationError(
        f"{path}: unknown parameter {name!r}{guess}", hint=f"it declares {', '.join(declared)}"
    )


def _missing(path: Path) -> ConfigurationError:
    near = sorted(str(found) for found in path.parent.glob("*.ipynb"))
    close = difflib.get_close_matches(str(path), near, n=1)
    guess = f"; did you mean {close[0]}?" if close else ""
    return ConfigurationError(f"{path}: no such notebook{guess}")
