"""Read a notebook and say which parameters it declares, without starting anything."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import functools
import re
from pathlib import Path
from typing import Any

from runner.config import KernelChoice
from runner.errors import ConfigurationError
from runner.masking.values import masked
from runner.notebook import code, file_form, masking
from runner.notebook.names import collect
from runner.notebook.parameter_types import converted
from runner.notebook.parameters import Parameter, declared_in, may_declare_more, needs_names

PARAMETERS_TAG = "parameters"
INJECTED_TAG = "injected-parameters"
SERVE_TAG = "serve"
MAY_RAISE_TAG = "raises-exception"

# What may change what a later import finds, reads or says, in a dumped syntax tree: variables
# of the environment, the folders that are searched, what is installed, what a warning becomes.
_CONFLICT = re.compile(r"^<{7} .*^={7}$.*^>{7} ", re.MULTILINE | re.DOTALL)
_CHANGES_IMPORTS = re.compile(
    r"environ|putenv|setenv|dotenv|affinity|setrlimit|addsitedir|chdir|__import__|install"
    r"|[Ff]ilterwarnings|simplefilter|catch_warnings|module='(?:sys|builtins)'|id='builtins'"
    r"|id='sys', ctx=Load\(\)\), attr='(?:path|modules|meta_path)"
    r"|value='%{0,2}(?:env|set_env|cd|pushd|popd|run|pip|conda|mamba|uv)[ ']"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Notebook:
    """Hold what the runner has to know of a notebook before it is run.

    Attributes:
        path: The file.
        cells: Its cells, as the file has them.
        kernel_name: The kernelspec's name.
        language: Of its cells; empty if it does not say.
        named_secrets: Names of parameters to mask besides those that are known.
        lock: The lock of its packages that juv keeps in it, of uv's form; empty if there is none.
    """

    path: Path
    cells: list[dict[str, Any]]
    kernel_name: str
    language: str
    named_secrets: frozenset[str] = frozenset()
    lock: str = ""

    def __post_init__(self) -> None:
        """Know the kernel ``python``, as old notebooks name it, as jupyter_client does."""
        if self.kernel_name == "python":
            object.__setattr__(self, "kernel_name", "python3")

    @property
    def is_python(self) -> bool:
        """Tell whether its cells are Python, which is all that we can inspect."""
        return self.language in ("", "python", "ipython")

    def with_kernel(self, choice: KernelChoice) -> Notebook:
        """Give it as it is run by another kernel than its own, if one was chosen."""
        return dataclasses.replace(
            self,
            kernel_name=choice.name or self.kernel_name,
            language=choice.language or self.language,
        )

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
        tree = self._parameters_code().tree
        above = self.codes[: self._place_of_parameters() + 1] if needs_names(tree) else ()
        return declared_in(tree, collect(read.tree for read in above))

    def _place_of_parameters(self) -> int:
        """Give the index of the cell tagged ``parameters``, papermill's first; -1 if none is."""
        return next((index for index, cell in enumerate(self.cells) if _is_tagged(cell)), -1)

    def _parameters_code(self) -> code.Code:
        place = self._place_of_parameters()
        read = self._code(self.cells[place]) if place >= 0 else code.NOTHING
        if read.error:
            raise ConfigurationError(
                f"{self.path}: cell {place + 1}, tagged `parameters`, is not valid Python, line"
                f" {read.error.lineno} `{(read.error.text or '').strip()}`: {read.error.msg}"
            ) from read.error
        return read

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
            The values as the notebook gets them: an int for a float becomes a float, a list for
            a tuple a tuple.

        Raises:
            ConfigurationError: A name is unknown or a value has the wrong type.
        """
        declared = self._declared_for(values)
        return {name: self._checked(value, declared[name]) for name, value in values.items()}

    @property
    def secrets(self) -> frozenset[str]:
        """The names that were called secrets, on the command line or in their comments."""
        place = self._place_of_parameters()
        if place < 0 or not self.is_python:
            return self.named_secrets
        cell = self.cells[place]
        marked = masking.marked_secrets(source(cell), self._code(cell).tree)
        return self.named_secrets | marked

    @property
    def masked_values(self) -> list[str]:
        """The parameters whose values an earlier run of this record has masked."""
        injected = (cell for cell in self.cells if INJECTED_TAG in tags(cell))
        return [name for cell in injected for name in masking.marked(cell)]

    def check_secrets(self, values: dict[str, Any]) -> None:
        """Make sure that nothing masked in this record is run with, and each named secret exists.

        Raises:
            ConfigurationError: A masked value is not given, or a secret is neither a parameter
                nor a key within one.
        """
        if missing := [name for name in self.masked_values if name not in values]:
            raise ConfigurationError(
                f"{self.path}: this record has the value of {' and of '.join(missing)} masked,"
                " and cannot be run without",
                hint=f"give {'it' if len(missing) == 1 else 'them'}, and the others it was run"
                f" with: {' '.join(f'-p {name} VALUE' for name in missing)}",
            )
        known = {*values, *masking.keys_within(values)}
        for name in sorted(self.named_secrets - known):
            if self.is_python and name not in self.parameters():
                raise ConfigurationError(
                    f"{self.path}: --secret {name} is no parameter, nor a key within one"
                )

    def remarks(self, values: dict[str, Any]) -> list[str]:
        """Say of right values what is not known of them, or how they are taken.

        Raises:
            ConfigurationError: A name is unknown.
        """
        declared = self._declared_for(values)
        return [
            f"parameter {name!r} {said}"
            for name, value in values.items()
            if (said := _remark(self._shown(value, declared[name]), value, declared[name]))
        ]

    def _declared_for(self, values: dict[str, Any]) -> dict[str, Parameter]:
        declared = self.parameters()
        read = self._parameters_code()
        has_more = may_declare_more(read.tree) or not read.is_whole
        for name in values.keys() - declared.keys():
            if not has_more:
                raise self._unknown(name, list(declared))
            why = "it is not seen in the cell tagged `parameters`, which may assign it all the same"
            declared[name] = Parameter(name=name, kind=Any, unchecked=why)
        return declared

    def _checked(self, value: Any, parameter: Parameter) -> Any:
        if _is_widened(value, parameter):
            return value
        try:
            return converted(value, parameter.kind)
        except ValueError as error:
            # msgspec says: Expected `int`, got `str`
            said = str(error).replace("Expected", "expected").replace("`", "")
            shown = self._shown(value, parameter)
            raise ConfigurationError(
                f"{self.path}: parameter {parameter.name!r}: {said} ({shown})",
                hint="-r NAME VALUE passes a value as text, -y 'NAME: VALUE' as YAML",
            ) from error

    def _shown(self, value: Any, parameter: Parameter) -> str:
        return repr(masked(value, self.secrets, parameter.name))

    def _unknown(self, name: str, declared: list[str]) -> ConfigurationError:
        where = f"{self.path}: unknown parameter {name!r}"
        if declared:
            close = difflib.get_close_matches(name, declared, n=1)
            guess = f"; did you mean {close[0]!r}?" if close else ""
            return ConfigurationError(f"{where}{guess}", hint=f"it declares {', '.join(declared)}")
        none = "no cell is tagged `parameters`"
        empty = "the cell tagged `parameters` assigns nothing"
        return ConfigurationError(
            f"{where}: {empty if self.has_parameters_cell else none}",
            hint="tag the cell that assigns the defaults: Jupyter, Property Inspector, Cell Tags",
        )


def _is_widened(value: Any, parameter: Parameter) -> bool:
    """Tell whether a float is given for what only a default calls an int: `threshold = 1`."""
    is_float = isinstance(value, float) and parameter.kind is int
    return is_float and parameter.is_inferred


def _remark(shown: str, value: Any, parameter: Parameter) -> str:
    if _is_widened(value, parameter):
        return f"is {shown}, a float: only its default, {parameter.default!r}, calls it an int"
    return f"is not checked: {parameter.unchecked}" if parameter.unchecked else ""


def read(path: Path, secrets: frozenset[str] = frozenset()) -> Notebook:
    """Read a notebook file.

    Args:
        path: The file.
        secrets: Names of parameters to mask besides those that are known.

    Raises:
        ConfigurationError: There is no such file, or it is not a notebook of format 4.
    """
    document = file_form.read(path)
    metadata = document["metadata"]
    kernelspec = metadata.get("kernelspec", {})
    language = kernelspec.get("language") or metadata.get("language_info", {}).get("name", "")
    lock = metadata.get("uv.lock", "")
    return Notebook(
        path=path,
        cells=document["cells"],
        kernel_name=str(kernelspec.get("name", "python3")),
        language=str(language),
        named_secrets=secrets,
        lock=lock if isinstance(lock, str) else "",
    )


def conflict(document: Notebook) -> str:
    """Say which cell has the marks of a merge that is not resolved, as nbdime writes them.

    Returns:
        Empty if none has; what is Python all the same, such as a text about merges, has none.
    """
    for number, cell in enumerate(document.cells, 1):
        text = source(cell)
        if cell["cell_type"] == "code" and _CONFLICT.search(text) and not _is_python(text):
            return f"cell {number} has the marks of a merge in git"
    return ""


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


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
