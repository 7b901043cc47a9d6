"""Shapes that do not fit: the table of the stack, and the sentence on what to change."""

from __future__ import annotations

import numpy as np
import pytest

import sequax
from sequax import Input, Sequential
from sequax.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Conv2D,
    ConvLSTM2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    MaxPooling1D,
    MaxPooling2D,
    MultiHeadAttention,
    Normalization,
    TimeDistributed,
)

REMEDIES = [
    (
        [Input((28, 28)), Conv2D(3, 3)],
        "channel axis is missing. For one channel begin the stack with `Input((28, 28, 1))`",
    ),
    ([Input((8, 8)), MaxPooling2D()], "`Input((8, 8, 1))`"),
    ([Input((8, 8)), Conv2D(2, 3, data_format="channels_first")], "`Input((1, 8, 8))`, and pass x[:, None]"),
    (
        [Input((10,)), LSTM(3)],
        "a time axis is missing. For 10 steps of one number begin the stack with `Input((10, 1))`",
    ),
    ([Input((10,)), Bidirectional(LSTM(3))], "`Input((1, 10))`"),
    ([Input((8,)), TimeDistributed(Dense(3))], "a time axis is missing"),
    (
        [Input((10, 2)), LSTM(3, name="a"), Dropout(0.1), LSTM(3)],
        "'a' puts out its last step only. Give it `return_sequences=True`",
    ),
    ([Input((10, 2)), Bidirectional(LSTM(3), name="a"), GRU(3)], "Give it `return_sequences=True`"),
    ([Input((10, 2)), LSTM(3, name="a"), Conv1D(3, 2)], "'a' puts out its last step only"),
    (
        [Input((8, 8, 1)), Flatten(name="a"), Conv2D(2, 3)],
        "'a' (Flatten) has made (None, 64) of (None, 8, 8, 1). Put it behind",
    ),
    ([Input((8,)), Dense(16), Conv1D(2, 3)], "put `Reshape((16, 1))` in front"),
    ([Input((64,)), Conv2D(2, 3)], "2 axes are missing. Put `Reshape((rows, columns, channels))` of 64 values"),
    ([Input((8, 8, 1)), Conv2D(2, 3), LSTM(3)], "put `Reshape((6, 12))` or `TimeDistributed(Flatten())` in front"),
    ([Input((8, 8, 1)), MaxPooling1D()], "Take `MaxPooling2D`"),
    (
        [Input((8, 8, 1)), ConvLSTM2D(3, 3)],
        "a time axis is missing. For single steps begin the stack with `Input((1, 8, 8, 1))`",
    ),
    ([Input((None,)), LSTM(3)], "`Reshape((-1, 1))`"),
]


@pytest.mark.parametrize(("layers", "words"), REMEDIES)
def test_the_error_says_what_to_change(layers, words):
    with pytest.raises(ValueError) as caught:
        Sequential(layers)
    assert words in str(caught.value)
    assert len([line for line in str(caught.value).splitlines() if line.lstrip().startswith("-->")]) == 1


def test_what_the_error_advises_fits():
    assert Sequential([Input((28, 28, 1)), Conv2D(3, 3)]).output_shape == (None, 26, 26, 3)
    model = Sequential([Input((28, 28, 1)), Conv2D(2, 3), Flatten(), Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 28, 28), "float32"), np.ones((4, 1)), verbose=0)  # "data without that axis then fit"
    Sequential([Input((10, 2)), LSTM(3, return_sequences=True), Dropout(0.1), LSTM(3)])
    Sequential([Input((8, 8, 1)), Conv2D(2, 3), sequax.layers.Reshape((6, 12)), LSTM(3)])


def test_data_that_build_the_model_are_told_the_same():
    model = Sequential([Conv2D(3, 3), Flatten(), Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="a channel axis is missing"):
        model.fit(np.ones((4, 28, 28), "float32"), np.ones((4, 1)), verbose=0)
    with pytest.raises(ValueError, match=r"'dense' was built for 3; a new layer in its place takes 2"):
        Sequential([Input((3,)), Dense(1, name="dense")])(np.ones((4, 2), "float32"))


def test_flattened_images_are_recognized():
    body = Sequential([Input((784,)), Dense(3, name="first")])
    assert "which these are: put `Flatten()` in front" in body.explain((2, 28, 28)).remedy


def test_long_stacks_are_shown_in_part():
    layers = [Input((3,)), *(Dense(3) for _ in range(30)), LSTM(2)]
    with pytest.raises(ValueError, match="19 layers") as caught:
        Sequential(layers)
    assert len(str(caught.value).splitlines()) < 18


PLACES = [
    ([Input((9, 9, 1)), Conv2D(2, 3), Dense(10)], "mse", (8, 10), "7 x 7 places"),
    ([Input((9, 9, 1)), Conv2D(2, 3), Dense(10, "softmax")], "sparse_categorical_crossentropy", (8,), "7 x 7 places"),
    ([Input((10, 2)), LSTM(3, return_sequences=True), Dense(1)], "mse", (8, 1), "each of 10 places"),
    ([Input((10,)), Embedding(5, 4), Dense(1, "sigmoid")], "binary_crossentropy", (8,), "each of 10 places"),
]


@pytest.mark.parametrize(("layers", "loss", "shape", "words"), PLACES)
def test_targets_per_sample_and_outputs_per_place(layers, loss, shape, words):
    model = Sequential(layers)
    model.compile("sgd", loss)
    x = np.zeros((8, *model.input_shape[1:]), "float32")
    with pytest.raises(ValueError) as caught:
        model.fit(x, np.zeros(shape), verbose=0)
    assert words in str(caught.value) and "Flatten()" in str(caught.value)


# --- explain ---


def test_explain_follows_a_shape_and_builds_nothing():
    model = Sequential([Embedding(10, 3), Sequential([LSTM(3, return_sequences=True)]), MultiHeadAttention(2, 2)])
    model.extend([BatchNormalization(), GlobalAveragePooling1D()])
    told = model.explain((32, 10))
    assert told.fits and told.output_shape == (32, 3) and told.problem is None
    assert not model.built and not any(layer.built for layer in model.layers)
    assert "(32, 10) -> (32, 10, 3)" in repr(told) and "Output: (32, 3)" in told._repr_html_()


def test_explain_marks_the_row_that_fails():
    model = Sequential([Conv2D(3, 3), Flatten(), Dense(3)])
    told = model.explain(np.zeros((5, 28, 28)))
    assert not told.fits and told.output_shape is None and "channel axis" in told.remedy
    assert [row.fails for row in told.rows] == [True, False, False]
    assert (
        repr(told).count("channel axis is missing") == 1
        and repr(told).count("-->") == 1
        and "--&gt;" in told._repr_html_()
    )
    assert model.explain((5, 28, 28, 1)).fits


def test_explain_of_a_built_model_leaves_it_as_it_was():
    model = Sequential([Input((10, 2)), LSTM(3, return_sequences=True), LSTM(2), Dense(1)])
    calls = [len(layer.recorded_calls) for layer in model.layers]
    assert model.explain().output_shape == (None, 1)
    assert "built for 2" in model.explain((None, 10, 3)).remedy
    assert [len(layer.recorded_calls) for layer in model.layers] == calls
    assert model(np.ones((1, 10, 2), "float32")).shape == (1, 1)


def test_explain_needs_a_stack_and_a_shape():
    with pytest.raises(ValueError, match="needs a shape"):
        Sequential([Dense(3)]).explain()
    x = Input((3,))
    with pytest.raises(TypeError, match="follows a stack"):
        sequax.Model(x, Dense(2)(x)).explain((None, 3))


def test_explain_takes_layers_of_ones_own():
    class Doubled(sequax.Layer):
        def build(self, shape):
            self.scale = self.add_weight(shape=(shape[-1],))

        def call(self, x):
            return x * self.scale

    model = Sequential([Doubled(), Dense(2)])
    assert model.explain((None, 3)).output_shape == (None, 2) and not model.built


# --- large numbers ---

LARGE = np.ones((20, 3), "float32")
LARGE[:, 1] = 1e8
ONES = np.ones((20, 1), "float32")


def fitted(*layers, x=LARGE):
    model = Sequential([Input(x.shape[1:]), *layers])
    model.compile("adam", "mse")
    return model.fit(x, ONES, verbose=0)


@pytest.mark.parametrize("layers", [[Dense(1)], [Dropout(0.1), Dense(1)], [Sequential([Dense(1)])]])
def test_numbers_of_a_hundred_million_are_warned_of(layers):
    with pytest.warns(UserWarning, match=r"numbers up to 1.0e\+08, in column 1.*Normalization"):
        fitted(*layers)


def test_large_numbers_of_streams_and_graphs_are_warned_of():
    x = Input((3,))
    model = sequax.Model(x, Dense(1)(x))
    model.compile("adam", "mse")
    with pytest.warns(UserWarning, match="multiplies"):
        model.fit(iter([(LARGE, ONES)]), verbose=0)


def test_numbers_that_are_scaled_first_are_not():
    scaled = Normalization()
    scaled.adapt(LARGE)
    fitted(scaled, Dense(1))
    fitted(BatchNormalization(), Dense(1))
    fitted(Dense(1), x=np.full((20, 3), 255.0))


# --- graphs ---

GRAPHS = [
    (lambda: LSTM(3)(Dropout(0.1)(LSTM(3, name="a")(Input((5, 2))))), "'a' puts out its last step only"),
    (lambda: Conv2D(3, 3)(Input((28, 28))), "a channel axis is missing"),
    (lambda: Conv2D(3, 3)(Flatten(name="a")(Input((28, 28, 1)))), "'a' (Flatten) has made"),
    (lambda: LSTM(3)(sequax.layers.Concatenate()([Input((4,)), Input((3,))])), "a time axis is missing"),
]


@pytest.mark.parametrize(("call", "words"), GRAPHS)
def test_calls_on_symbolic_tensors_say_what_to_change(call, words):
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value).count(words) == 1


def test_a_stack_says_it_once():
    with pytest.raises(ValueError) as caught:
        Sequential([Input((5, 2)), LSTM(3), LSTM(3)])
    assert str(caught.value).count("Give it `return_sequences=True`") == 1


# --- data beside a model that is built ---

OTHER_DATA = [
    ((28, 28, 3), (28, 28), "np.repeat(x[..., None], 3, axis=-1)"),
    ((28, 28, 3), (28, 28, 1), "np.repeat(x, 3, axis=-1)"),
    ((28, 28, 3), (28, 28, 4), "use x[..., :3]"),
    ((28, 28, 3), (32, 32, 3), "ops.image.resize(x, (28, 28))"),
    ((10, 5), (5,), "sequence_length=10"),
    ((4,), (5,), "Is the target still among the columns?"),
    ((4,), (7,), "the model expects 4."),
]


@pytest.mark.parametrize(("wanted", "given", "words"), OTHER_DATA)
def test_data_of_another_shape_are_told_what_to_do(wanted, given, words):
    model = Sequential([Input(wanted), Flatten(), Dense(1)])
    model.compile("sgd", "mse")
    x = np.zeros((6, *given), "float32")
    with pytest.raises(ValueError) as caught:
        model.fit(x, np.zeros((6, 1)), verbose=0)
    assert words in str(caught.value)


def test_what_is_advised_for_images_works():
    model = Sequential([Input((8, 8, 3)), Flatten(), Dense(1)])
    grey = np.zeros((6, 8, 8), "float32")
    assert model.predict(np.repeat(grey[..., None], 3, axis=-1), verbose=0).shape == (6, 1)
    assert model.predict(sequax.ops.image.resize(np.zeros((6, 9, 9, 3), "float32"), (8, 8)), verbose=0).shape == (6, 1)
