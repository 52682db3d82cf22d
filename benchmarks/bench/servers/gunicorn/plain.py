"""Predict by a plain ASGI app, as the first notebook of this project did: json and predict."""

import json
import os

import joblib

model = joblib.load(os.environ["MODEL"])
FIELDS = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]
HEADERS = [(b"content-type", b"application/json")]


async def app(scope, receive, send):
    """Answer a row with its class."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    row = json.loads(body)
    value = int(model.predict([[row[field] for field in FIELDS]])[0])
    content = json.dumps({"val": value}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": content})
