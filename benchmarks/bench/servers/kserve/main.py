"""Predict by KServe, as its scikit-learn server does, less the download of the model."""

import os

import joblib
import numpy as np
import uvicorn
from kserve import Model, ModelServer

configure = uvicorn.Config
# It binds 0.0.0.0 and has no option for that.
uvicorn.Config = lambda *words, **options: configure(*words, **{**options, "host": "127.0.0.1"})


class Iris(Model):
    """Answer rows with their classes."""

    def __init__(self):
        super().__init__("iris")
        self.load()

    def load(self):
        """Read the model."""
        self.model = joblib.load(os.environ["MODEL"])
        self.ready = True
        return True

    def predict(self, payload, headers=None):
        """Answer a body of version 1 of its protocol."""
        return {"predictions": self.model.predict(np.array(payload["instances"])).tolist()}


if __name__ == "__main__":
    ModelServer().start([Iris()])
