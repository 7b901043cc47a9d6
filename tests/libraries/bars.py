"""tqdm: bars by epoch and batch."""

import io

import keras
import numpy as np
from tqdm.auto import tqdm
from tqdm.keras import TqdmCallback


class Written(tqdm):
    text = io.StringIO()

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **{**kwargs, "file": self.text, "mininterval": 0})


x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
model.fit(x, x[:, 0], epochs=3, batch_size=16, verbose=0, callbacks=[TqdmCallback(verbose=2, tqdm_class=Written)])
assert "3/3" in Written.text.getvalue() and "loss=" in Written.text.getvalue(), Written.text.getvalue()
