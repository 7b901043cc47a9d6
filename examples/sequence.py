"""An LSTM reads sequences of different lengths, padded with zeros, which it skips: which symbol comes more often?"""

import numpy as np

import sequax as keras
from sequax import layers

keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)

PADDING, LONGEST = 0, 12
tokens = rng.integers(1, 3, size=(1200, LONGEST))
lengths = rng.integers(3, LONGEST + 1, size=1200)
tokens[np.arange(LONGEST) >= lengths[:, None]] = PADDING
more_twos = ((tokens == 2).sum(axis=1) > (tokens == 1).sum(axis=1)).astype("int32")

model = keras.Sequential(
    [
        keras.Input((LONGEST,), dtype="int32"),
        layers.Embedding(3, 8, mask_zero=True),
        layers.LSTM(16),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(optimizer=keras.optimizers.Adam(0.02), loss="binary_crossentropy", metrics=["accuracy"])
model.fit(tokens[:1000], more_twos[:1000], epochs=10, verbose=0)
loss, accuracy = model.evaluate(tokens[1000:], more_twos[1000:], verbose=0)
print(f"{accuracy:.1%} of new sequences right")
