"""A notebook as a document: nothing in this room starts or runs anything.

In comes a file; out go its cells as Python (`code`, the one reader of cells), the parameters it
declares, the packages it imports, and the cells that a run puts in beside its own.

A change must keep it light, since a supervisor reads notebooks too, and let no notebook raise
anything but a ConfigurationError: whatever runs in Jupyter can be read.
"""
