"""Count what a service is asked and how it answers, where every process of ours can read it.

In come answers, with their statuses and times; out go sums over all workers, and what they have
become within an hour. The workers count by it, the run shows it in the record, and the supervisor
and whoever asks that in a terminal or on a page.
A change must not break: a request costs a few additions; a reader never waits for a worker, nor a
worker for a reader; and what was counted outlives the worker that has counted it.
"""
