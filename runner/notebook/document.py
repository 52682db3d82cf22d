"""Read a notebook and say which parameters it declares, without starting anything."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import functools
import json
import re
from pathlib import Path
from typing import Any

import msgspec

from runner.errors import ConfigurationError
from runner.notebook import code
from runner.notebook.parameters import Parameter, declared_in

PARAMETERS_TAG = "parameters"
SERVE_TAG = "serve"

# What may change what a later import finds, reads or says, in a dumped syntax tree: variables
# of the environment, the folders that are searched, what is installed, what a warning becomes.
_CHANGES_IMPORTS = re.compile(
    r"environ|putenv|setenv|dotenv|affinity|setrlimit|addsitedir|chdir|__import__|install"
    r"|[Ff]ilterwarnings|simplefilter|catch_warnings|module='(?:sys|builtins)'|id='builtins'"
    r"|id='sys', ctx=Load\(\)\), attr='(?:path|modules|meta_path)"
    r"|value='%{0,2}(?:env|set_env|cd|pushd|popd|run|pip|conda|mamba|uv)[ ']"
)


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

    @functools.cached_property
    def codes(self) -> tuple[code.Code, ...]:
        """What each cell says in Python; nothing for text and for other languages."""
        return tuple(map(self._code, self.cells))

    def _code(self, cell: dict[str, Any]) -> code.Code:
        is_code = self.is_python and cell["cell_type"] == "code"
        return code.read(source(cell)) if is_code else code.NOTHING

    @property
    def has_parameters_cell(self) -> bool:
        """Tell whether a cell is tagged ``parameters``, in whichever language."""
        return any(map(_is_tagged, self.cells))

    def parameters(self) -> dict[str, Parameter]:
        """List the declared parameters by name, in their order; none if it is not Python.

        Raises:
            ConfigurationError: The cell tagged ``parameters`` is no valid Python.
        """
        tagged = next(filter(_is_tagged, self.cells), None)  # papermill takes the first
        read = self._code(tagged) if tagged else code.NOTHING
        if read.error:
            raise ConfigurationError(
                f"{self.path}: the cell tagged `parameters` is not valid Python: {read.error.msg}"
            ) from read.error
        return declared_in(read.tree)

    def default(self, name: str) -> Any:
        """Give the literal that a parameter is assigned; None if there is none.

        Raises:
            ConfigurationError: The cell tagged ``parameters`` is no valid Python.
        """
        parameter = self.parameters().get(name)
        return parameter.default if parameter else None

    def imports(self) -> list[str]:
        """List the modules imported at the cells' top level, in their order.

        It stops where something is set, such as the environment, that may be meant for the
        imports below.
        """
        found: list[str] = []
        for node in (node for read in self.codes for node in read.tree.body):
            if _CHANGES_IMPORTS.search(ast.dump(node)):
                return found
            found += [name for name in _imported(node) if name not in found]
        return found

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
            raise self._unknown(name, list(declared))
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

    def _unknown(self, name: str, declared: list[str]) -> ConfigurationError:
        where = f"{self.path}: unknown parameter {name!r}"
        if declared:
            close = difflib.get_close_matches(name, declared, n=1)
            guess = f"; did you mean {close[0]!r}?" if close else ""
            return ConfigurationError(f"{where}{guess}", hint=f"it declares {', '.join(declared)}")
        has_cell = any(map(_is_tagged, self.cells))
        none = "no cell is tagged `parameters`"
        return ConfigurationError(
            f"{where}: {'the cell tagged `parameters` assigns nothing' if has_cell else none}",
            hint="tag the cell that assigns the defaults: Jupyter, Property Inspector, Cell Tags",
        )


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
    except (ValueError, RecursionError) as error:  # RecursionError: lists in lists in lists
        raise ConfigurationError(f"{path}: not a notebook: {error}") from error
    cells = document.get("cells") if isinstance(document, dict) else None
    if not isinstance(cells, list) or not all(map(_is_cell, cells)):
        raise ConfigurationError(
            f"{path}: not a notebook of format 4",
            hint=f"jupyter nbconvert --to notebook --inplace {path}",
        )
    metadata = document.get("metadata", {})
    faults = (
        f"cell {number}: {fault}" for number, cell in enumerate(cells, 1) if (fault := _fault(cell))
    )
    if fault := _fault_of_metadata(metadata) or next(faults, ""):
        raise ConfigurationError(f"{path}: not a notebook: {fault}")
    kernelspec = metadata.get("kernelspec", {})
    language = kernelspec.get("language") or metadata.get("language_info", {}).get("name", "")
    return Notebook(
        path=path,
        cells=cells,
        kernel_name=str(kernelspec.get("name", "python3")),
        language=str(language),
    )


def _fault_of_metadata(metadata: Any) -> str:
    if not isinstance(metadata, dict):
        return "its metadata have another form"
    parts = ("kernelspec", "language_info")
    wrong = [name for name in parts if not isinstance(metadata.get(name, {}), dict)]
    return f"its {wrong[0]} has another form" if wrong else ""


def _fault(cell: dict[str, Any]) -> str:
    """Say what is wrong with the form of a cell; empty if nothing is."""
    text, metadata = cell["source"], cell.get("metadata", {})
    if not isinstance(text, str) and not _is_list_of(text, str):
        return "its source is not text"
    if not isinstance(metadata, dict) or not _is_list_of(metadata.get("tags", []), str):
        return "its metadata or tags have another form"
    return "" if _is_list_of(cell.get("outputs", []), dict) else "its outputs have another form"


def _is_list_of(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(inner, kind) for inner in value)


def _is_cell(cell: Any) -> bool:
    return isinstance(cell, dict) and {"cell_type", "source"} <= cell.keys()


def _is_tagged(cell: dict[str, Any]) -> bool:
    return PARAMETERS_TAG in tags(cell)


def tags(cell: dict[str, Any]) -> list[str]:
    """List a cell's tags."""
    return list(cell.get("metadata", {}).get("tags", []))


def source(cell: dict[str, Any]) -> str:
    """Join a cell's source, which a file may hold as a list of lines."""
    return "".join(cell["source"])


def _imported(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module]
    return []


def _missing(path: Path) -> ConfigurationError:
    near = sorted(str(found) for found in path.parent.glob("*.ipynb"))
    close = difflib.get_close_matches(str(path), near, n=1)
    guess = f"; did you mean {close[0]}?" if close else ""
    return ConfigurationError(f"{path}: no such notebook{guess}")
