# ruff: noqa
# Ten folds became three: KerasClassifier inside a scikit-learn pipeline.
import numpy
from keras.layers import Dense
from keras.models import Sequential
from keras.wrappers.scikit_learn import KerasClassifier
from sklearn.datasets import load_iris
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import LabelEncoder, StandardScaler

numpy.random.seed(7)
X, numbers = load_iris(return_X_y=True)
names = numpy.array(["Iris-setosa", "Iris-versicolor", "Iris-virginica"])[numbers]
encoded_Y = LabelEncoder().fit_transform(names)


def baseline_model():
    model = Sequential()
    model.add(Dense(8, input_dim=4, activation="relu"))
    model.add(Dense(3, activation="softmax"))
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


estimator = KerasClassifier(build_fn=baseline_model, epochs=80, batch_size=5, verbose=0)
pipeline = Pipeline([("standardize", StandardScaler()), ("mlp", estimator)])
results = cross_val_score(pipeline, X, encoded_Y, cv=KFold(n_splits=3, shuffle=True, random_state=7))
print("Baseline: %.2f%% (%.2f%%)" % (results.mean() * 100, results.std() * 100))
print("score", results.mean())
