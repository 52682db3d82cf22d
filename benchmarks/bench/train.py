"""Fit the model that every server has, by the scikit-learn of the Python that runs this.

python train.py OUT.joblib
"""

import sys

import joblib
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

data = load_iris()
rows, _, classes, _ = train_test_split(data.data, data.target, test_size=0.2, random_state=0)
joblib.dump(SVC(gamma="scale").fit(rows, classes), sys.argv[1])
