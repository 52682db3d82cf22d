"""Measure what a notebook's service needs: memory, CPU, the time until it is ready, its rate.

In come a notebook and options of `runner serve`; that serves it on a free port, and is asked
what the notebook itself gives as its example, or what a file has. Out goes a measurement.
A change must not break: memory is what all processes of the service hold together, each shared page
once; nothing that was started is left behind; a service that fails its requests is no measurement.
"""
