# ruff: noqa
# Tags for the words of sentences of any length: padding that is masked, an LSTM in both directions, a Dense per word.
import numpy as np
from keras.layers import LSTM, Bidirectional, Dense, Embedding, TimeDistributed
from keras.models import Sequential
from keras.preprocessing.sequence import pad_sequences
from keras.utils.np_utils import to_categorical

np.random.seed(0)
sentences = [np.random.randint(1, 20, np.random.randint(4, 9)) for _ in range(400)]
tags = [np.array([1 + (a > 10) + (a <= 10 and b > 10) for a, b in zip(s, list(s[1:]) + [0])]) for s in sentences]
maxlen = 8
X = pad_sequences(sequences=sentences, maxlen=maxlen, padding="post", value=0)
Y = np.array([to_categorical(t, num_classes=4) for t in pad_sequences(tags, maxlen=maxlen, padding="post", value=0)])

model = Sequential()
model.add(Embedding(20, 12, input_length=maxlen, mask_zero=True))
model.add(Bidirectional(LSTM(12, return_sequences=True)))
model.add(TimeDistributed(Dense(4, activation="softmax")))
model.compile(loss="categorical_crossentropy", optimizer="nadam", metrics=["accuracy"])
model.fit(X[:300], Y[:300], batch_size=25, epochs=15, verbose=0)
predicted = model.predict(X[300:], verbose=0).argmax(axis=-1)
right = [p[: len(t)] == t for p, t in zip(predicted, tags[300:])]
print("score", np.mean(np.concatenate(right)))
