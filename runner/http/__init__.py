"""Speak HTTP/1.1 with one client at a time, for any ASGI or WSGI app.

In come a listening socket and an app (or one of ours, see `app_protocol`); out go its answers,
problem details (RFC 9457) for what is refused, a line of the access log for each, and of the
request log for those that are recorded.
A change must not break the bounds (bytes, seconds, requests in flight: all are checked before
memory or a thread is spent), and must not lose a request while a worker drains. Nothing of the
host's side is imported: it is loaded into the user's kernel.
"""
