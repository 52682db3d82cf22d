"""Predict by FastAPI, written by hand as its documentation does, with orjson for the answer."""

import os

import joblib
import orjson
from fastapi import FastAPI, Response
from pydantic import BaseModel, Field

model = joblib.load(os.environ["MODEL"])
app = FastAPI()


class Row(BaseModel):
    """One flower."""

    sepal_length: float = Field(alias="sepal length (cm)")
    sepal_width: float = Field(alias="sepal width (cm)")
    petal_length: float = Field(alias="petal length (cm)")
    petal_width: float = Field(alias="petal width (cm)")


@app.post("/")
async def predict(row: Row) -> Response:  # on the loop: a thread would cost more than it gives
    """Answer a row with its class."""
    features = [row.sepal_length, row.sepal_width, row.petal_length, row.petal_width]
    content = orjson.dumps({"val": int(model.predict([features])[0])})
    return Response(content, media_type="application/json")
