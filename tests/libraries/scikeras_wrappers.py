"""SciKeras: a grid in two processes, pickles, clones, the same numbers from the same seed."""

import copy
import pickle

import keras
import numpy as np
from scikeras.wrappers import KerasClassifier, KerasRegressor
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

rng = np.random.default_rng(0)
x = rng.normal(size=(120, 5)).astype("float32")
y = np.array(["no", "yes"])[(x[:, :3].sum(axis=1) > 0).astype(int)]


def build(meta, hidden=8):
    inputs = keras.Input((meta["n_features_in_"],))
    return keras.Sequential([inputs, keras.layers.Dense(hidden, "relu"), keras.layers.Dense(1, "sigmoid")])


estimator = KerasClassifier(
    build, loss="binary_crossentropy", optimizer="adam", optimizer__learning_rate=0.05, metrics=["accuracy"],
    hidden=8, epochs=8, verbose=0, random_state=3,
)  # fmt: skip
fitted = clone(estimator).fit(x, y)
assert fitted.score(x, y) > 0.9 and list(fitted.classes_) == ["no", "yes"]
for other in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted), clone(estimator).fit(x, y)):
    np.testing.assert_allclose(other.predict_proba(x), fitted.predict_proba(x), rtol=1e-6)
fitted.partial_fit(x, y)

grid = GridSearchCV(estimator, {"hidden": [4], "optimizer__learning_rate": [0.001, 0.05]}, cv=2, n_jobs=2)
assert grid.fit(x, y).best_score_ > 0.85, grid.best_score_
assert cross_val_score(make_pipeline(StandardScaler(), estimator), x, y, cv=2).mean() > 0.85


def build_regressor():
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    return model


stop = keras.callbacks.EarlyStopping("loss", patience=5)
regressor = KerasRegressor(build_regressor, epochs=30, verbose=0, callbacks=[stop], validation_split=0.1)
assert regressor.fit(x, x[:, 0]).score(x, x[:, 0]) > 0.8
assert pickle.loads(pickle.dumps(regressor)).predict(x).shape == (120,)
