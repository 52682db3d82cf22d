"""A cell is read as IPython would run it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from runner.notebook import code


def test_python_is_read_without_ipython() -> None:
    """It is too heavy for a supervisor, which needs it for magics only."""
    script = (
        "import sys; from runner.notebook import code;"
        "assert code.read('x = 1').tree.body and 'IPython' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


CELLS = [
    "x = 1\n\n\ny = '''a\n%b'''",
    "x = !ls\n%cd a\nlen??\nif x:\n    !pwd \\\n        -P\ny",
    "\n\n  # a\n  x = 1",
    ">>> def f():\n...     pass\n",
    "In [1]: x\n   ...: y",
    "x = f'{y:%H}' % 1\n'?'; z",
    '"""\n>>> 1\n"""',
    "%time f()\n@g\ndef f(): pass",
    "a.b?",
    "/f 1",
    "await f()",
    "%load_ext autoreload\n%autoreload 2",
]
KERNEL = """
import ast, json, sys
from IPython.core.interactiveshell import InteractiveShell
InteractiveShell.instance()
from runner.cells import cell_code
from runner.notebook import code
cells = json.load(sys.stdin)
pairs = [(ast.dump(ast.parse(cell_code._transformed(cell))), ast.dump(code.read(cell).tree))
    for cell in cells]
json.dump(pairs, sys.stdout)
"""


def test_it_agrees_with_the_kernel() -> None:
    """What is read here is what IPython's shell runs, also from annotated cells."""
    own = [path.read_text() for path in Path(code.__file__).parent.glob("*.py")]
    shell = [sys.executable, "-c", KERNEL]
    done = subprocess.run(
        shell, input=json.dumps(CELLS + own), capture_output=True, text=True, check=True
    )
    for ran, read in json.loads(done.stdout):
        assert ran == read
