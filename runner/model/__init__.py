"""Give notebooks the functions for their models: save and load with a card, record metrics.

In come a fitted model with facts about it, or numbers; out go a file with a card that vouches for
it, the model read back, or a display that the run's record keeps.
A change must not break: a model that is not the one of its card is never unpickled, both files are
replaced in one step each, and nothing here imports what is heavy before it is asked for.
"""
