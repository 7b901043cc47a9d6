# ruff: noqa
# Topics of sentences by a convolution over words.
import numpy as np
import tensorflow as tf
from tensorflow.keras.layers import Conv1D, Dense, Embedding, GlobalMaxPool1D
from tensorflow.keras.models import Sequential
from tensorflow.keras.preprocessing.sequence import pad_sequences
from tensorflow.keras.preprocessing.text import Tokenizer, one_hot, text_to_word_sequence

np.random.seed(0)
tf.random.set_seed(0)
topics = {
    "sport": "goal match team player coach season league win".split(),
    "food": "salt oven butter sauce dinner recipe sugar bread".split(),
    "space": "orbit rocket moon planet launch star engine crew".split(),
}
common = "the a of and with for this that new old".split()
sentences, labels = [], []
for i in range(360):
    label = i % 3
    words = list(np.random.choice(list(topics.values())[label], 3)) + list(np.random.choice(common, 5))
    np.random.shuffle(words)
    sentences.append(" ".join(words) + ".")
    labels.append(label)
labels = np.array(labels)

tokenizer = Tokenizer(num_words=40, oov_token="<OOV>")
tokenizer.fit_on_texts(sentences[:300])
padded = pad_sequences(tokenizer.texts_to_sequences(sentences), maxlen=10, padding="post", truncating="post")
print(text_to_word_sequence(sentences[0])[:3], len(one_hot(sentences[0], 50)), tokenizer.sequences_to_texts(padded[:1]))

model = Sequential(
    [
        Embedding(40, 16, input_length=10),
        Conv1D(16, 3, activation="relu"),
        GlobalMaxPool1D(),
        Dense(3, activation="softmax"),
    ]
)
model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(padded[:300], labels[:300], epochs=15, batch_size=30, verbose=0, validation_data=(padded[300:], labels[300:]))
print("score", model.evaluate(padded[300:], labels[300:], batch_size=30, verbose=0)[1])
