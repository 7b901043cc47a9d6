"""livelossplot's callback: the values of a run reach its logger, and its figure."""

from pathlib import Path

import matplotlib

matplotlib.use("agg")

import keras
import numpy as np
from livelossplot import PlotLossesKeras
from livelossplot.outputs import MatplotlibPlot

x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
y = x.sum(axis=1, keepdims=True)
model = keras.Sequential([keras.layers.Dense(1)])
model.compile("sgd", "mse", metrics=["mae"])
plots = PlotLossesKeras(outputs=[MatplotlibPlot(figpath="losses_{i}.png")])
history = model.fit(x, y, validation_split=0.25, epochs=3, callbacks=[plots], verbose=0)

kept = plots.liveplot.logger.log_history
assert sorted(kept) == ["loss", "mae", "val_loss", "val_mae"]
for name, items in kept.items():
    assert [item.value for item in items] == history.history[name], name
assert Path("losses_2.png").stat().st_size > 5000
