"""Ask a new version what was asked before, and tell what it answers otherwise.

In come recorded requests with their answers, and the author's cases; out goes a report: same,
changed, failed, slower, and the first fields that differ. A run chooses the requests and leaves
them in a folder; what is to serve answers them there, in its own process, before it is ready.
A change must not break: what is held and reported is bounded, each request and all together have a
deadline, and what cannot be replayed truthfully is left out and counted.
"""
