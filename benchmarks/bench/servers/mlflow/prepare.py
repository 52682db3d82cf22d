"""Save the model as an MLflow model with a signature, in the folder ``model``."""

import os
import shutil

import joblib
import mlflow.sklearn
from mlflow.models import infer_signature
from sklearn.datasets import load_iris

model = joblib.load(os.environ["MODEL"])
iris = load_iris(as_frame=True)
shutil.rmtree("model", ignore_errors=True)
mlflow.sklearn.save_model(
    model,
    "model",
    # The model was fitted to a bare array: only the signature has the names of its columns.
    signature=infer_signature(iris.data, model.predict(iris.data.values)),
    pip_requirements=["mlflow", "scikit-learn"],
    serialization_format="cloudpickle",
)
