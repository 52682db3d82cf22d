"""Serve the annotated cells of a notebook (``# GET /path``), as Kernel Gateway does.

In come the sources of the cells, put into the kernel before the notebook runs, and then each
request as an ASGI scope. Out goes what the cell prints, displays or gives as its last value.
A change must not break: cells run one at a time in the notebook's own names, a cell that hangs or
prints without end stops nobody but itself, and no client sees a traceback.
"""
