# ruff: noqa
# Text with vectors of words made elsewhere: a matrix as the weights of a frozen Embedding, convolutions over words.
import numpy as np
from keras.layers import Conv1D, Dense, Embedding, GlobalMaxPooling1D, Input
from keras.models import Model
from keras.preprocessing.sequence import pad_sequences
from keras.preprocessing.text import Tokenizer
from keras.utils.np_utils import to_categorical

np.random.seed(0)
groups = {"sport": "ball goal team match coach".split(), "food": "bread soup salt oven cook".split()}
common = "the a of today people say it was in".split()
vectors = {word: np.random.randn(20) for word in common}
for words in groups.values():
    centre = np.random.randn(20) * 2
    vectors.update({word: centre + np.random.randn(20) * 0.3 for word in words})
texts, labels = [], []
for i in range(300):
    name = list(groups)[i % 2]
    words = list(np.random.choice(common, 6)) + list(
        np.random.choice(groups[name][:3] if i < 200 else groups[name][3:], 2)
    )
    np.random.shuffle(words)
    texts.append(" ".join(words))
    labels.append(i % 2)

MAX_NB_WORDS, MAX_SEQUENCE_LENGTH, EMBEDDING_DIM = 100, 10, 20
tokenizer = Tokenizer(nb_words=MAX_NB_WORDS)
tokenizer.fit_on_texts(texts)
sequences = tokenizer.texts_to_sequences(texts)
word_index = tokenizer.word_index
data = pad_sequences(sequences, maxlen=MAX_SEQUENCE_LENGTH)
labels = to_categorical(np.asarray(labels))
nb_words = min(MAX_NB_WORDS, len(word_index) + 1)
embedding_matrix = np.zeros((nb_words, EMBEDDING_DIM))
for word, i in word_index.items():
    if vectors.get(word) is not None:
        embedding_matrix[i] = vectors[word]

embedding_layer = Embedding(
    nb_words, EMBEDDING_DIM, weights=[embedding_matrix], input_length=MAX_SEQUENCE_LENGTH, trainable=False
)
sequence_input = Input(shape=(MAX_SEQUENCE_LENGTH,), dtype="int32")
embedded_sequences = embedding_layer(sequence_input)
x = Conv1D(16, 3, activation="relu")(embedded_sequences)
x = GlobalMaxPooling1D()(x)
preds = Dense(2, activation="softmax")(x)
model = Model(sequence_input, preds)
model.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["acc"])
model.fit(data[:200], labels[:200], nb_epoch=15, batch_size=20, verbose=0)
assert np.allclose(embedding_layer.get_weights()[0], embedding_matrix, atol=1e-6)
print("score", model.evaluate(data[200:], labels[200:], verbose=0)[1])
