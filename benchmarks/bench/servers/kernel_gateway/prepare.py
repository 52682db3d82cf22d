"""Write the annotated notebook that Kernel Gateway serves into the working folder."""

import os
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

LOAD = f"import json\nimport joblib\nmodel = joblib.load({os.environ['MODEL']!r})"
FIELDS = (
    'FIELDS = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]'
)
PREDICT = """# POST /predict
row = json.loads(REQUEST)["body"]
print(json.dumps({"val": int(model.predict([[row[field] for field in FIELDS]])[0])}))"""

notebook = new_notebook(cells=[new_code_cell(source) for source in (LOAD, FIELDS, PREDICT)])
notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
nbformat.write(notebook, Path("api.ipynb"))
