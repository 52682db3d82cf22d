"""Serve, inside the user's kernel, whatever the notebook serves by.

In come an app, a model or a function by `serve`, a server's call that is taken over (`servers` is
the one table of them), a socket that listens, or what the cells have left (`adoption`); `claim`
lets one of them be the service. Out goes a service on the supervisor's sockets, by one or several
workers. In a notebook that looks into a failure the app is called instead (`debugging`).

A change must not break: in plain Jupyter and plain papermill nothing is patched; one thing of a
notebook serves, and its workers alike; nothing here imports what never runs user code; it stays
light, for it is imported at every start.
"""
