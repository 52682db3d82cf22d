"""Take the body of a request out of what a client sends, within its bytes and its time.

In come bytes and what a head has announced; out go pieces of one body, or a refusal. Both worlds
read by it: the workers, and the supervisor for what it passes on.
A change must not break: what two readers could take for two bodies is refused, and what comes
behind a body is never taken for a part of it.
"""
