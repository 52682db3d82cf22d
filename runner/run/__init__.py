"""Execute a notebook once: a kernel of its own, papermill's engine, and a record of each cell.

In come a notebook, its parameters, and a request to stop; out go the record, and how the run ended.
A change must not break: the kernel ends with the run at the latest, also when that is killed; a
cell's state in the record is what happened; an interrupt is never lost; nothing that is set up in
the kernel beforehand leaves a name or an output in the notebook.
"""
