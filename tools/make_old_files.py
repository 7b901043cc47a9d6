"""Make the stored files of `tests/old_files/` with the real Keras of several eras.

The test suite only reads what is stored; this script is run by hand, in throwaway environments, with the library that
is to write the files. It needs nothing of Sequax.

    environment                                         command
    pip install tensorflow-cpu==2.15.1                  python tools/make_old_files.py models tests/old_files
    pip install tensorflow-cpu keras==3.6.0             python tools/make_old_files.py models tests/old_files
    pip install tensorflow-cpu keras==3.15.1            python tools/make_old_files.py text tests/old_files

The stored archives were made with Python 3.11 and
    keras-2.15.0.zip    TensorFlow 2.15.1, h5py 3.16.0, NumPy 1.26.4
    keras-3.6.0.zip     TensorFlow 2.21.0, h5py 3.14.0, NumPy 2.4.6
    text-3.15.1.zip     TensorFlow 2.21.0, h5py 3.14.0, NumPy 2.4.6

Each archive holds the files byte for byte as Keras wrote them (the zip around them only packs them), and
`expected.npz`: for each model its inputs (`NAME/x0`, `NAME/x1`, ...), targets (`NAME/y0`, ...), its outputs when it was
saved (`NAME/outputs0`, ...), and the losses of the three epochs that followed (`NAME/losses`; 16 rows, batches of 8,
not shuffled).
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROWS, BATCH = 16, 8
DATE = (2020, 1, 1, 0, 0, 0)  # in the archives, so that only new contents change them

np: Any = None
keras: Any = None

# --- models of all families, in what Keras 2 and 3 have in common ---


def stack(*layers: Any, shape: tuple, dtype: str | None = None) -> Any:
    return keras.Sequential([keras.Input(shape, dtype=dtype), *layers])


def dense() -> Any:
    L = keras.layers
    return stack(
        L.Dense(3, activation="tanh", kernel_regularizer=keras.regularizers.L1L2(0.01, 0.02)),
        L.Dense(2, use_bias=False, kernel_constraint="max_norm"),
        shape=(4,),
    )


def convolution() -> Any:
    L = keras.layers
    return stack(
        L.Conv2D(3, 3, padding="same", activation="relu"), L.BatchNormalization(), L.MaxPooling2D(),
        L.DepthwiseConv2D(2), L.Conv2DTranspose(2, 2), L.GlobalAveragePooling2D(), L.Dense(1), shape=(6, 6, 2),
    )  # fmt: skip


def convolution_1d() -> Any:
    L = keras.layers
    return stack(
        L.Conv1D(3, 2, padding="causal"), L.LeakyReLU(0.2), L.SeparableConv1D(2, 2), L.Flatten(), L.Dense(1),
        shape=(5, 2),
    )  # fmt: skip


def lstm() -> Any:
    L = keras.layers
    return stack(L.LSTM(3, return_sequences=True), L.Bidirectional(L.LSTM(2)), L.Dense(1), shape=(4, 2))


def gru() -> Any:
    L = keras.layers
    return stack(L.GRU(3, return_sequences=True), L.GRU(2, reset_after=False), L.Dense(1), shape=(4, 2))


def cells() -> Any:
    L = keras.layers
    return stack(
        L.Masking(0.0), L.RNN([L.LSTMCell(2), L.GRUCell(3)], return_sequences=True), L.TimeDistributed(L.Dense(1)),
        shape=(4, 2),
    )  # fmt: skip


def embedding() -> Any:
    L = keras.layers
    return stack(L.Embedding(7, 3, mask_zero=True), L.SimpleRNN(2), L.Dense(1), shape=(5,), dtype="int32")


def normalization() -> Any:
    L = keras.layers
    adapted = L.Normalization()
    adapted.adapt(np.arange(12, dtype="float32").reshape(4, 3) ** 2)
    return stack(adapted, L.Dense(4), L.LayerNormalization(), L.PReLU(), L.Dense(1), shape=(3,))


def attention() -> Any:
    L = keras.layers
    x = keras.Input((4, 6))
    y = L.LayerNormalization()(L.Add()([x, L.MultiHeadAttention(2, 3)(x, x)]))
    y = L.Attention(use_scale=True)([y, x])
    return keras.Model(x, L.Dense(2)(L.GlobalAveragePooling1D()(y)))


def graph() -> Any:
    L = keras.layers
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    twice = L.Dense(3, activation="relu", name="twice")
    inner = keras.Sequential([keras.Input((3,)), L.Dense(4), L.Dense(2)], name="inner")
    y = L.Concatenate()([inner(L.Multiply()([twice(a), twice(b)])), L.Subtract()([a, b])])
    return keras.Model([a, b], [L.Dense(1, name="one")(y), L.Dense(2, name="two")(y)], name="graph")


Optimizer = Callable[[], Any]


def schedule() -> Any:
    return keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.8)


MODELS: dict[str, tuple[Callable[[], Any], Optimizer]] = {
    "dense": (dense, lambda: keras.optimizers.Adam(schedule())),
    "convolution": (convolution, lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)),
    "convolution_1d": (convolution_1d, lambda: keras.optimizers.RMSprop(0.01, momentum=0.5, centered=True)),
    "lstm": (lstm, lambda: keras.optimizers.Adam(0.05, amsgrad=True, clipnorm=1.0)),
    "gru": (gru, lambda: keras.optimizers.Adagrad(0.05)),
    "cells": (cells, lambda: keras.optimizers.Adamax(0.05)),
    "embedding": (embedding, lambda: keras.optimizers.Ftrl(0.05)),
    "normalization": (normalization, lambda: keras.optimizers.Adadelta(0.5)),
    "attention": (attention, lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1)),
    "graph": (graph, lambda: keras.optimizers.Nadam(0.02)),
    "lion": (dense, lambda: keras.optimizers.Lion(0.01)),
    "average": (dense, lambda: keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.9)),
}
OLD_OPTIMIZERS: dict[str, tuple[Callable[[], Any], Optimizer]] = {  # those of TensorFlow up to 2.10
    "old_adam": (dense, lambda: keras.optimizers.legacy.Adam(0.05, decay=0.1)),
    "old_sgd": (dense, lambda: keras.optimizers.legacy.SGD(0.05, momentum=0.9)),
    "old_rmsprop": (dense, lambda: keras.optimizers.legacy.RMSprop(0.01, momentum=0.5, centered=True)),
    "old_amsgrad": (dense, lambda: keras.optimizers.legacy.Adam(0.05, amsgrad=True)),
    "old_adagrad": (dense, lambda: keras.optimizers.legacy.Adagrad(0.05)),
    "old_adadelta": (dense, lambda: keras.optimizers.legacy.Adadelta(0.5)),
    "old_adamax": (dense, lambda: keras.optimizers.legacy.Adamax(0.05)),
    "old_nadam": (dense, lambda: keras.optimizers.legacy.Nadam(0.05)),
    "old_ftrl": (dense, lambda: keras.optimizers.legacy.Ftrl(0.05)),
}


def data_for(model: Any) -> tuple[list, list]:
    """Inputs and targets."""
    rng = np.random.default_rng(1)

    def inputs(tensor: Any) -> Any:
        shape = (ROWS, *tensor.shape[1:])
        if "int" in str(tensor.dtype):
            return rng.integers(0, 7, shape).astype("int32")
        return rng.normal(size=shape).astype("float32")

    xs = [inputs(one) for one in model.inputs]
    return xs, [rng.normal(size=(ROWS, *one.shape[1:])).astype("float32") for one in model.outputs]


def listed(value: Any) -> list:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def unlisted(values: list) -> Any:
    return values[0] if len(values) == 1 else values


def fit(model: Any, xs: list, ys: list, epochs: int) -> Any:
    x, y = unlisted(xs), unlisted(ys)
    return model.fit(x, y, epochs=epochs, batch_size=BATCH, shuffle=False, verbose=0).history["loss"]


def make_models(folder: Path, expected: dict[str, Any]) -> None:
    """All models, trained for two epochs: whole in two formats; some of them as weights, too."""
    second = keras.__version__.startswith("2")
    for name, (build, optimizer) in {**MODELS, **(OLD_OPTIMIZERS if second else {})}.items():
        print(name)
        keras.backend.clear_session()
        keras.utils.set_random_seed(1)
        model = build()
        xs, ys = data_for(model)
        model.compile(optimizer(), "mse", metrics=["mae"] if len(ys) == 1 else None)
        fit(model, xs, ys, 2)
        outputs = [np.asarray(one) for one in listed(model(unlisted(xs)))]
        if not name.startswith("old"):
            model.save(folder / f"{name}.keras")
        if name in ("dense", "convolution", "lstm", "attention", "graph"):
            model.save_weights(folder / f"{name}.weights.h5")
        if second and name in ("dense", "graph"):
            model.save_weights(folder / f"{name}_weights.h5")
        save_old_format(model, folder / f"{name}.h5")  # last: Keras 3.6 forgets the optimizer of `compile` over it
        keep(expected, name, xs, outputs)
        expected.update({f"{name}/y{i}": value for i, value in enumerate(ys)})
        expected[f"{name}/losses"] = np.asarray(fit(model, xs, ys, 3))


def keep(expected: dict[str, Any], name: str, xs: list, outputs: list) -> None:
    expected.update({f"{name}/x{i}": value for i, value in enumerate(xs)})
    expected.update({f"{name}/outputs{i}": value for i, value in enumerate(outputs)})


def save_old_format(model: Any, path: Path) -> None:
    """Keras 3.6 cannot write `.h5` files of layers with several weights of one name (cells, separable convolutions)."""
    try:
        model.save(path)
    except ValueError as error:
        if "name already exists" not in str(error):
            raise
        path.unlink()
        print(f"    {path.name}: this Keras cannot write it")


# --- layers that learn vocabularies, and others that Keras runs with TensorFlow ---

TEXTS = ["The cat sat.", "a DOG, a cat!", "", "no such word", "the  the the dog", "Käse über-groß", "cat\tdog\nsat"]
CORPUS = ["the cat sat on the mat", "the dog ate the cat", "a Dog. a Käse", "mat mat on"]
WORDS = ["cat", "dog", "bird", "", "[UNK]", "Käse", "cat", "the"]
LEARNED = ["dog", "cat", "dog", "Käse", "mat", "dog", "cat", "on"]
NUMBERS = [[7, 3], [5, 1], [-1, 12345678901], [0, 3], [7, 7]]
FLOATS = [[0.1, -3.0], [2.5, 7.0], [1.0, 1e6], [-0.5, 4.2]]


def text_cases() -> Iterator[tuple[str, Any]]:
    V = keras.layers.TextVectorization

    def adapted(**arguments: Any) -> Any:
        layer = V(**arguments)
        layer.adapt(CORPUS)
        return layer

    yield "text_int", adapted()
    yield "text_length", adapted(output_sequence_length=4, standardize="lower", split="character")
    yield "text_ngrams", adapted(standardize="strip_punctuation", ngrams=2)
    yield "text_sizes", adapted(ngrams=(1, 3), output_mode="count")
    yield "text_whole", adapted(standardize=None, split=None)
    yield "text_multi_hot", adapted(output_mode="multi_hot", max_tokens=5)
    yield "text_padded", adapted(output_mode="count", max_tokens=20, pad_to_max_tokens=True)
    yield "text_tf_idf", adapted(output_mode="tf_idf")
    yield "text_tf_idf_padded", adapted(output_mode="tf_idf", max_tokens=20, pad_to_max_tokens=True)
    yield "text_given", V(vocabulary=["cat", "dog", "Käse"], ragged=False)
    weights = np.array([0.5, 1.5, 2.0], "float32")
    yield "text_given_tf_idf", V(vocabulary=["cat", "dog", "the"], output_mode="tf_idf", idf_weights=weights)


def lookup_cases(kind: str, learned: Any, given: list) -> Iterator[tuple[str, Any]]:
    Lookup = getattr(keras.layers, kind)
    short = "strings" if kind == "StringLookup" else "integers"
    mask = "" if kind == "StringLookup" else 0

    def adapted(**arguments: Any) -> Any:
        layer = Lookup(**arguments)
        layer.adapt(np.array(learned))
        return layer

    weights = np.linspace(0.5, 1.5, len(given)).astype("float32")
    yield f"{short}_int", adapted()
    yield f"{short}_buckets", adapted(num_oov_indices=3, mask_token=mask)
    yield f"{short}_no_unknown", Lookup(vocabulary=given, num_oov_indices=0, output_mode="multi_hot")
    yield f"{short}_one_hot", adapted(output_mode="one_hot", mask_token=mask, num_oov_indices=2)
    yield f"{short}_multi_hot", adapted(output_mode="multi_hot", max_tokens=4)
    yield f"{short}_count", adapted(output_mode="count", max_tokens=9, pad_to_max_tokens=True)
    yield f"{short}_tf_idf", adapted(output_mode="tf_idf", num_oov_indices=2)
    yield f"{short}_tf_idf_padded", adapted(output_mode="tf_idf", max_tokens=9, pad_to_max_tokens=True)
    yield f"{short}_given", Lookup(vocabulary=given, mask_token=mask)
    yield f"{short}_given_tf_idf", Lookup(vocabulary=given, idf_weights=weights, output_mode="tf_idf")
    yield f"{short}_invert", Lookup(vocabulary=given, invert=True)
    yield f"{short}_invert_learned", adapted(invert=True, num_oov_indices=0)


def category_cases() -> Iterator[tuple[str, Any, Any]]:
    L = keras.layers
    small = np.array([[0, 3], [1, 1], [3, 2]], "int64")
    for mode in ("one_hot", "multi_hot", "count"):
        inputs = small[:, :1] if mode == "one_hot" else small
        yield f"category_{mode}", L.CategoryEncoding(4, output_mode=mode), inputs
    words, numbers = np.array(WORDS, object)[:, None], np.array(NUMBERS, "int64")
    yield "hashing", L.Hashing(5), words
    yield "hashing_masked", L.Hashing(5, mask_value=""), words
    yield "hashing_salt", L.Hashing(7, salt=133), words
    yield "hashing_salts", L.Hashing(7, salt=[133, 137], output_mode="one_hot"), words
    yield "hashing_numbers", L.Hashing(6, output_mode="multi_hot"), numbers
    yield "discretization", L.Discretization([0.0, 1.0, 4.0]), np.array(FLOATS, "float32")
    yield "discretization_count", L.Discretization([0.0, 1.0, 4.0], output_mode="count"), np.array(FLOATS, "float32")
    quantiles = L.Discretization(num_bins=4, epsilon=0.01, output_mode="multi_hot")
    quantiles.adapt(np.linspace(-2, 9, 50).astype("float32")[:, None])
    yield "discretization_learned", quantiles, np.array(FLOATS, "float32")
    floats = np.array(FLOATS, "float32")
    for name, layer in {
        "normalization": L.Normalization(),
        "normalization_whole": L.Normalization(axis=None),
        "normalization_invert": L.Normalization(invert=True),
    }.items():
        layer.adapt(floats)
        yield name, layer, floats
    yield "normalization_given", L.Normalization(mean=[1.0, 2.0], variance=[4.0, 9.0]), floats


def one_layer(layer: Any, x: Any) -> Any:
    dtype = "string" if x.dtype == object else str(x.dtype)
    return keras.Sequential([keras.Input(x.shape[1:], dtype=dtype), layer])


def all_cases() -> Iterator[tuple[str, Any, list]]:
    for name, layer in text_cases():
        x = np.array(TEXTS, object)[:, None]
        yield name, one_layer(layer, x), [x]
    words, numbers = np.array(WORDS, object)[:, None], np.array(NUMBERS, "int64")
    strings = lookup_cases("StringLookup", LEARNED, ["cat", "dog", "Käse"])
    integers = lookup_cases("IntegerLookup", [7, 7, 3, 12345678901, 3, 7], [7, 3, 12345678901])
    for cases, plain in ((strings, words), (integers, numbers)):
        for name, layer in cases:
            x = plain[:3] if name.endswith("no_unknown") else plain
            if name.endswith("no_unknown"):  # only what is known
                x = np.array([["cat"], ["dog"], ["cat"]], object) if x.dtype == object else np.array([[7, 3], [3, 3]])
            if "one_hot" in name:
                x = x[:, :1]
            if "invert" in name:
                x = np.array([[0, 1], [2, 1]], "int64")
            yield name, one_layer(layer, x), [x]
    for name, layer, x in category_cases():
        yield name, one_layer(layer, x), [x]
    yield "crossing", *crossing()
    yield "crossing_one_hot", *crossing(output_mode="one_hot")


def crossing(**arguments: Any) -> tuple[Any, list]:
    a, b = keras.Input((1,), dtype="string", name="a"), keras.Input((1,), dtype="int64", name="b")
    xs = [np.array([["x"], ["y"], ["Käse"]], object), np.array([[1], [2], [3]], "int64")]
    return keras.Model([a, b], keras.layers.HashedCrossing(6, **arguments)((a, b))), xs


def classifier() -> tuple[Any, list]:
    """Texts in, a trained number out."""
    L = keras.layers
    texts = L.TextVectorization(output_sequence_length=5)
    texts.adapt(CORPUS)
    layers = [texts, L.Embedding(texts.vocabulary_size(), 3), L.GlobalAveragePooling1D(), L.Dense(1)]
    model = keras.Sequential([keras.Input((1,), dtype="string"), *layers])
    return model, [np.array((CORPUS * ROWS)[:ROWS], object)[:, None]]


def make_text(folder: Path, expected: dict[str, Any]) -> None:
    """A model around each layer; and one that was trained."""
    tensorflow = importlib.import_module("tensorflow")

    def run(model: Any, xs: list) -> list:
        found = listed(model(unlisted([tensorflow.constant(x.tolist(), model_dtype(x)) for x in xs])))
        return [np.asarray(one) for one in found]

    def model_dtype(x: Any) -> str:
        return "string" if x.dtype == object else str(x.dtype)

    def stored(values: list) -> list:
        return [as_text(one) for one in values]

    for name, model, xs in all_cases():
        print(name)
        model.save(folder / f"{name}.keras")
        keep(expected, name, stored(xs), stored(run(model, xs)))

    keras.utils.set_random_seed(1)
    model, xs = classifier()
    # Adam and Adagrad treat the sparse gradients that TensorFlow has for an embedding differently from dense ones.
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "mse")
    y = np.linspace(-1, 1, ROWS).astype("float32")[:, None]
    batches = tensorflow.data.Dataset.from_tensor_slices((tensorflow.constant(xs[0].tolist()), y)).batch(BATCH)
    model.fit(batches, epochs=2, verbose=0)
    model.save(folder / "classifier.keras")
    keep(expected, "classifier", stored(xs), run(model, xs))
    expected["classifier/y0"] = y
    expected["classifier/losses"] = np.asarray(model.fit(batches, epochs=3, verbose=0).history["loss"])


def as_text(values: Any) -> Any:
    """Objects (`bytes` or `str`) as an array of text that needs no pickle."""
    if values.dtype != object:
        return values
    texts = [one.decode() if isinstance(one, bytes) else one for one in values.reshape(-1).tolist()]
    return np.array(texts).reshape(values.shape)


# --- the archive ---


def pack(folder: Path, expected: dict[str, Any], target: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **expected)
    members = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in {**members, "expected.npz": buffer.getvalue()}.items():
            archive.writestr(zipfile.ZipInfo(name, DATE), data, zipfile.ZIP_DEFLATED, 9)
    print(f"{target}: {len(members)} files, {target.stat().st_size} bytes")


def main() -> None:
    global np, keras
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("what", choices=("models", "text"))
    parser.add_argument("folder", type=Path, help="where the archive goes")
    chosen = parser.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    np, keras = importlib.import_module("numpy"), importlib.import_module("keras")
    print(f"Python {sys.version.split()[0]}, Keras {keras.__version__}, NumPy {np.__version__}")
    expected: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        make = make_text if chosen.what == "text" else make_models
        make(Path(name), expected)
        first = "text" if chosen.what == "text" else "keras"
        pack(Path(name), expected, chosen.folder / f"{first}-{keras.__version__}.zip")


if __name__ == "__main__":
    main()
