"""Answer HTTP for a model or a function: endpoints with types, batches, documentation, counts.

In comes what ``serve`` was given, and then each request as an ASGI scope, or as the bytes of a
plain POST. Out go one JSON answer for each item, and problem details (RFC 9457) for what is wrong.
A change must not break: an answer is what the model's own ``predict`` gives, no request fails for
its neighbour's sake in a batch, nobody can tell which of the two routes answered, and what is too
large or too much is refused before memory is spent.
"""
