# ruff: noqa
# Short reviews, good or bad: Tokenizer, pad_sequences, Embedding, LSTM.
import numpy as np
from keras.layers import LSTM, Dense, SpatialDropout1D
from keras.layers.embeddings import Embedding
from keras.models import Sequential
from keras.preprocessing.sequence import pad_sequences
from keras.preprocessing.text import Tokenizer

rng = np.random.RandomState(0)
good, bad = ["great", "lovely", "superb", "funny"], ["awful", "boring", "dull", "poor"]
filler = "the film was really a story about some people in town and it had an end".split()
texts, labels = [], []
for i in range(400):
    words = list(rng.choice(filler, 6)) + [rng.choice(good if i % 2 else bad)]
    rng.shuffle(words)
    texts.append(" ".join(words).capitalize() + "!")
    labels.append(i % 2)
labels = np.array(labels)

max_features, maxlen = 50, 8
tokenizer = Tokenizer(num_words=max_features, split=" ")
tokenizer.fit_on_texts(texts)
X = pad_sequences(tokenizer.texts_to_sequences(texts), maxlen=maxlen)
print("Found %s unique tokens." % len(tokenizer.word_index))

model = Sequential()
model.add(Embedding(max_features, 16, input_length=maxlen))
model.add(SpatialDropout1D(0.1))
model.add(LSTM(8, dropout=0.1, recurrent_dropout=0.1))
model.add(Dense(1, activation="sigmoid"))
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["acc"])
model.summary()
model.fit(X[:300], labels[:300], epochs=15, batch_size=20, verbose=0)
print("score", model.evaluate(X[300:], labels[300:], batch_size=50, verbose=0)[1])
