"""Write a notebook whose model takes 10 ms for a call, as one on an accelerator does."""

import os
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

LOAD = (
    f"import joblib, time\nfrom runner import serve\nmodel = joblib.load({os.environ['MODEL']!r})"
)
SLOW = """class Slow:
    def predict(self, rows):
        time.sleep(0.01)
        return model.predict(rows)"""
SERVE = """example = {
    "sepal length (cm)": 5.1,
    "sepal width (cm)": 3.5,
    "petal length (cm)": 1.4,
    "petal width (cm)": 0.2,
}
serve(Slow(), example=example, answer="val")"""

notebook = new_notebook(cells=[new_code_cell(source) for source in (LOAD, SLOW, SERVE)])
notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
nbformat.write(notebook, Path("serve.ipynb"))
