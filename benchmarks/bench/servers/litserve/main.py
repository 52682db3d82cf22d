"""Predict by LitServe, one row at a time: with its batching it burns a core while idle."""

import os

import joblib
import litserve

FIELDS = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]


class Iris(litserve.LitAPI):
    """Answer a row with its class."""

    def setup(self, device):
        """Read the model."""
        self.model = joblib.load(os.environ["MODEL"])

    def decode_request(self, request):
        """Give the features in order."""
        return [request[field] for field in FIELDS]

    def predict(self, x):
        """Predict a row."""
        return self.model.predict([x])[0]

    def encode_response(self, output):
        """Give the answer."""
        return {"val": int(output)}


if __name__ == "__main__":
    server = litserve.LitServer(
        Iris(),
        accelerator="cpu",
        workers_per_device=int(os.environ["WORKERS"]),
        timeout=30,
        enable_shutdown_api=False,
    )
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        log_level="warning",
        generate_client_file=False,
        access_log=False,
    )
