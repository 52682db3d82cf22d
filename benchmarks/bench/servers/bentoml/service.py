"""Predict by BentoML, one row at a time: with its batching it answers 503 at 32 clients."""

import os

import bentoml
import joblib
from pydantic import BaseModel, Field


class Row(BaseModel):
    """One flower."""

    sepal_length: float = Field(alias="sepal length (cm)")
    sepal_width: float = Field(alias="sepal width (cm)")
    petal_length: float = Field(alias="petal length (cm)")
    petal_width: float = Field(alias="petal width (cm)")


@bentoml.service(
    workers=int(os.environ["WORKERS"]),
    traffic={"timeout": 60},
    logging={"access": {"enabled": False}},
)
class Iris:
    """Answer a row with its class."""

    def __init__(self):
        self.model = joblib.load(os.environ["MODEL"])

    @bentoml.api(route="/predict")
    def predict(self, row: Row, /) -> dict:
        """Predict a row; it is the whole body because it is positional-only."""
        features = [row.sepal_length, row.sepal_width, row.petal_length, row.petal_width]
        return {"val": int(self.model.predict([features])[0])}
