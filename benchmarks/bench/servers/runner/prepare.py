"""Write the notebook that runner serves into the working folder."""

import os
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

LOAD = f"import joblib\nfrom runner import serve\nmodel = joblib.load({os.environ['MODEL']!r})"
SERVE = """example = {
    "sepal length (cm)": 5.1,
    "sepal width (cm)": 3.5,
    "petal length (cm)": 1.4,
    "petal width (cm)": 0.2,
}
serve(model, example=example, answer="val")"""

notebook = new_notebook(cells=[new_code_cell(source) for source in (LOAD, SERVE)])
notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
nbformat.write(notebook, Path("serve.ipynb"))
