"""Predict by Flask."""

import os

import joblib
from flask import Flask, jsonify, request

model = joblib.load(os.environ["MODEL"])
app = Flask(__name__)
FIELDS = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]


@app.post("/")
def predict():
    """Answer a row with its class."""
    row = request.get_json()
    return jsonify(val=int(model.predict([[row[field] for field in FIELDS]])[0]))
