"""Keep the record of a run: the executed notebook, true and readable at every moment.

In come the states of cells, their outputs, and facts about the run; out goes ``out.ipynb``, with
earlier records beside it, and, read back, a run's facts and metrics. What workers record of
requests is read and pruned here, too.
A change must not break: the file is replaced in one step and says what is so, what it keeps of a
cell is bounded however much that prints, and what cannot be found out ends no run.
"""
