"""Predict without scikit-learn's validation, where that is proved to change nothing.

In comes a fitted estimator; out goes a predictor, which is quick for estimators that are known by
their exact class and a tested version, and calls the model's own ``predict`` for all others.
A change must not break: results equal the model's own to the last bit, also in batches; what
cannot be proved is not used, and what turns out wrong while serving is given up for good.
"""
