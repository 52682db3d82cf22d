"""Predict by mosec with its batching: up to 32 rows, or 2 ms."""

import os

import joblib
from mosec import Server, Worker

FIELDS = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]


class Iris(Worker):
    """Answer rows with their classes."""

    def __init__(self):
        self.model = joblib.load(os.environ["MODEL"])

    def forward(self, data):
        """Predict a batch."""
        rows = [[row[field] for field in FIELDS] for row in data]
        return [{"val": int(value)} for value in self.model.predict(rows)]


if __name__ == "__main__":
    server = Server()
    workers = int(os.environ["WORKERS"])
    server.append_worker(Iris, num=workers, max_batch_size=32, max_wait_time=2)
    server.run()
