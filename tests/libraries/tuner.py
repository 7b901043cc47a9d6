"""KerasTuner: three searches over one small space, and a reload of each."""

import tempfile

import keras
import keras_tuner
import numpy as np

rng = np.random.default_rng(0)
x = rng.normal(size=(96, 6)).astype("float32")
y = (x[:, :3].sum(axis=1) > 0).astype("int32")


def build(hp):
    model = keras.Sequential([keras.Input((6,))])
    for i in range(hp.Int("layers", 1, 2)):
        model.add(
            keras.layers.Dense(hp.Int(f"units_{i}", 4, 12, step=4), activation=hp.Choice("act", ["relu", "tanh"]))
        )
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", metrics=["accuracy"])
    return model


class WithBatch(keras_tuner.HyperModel):
    def build(self, hp):
        return build(hp)

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, batch_size=hp.Choice("batch", [16, 32]), **kwargs)


searches = {
    keras_tuner.RandomSearch: (build, {"max_trials": 2, "executions_per_trial": 2}),
    keras_tuner.Hyperband: (WithBatch(), {"max_epochs": 2, "factor": 2}),
    keras_tuner.BayesianOptimization: (build, {"max_trials": 3, "num_initial_points": 2}),
}
folder = tempfile.mkdtemp()
for kind, (space, arguments) in searches.items():
    settings = {"objective": "val_loss", "directory": folder, "project_name": kind.__name__, "seed": 1, **arguments}
    tuner = kind(space, **settings)
    stop = keras.callbacks.EarlyStopping("val_loss", patience=1)
    tuner.search(x, y, validation_split=0.25, epochs=2, verbose=0, callbacks=[stop])
    best = tuner.get_best_models(1)[0]
    again = kind(space, **settings)
    again.reload()
    assert len(again.oracle.trials) == len(tuner.oracle.trials) > 1
    np.testing.assert_allclose(again.get_best_models(1)[0].predict(x, verbose=0), best.predict(x, verbose=0), rtol=1e-6)
    assert tuner.hypermodel.build(tuner.get_best_hyperparameters(1)[0]).count_params() == best.count_params()
