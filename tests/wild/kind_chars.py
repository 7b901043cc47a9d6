# ruff: noqa
# Text by characters: one-hot windows, an LSTM, and samples at several temperatures at the end of epochs.
import random
import sys

import numpy as np
from keras.callbacks import LambdaCallback
from keras.layers import LSTM, Activation, Dense
from keras.models import Sequential
from keras.optimizers import RMSprop

np.random.seed(0)
random.seed(0)
text = "the quick brown fox jumps over the lazy dog. " * 12
chars = sorted(list(set(text)))
char_indices = dict((c, i) for i, c in enumerate(chars))
indices_char = dict((i, c) for i, c in enumerate(chars))
maxlen, step = 10, 1
sentences, next_chars = [], []
for i in range(0, len(text) - maxlen, step):
    sentences.append(text[i : i + maxlen])
    next_chars.append(text[i + maxlen])
X = np.zeros((len(sentences), maxlen, len(chars)), dtype=bool)
y = np.zeros((len(sentences), len(chars)), dtype=bool)
for i, sentence in enumerate(sentences):
    for t, char in enumerate(sentence):
        X[i, t, char_indices[char]] = 1
    y[i, char_indices[next_chars[i]]] = 1

model = Sequential()
model.add(LSTM(32, input_shape=(maxlen, len(chars))))
model.add(Dense(len(chars)))
model.add(Activation("softmax"))
model.compile(loss="categorical_crossentropy", optimizer=RMSprop(lr=0.02))


def sample(preds, temperature=1.0):
    preds = np.asarray(preds).astype("float64")
    preds = np.log(preds) / temperature
    exp_preds = np.exp(preds)
    preds = exp_preds / np.sum(exp_preds)
    return np.argmax(np.random.multinomial(1, preds, 1))


def generate(length, temperature):
    generated = sentence = text[:maxlen]
    for _ in range(length):
        x = np.zeros((1, maxlen, len(chars)))
        for t, char in enumerate(sentence):
            x[0, t, char_indices[char]] = 1.0
        next_char = indices_char[sample(model.predict(x, verbose=0)[0], temperature)]
        generated += next_char
        sentence = sentence[1:] + next_char
    return generated


def on_epoch_end(epoch, logs):
    if epoch % 10 == 9:
        sys.stdout.write("\n----- after epoch %d: %s\n" % (epoch, generate(10, 1.0)))
        sys.stdout.flush()


model.fit(X, y, batch_size=64, nb_epoch=20, verbose=0, callbacks=[LambdaCallback(on_epoch_end=on_epoch_end)])
written = generate(60, 0.2)
print("score", np.mean([a == b for a, b in zip(written, text)]))
