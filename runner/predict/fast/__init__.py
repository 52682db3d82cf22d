"""Predict without scikit-learn's per-call validation, once it is proved to change nothing."""
