# ruff: noqa
# A search over optimizers and epochs, and a regressor.
import numpy as np
from keras.layers import Dense
from keras.models import Sequential
from keras.wrappers.scikit_learn import KerasClassifier, KerasRegressor
from sklearn.datasets import make_moons
from sklearn.model_selection import GridSearchCV

np.random.seed(0)
X, y = make_moons(200, noise=0.1, random_state=0)


def create_model(optimizer="rmsprop", init="glorot_uniform"):
    model = Sequential()
    model.add(Dense(16, input_dim=2, kernel_initializer=init, activation="relu"))
    model.add(Dense(1, kernel_initializer=init, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model


model = KerasClassifier(build_fn=create_model, batch_size=10, verbose=0)
grid = GridSearchCV(estimator=model, param_grid=dict(optimizer=["rmsprop", "adam"], epochs=[2, 60]), cv=2)
grid_result = grid.fit(X, y)
print("Best: %f using %s" % (grid_result.best_score_, grid_result.best_params_))
probabilities = grid_result.predict_proba(X)
assert probabilities.shape == (200, 2) and np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
assert grid_result.best_params_["epochs"] == 60


def line():
    model = Sequential([Dense(1, input_dim=1)])
    model.compile("sgd", "mse")
    return model


regressor = KerasRegressor(build_fn=line, epochs=100, batch_size=20, verbose=0)
x = np.linspace(-1, 1, 100)[:, None]
regressor.fit(x, 3 * x[:, 0] + 1)
assert regressor.score(x, 3 * x[:, 0] + 1) > -0.05 and regressor.predict(x).shape == (100,)
print("score", np.mean(grid_result.predict(X).ravel() == y))
