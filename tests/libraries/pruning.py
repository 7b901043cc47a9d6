"""Optuna: a study whose callback stops a hopeless trial."""

import keras
import numpy as np
import optuna
from optuna_integration import KerasPruningCallback

rng = np.random.default_rng(0)
x = rng.normal(size=(120, 5)).astype("float32")
y = (x[:, :3].sum(axis=1) > 0).astype("int32")


def objective(trial):
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1, "sigmoid")])
    rate = trial.suggest_float("rate", 1e-6, 1.0, log=True)
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", metrics=["accuracy"])
    prune = KerasPruningCallback(trial, "val_accuracy")
    return model.fit(x, y, epochs=6, verbose=0, validation_split=0.3, callbacks=[prune]).history["val_accuracy"][-1]


optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.create_study(
    direction="maximize",
    pruner=optuna.pruners.MedianPruner(n_startup_trials=1),
    sampler=optuna.samplers.RandomSampler(0),
)
for rate in (0.05, 1e-6, 0.02):  # a good one, one that learns nothing, a good one
    study.enqueue_trial({"rate": rate})
study.optimize(objective, n_trials=3)
assert [trial.state.name for trial in study.trials][:2] == ["COMPLETE", "PRUNED"], study.trials
assert study.best_value > 0.8
