"""Checks before training: good data passes untouched, and each bad situation gets the sentence that helps."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from sequax.data import checks
from sequax.data.checks import InputSchema, OutputSchema

DENSE = InputSchema("input", (None, 4))
TOKENS = InputSchema("input", (None, None), "int32", index_limit=10, layer="words")
IMAGES = InputSchema("input", (None, 28, 28, 1))


def output(loss, shape=(None, 3), **more):
    return OutputSchema("output", shape, loss, **more)


SPARSE = output("sparse_categorical_crossentropy", activation="softmax")
ONE_HOT = output("categorical_crossentropy", activation="softmax")
BINARY = output("binary_crossentropy", (None, 1), activation="sigmoid")
MSE = output("mean_squared_error", (None, 3), activation="linear")
SCALAR = output("mean_squared_error", (None, 1), activation="linear")


def refusal(call, *arguments, **options):
    """The message of the ValueError that the call must raise."""
    with pytest.raises(ValueError) as caught:
        call(*arguments, **options)
    return str(caught.value)


@pytest.fixture
def unchecked():
    checks.set_enabled(False)
    yield
    checks.set_enabled(True)


# Inputs

FLOATS = np.linspace(0, 1, 24, dtype="float32").reshape(6, 4)


def with_entry(array, index, value):
    array = array.copy()
    array[index] = value
    return array


INPUT_VALUES = [
    (with_entry(FLOATS, (3, 1), np.nan), DENSE, "x has 1 NaN (row 3, column 1)"),
    (with_entry(FLOATS, (5, 0), -np.inf), DENSE, "x has 1 infinity (row 5, column 0)"),
    (
        with_entry(FLOATS, (slice(2, 4)), np.nan),
        DENSE,
        "8 entries that are NaN or infinite, in 2 rows (first: NaN at row 2",
    ),
    (with_entry(FLOATS.astype("float16"), (3, 1), np.nan), DENSE, "x has 1 NaN (row 3, column 1)"),
    (
        with_entry(np.zeros((2, 2, 2)), (1, 0, 1), np.nan),
        InputSchema("i", None),
        "x has 1 NaN (row 1, position (0, 1))",
    ),
    (
        np.asarray([[0, 9], [1, 10], [12, 0]]),
        TOKENS,
        "x has index 10 at row 1, column 1, outside 0..9 of Embedding 'words' (input_dim=10; 2 bad rows): "
        "input_dim must be at least 13",
    ),
    (np.asarray([[0], [-1]]), TOKENS, "x has index -1 at row 1, column 0, outside 0..9"),
    (np.asarray([[3], [-2]]), TOKENS, "indices must not be negative"),
    (np.asarray([[2**32 + 1]]), TOKENS, "x has index 4294967297 at row 0"),
    (np.asarray([[2**63]], "uint64"), TOKENS, "x has index 9223372036854775808 at row 0"),
    (np.asarray([[1.0], [1.7]]), TOKENS, "x has index 1.7 at row 1, column 0, which is not a whole number"),
    (np.asarray([[1.0], [np.nan]]), TOKENS, "x has 1 NaN (row 1, column 0)"),
    (np.asarray([[1.0], [10.0]]), TOKENS, "x has index 10 at row 1"),
]


@pytest.mark.parametrize(("array", "fact", "words"), INPUT_VALUES)
def test_input_values(array, fact, words):
    message = refusal(checks.check_inputs, [array], [fact])
    assert words in message and message.endswith(checks.SWITCH)


@pytest.mark.parametrize(("array", "fact"), [row[:2] for row in INPUT_VALUES])
def test_input_values_pass_unchecked(array, fact, unchecked):
    assert checks.check_inputs([array], [fact])[0] is array


def test_bfloat16_inputs():
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    array = FLOATS.astype(bfloat16)
    assert checks.check_inputs([array], [DENSE])[0] is array
    assert "x has 1 NaN (row 3, column 1)" in refusal(
        checks.check_inputs, [with_entry(FLOATS, (3, 1), np.nan).astype(bfloat16)], [DENSE]
    )


@pytest.mark.parametrize("fact", [InputSchema("input", (None, 0)), InputSchema("input", (None, None), index_limit=3)])
def test_rows_without_entries(fact):
    for dtype in ("float32", "int32"):
        array = np.zeros((3, 0), dtype)
        assert checks.check_inputs([array], [fact])[0] is array


@pytest.mark.parametrize(
    ("shape", "expected", "words"),
    [
        ((8, 5), (None, 4), "x has 5 features (shape (8, 5)); the model expects 4."),
        ((4,), (None, 4), "got one sample without a batch axis; use x[None]."),
        ((28, 28), (None, 28, 28, 1), "use x[None]."),
        ((28, 28, 3), (None, 28, 28, 3), "use x[None]."),
        ((8, 3, 32, 32), (None, 32, 32, 3), "channels first); use np.moveaxis(x, 1, -1)."),
        ((8, 32, 32, 3), (None, 3, 32, 32), "channels last); use np.moveaxis(x, -1, 1)."),
        ((8, 28, 28), (None, 784), "use x.reshape(-1, 784)."),
        ((8, 784), (None, 28, 28, 1), "use x.reshape(-1, 28, 28, 1)."),
        ((8, 5, 3), (None, None, 4), "x has shape (8, 5, 3); the model expects (n, n, 4)."),
        ((8,), (None, 4), "x has shape (8,); the model expects (n, 4)."),
        ((), (None, 4), "x is a single number"),
        ((0, 4), (None, 4), "x has 0 samples."),
    ],
)
def test_input_shapes(shape, expected, words):
    message = refusal(checks.check_inputs, [np.zeros(shape)], [InputSchema("input", expected)])
    assert words in message
    assert checks.SWITCH not in message


@pytest.mark.parametrize(
    ("shape", "expected", "fitted"),
    [
        ((8, 28, 28), (None, 28, 28, 1), (8, 28, 28, 1)),
        ((8,), (None, 1), (8, 1)),
        ((8, 1), (None,), (8,)),
        ((8, 28, 28, 1), (None, 28, 28), (8, 28, 28)),
        ((8, 4), (32, 4), (8, 4)),
        ((8, 4), None, (8, 4)),
    ],
)
def test_input_rank_is_fitted(shape, expected, fitted):
    array = np.zeros(shape)
    (result,) = checks.check_inputs([array], [InputSchema("input", expected)])
    assert result.shape == fitted and np.shares_memory(result, array)
    assert (result is array) == (shape == fitted)


def test_several_inputs_are_named():
    schemas = [DENSE, InputSchema("age", (None, 2))]
    assert "x[1] ('age') has 3 features" in refusal(checks.check_inputs, [FLOATS, np.ones((6, 3))], schemas)
    assert refusal(checks.check_inputs, [FLOATS], schemas) == "x has 1 array; the model has 2 inputs (input, age)."


# Targets

TARGET_VALUES = [
    ([7, 0, 1], SPARSE, "y has label 7 at row 0; the model has 3 outputs (0..2; 1 bad row): give the model 8 output"),
    (
        [0, -1, -2],
        SPARSE,
        "y has label -1 at row 1; the model has 3 outputs (0..2; 2 bad rows): labels must not be neg",
    ),
    ([1, 2, 3, 3], SPARSE, "labels run from 1 to 3: subtract 1 (y - 1)."),
    ([[1.0], [3.0]], SPARSE, "subtract 1"),
    ([0, 1.7, 2], SPARSE, "y has label 1.7 at row 1, which is not a whole number (1 bad row)"),
    ([0, np.nan], SPARSE, "y has 1 NaN (row 1)"),
    ([[0, 1], [2, 3]], output("sparse_categorical_crossentropy", (None, 2, 3)), "label 3 at row 1, column 1"),
    ([255, 0, 4], output("sparse_categorical_crossentropy", ignore_class=255), "y has label 4 at row 2"),
    ([-1, 1, 3], output("sparse_categorical_crossentropy", ignore_class=-1), "labels run from 1 to 3: subtract 1"),
    ([0, 1, 2], BINARY, "y has label 2 at row 2 (1 bad row): binary labels must be 0/1 (or in [0, 1]); for 3 classes"),
    ([-1, 1, -1], BINARY, "for -1/+1 pass (y + 1) / 2."),
    ([1, 2, 1], BINARY, "for 1/2 pass y - 1."),
    ([0.5, 1.5], BINARY, "y has label 1.5 at row 1 (1 bad row): binary labels must be 0/1 (or in [0, 1]); scale"),
    ([[0.5], [np.inf]], SCALAR, "y has 1 infinity (row 1, column 0)"),
]


@pytest.mark.parametrize(("labels", "fact", "words"), TARGET_VALUES)
def test_target_values(labels, fact, words):
    message = refusal(checks.check_targets, [np.asarray(labels)], [fact])
    assert words in message and message.endswith(checks.SWITCH)


def test_noise_on_the_labels_of_a_discriminator_passes():
    assert len(checks.check_targets([np.array([-0.05, 1.2, 0.7])], [BINARY])) == 1


@pytest.mark.parametrize(("labels", "fact"), [row[:2] for row in TARGET_VALUES])
def test_target_values_pass_unchecked(labels, fact, unchecked):
    labels = np.asarray(labels)
    assert checks.check_targets([labels], [fact])[0] is labels


@pytest.mark.parametrize(
    ("shape", "fact", "words"),
    [
        ((8, 3), SPARSE, "looks one-hot, and sparse_categorical_crossentropy takes class numbers of shape (n,)"),
        ((8, 2), SPARSE, "y has shape (8, 2); sparse_categorical_crossentropy expects class numbers of shape (n,)."),
        ((8,), ONE_HOT, "it is class numbers; use sparse_categorical_crossentropy"),
        ((8, 1), ONE_HOT, "it is class numbers; use sparse_categorical_crossentropy"),
        ((8, 2), ONE_HOT, "categorical_crossentropy expects the shape of the output, (n, 3)."),
        ((8,), output("binary_crossentropy", (None, 4)), "for class numbers use sparse_categorical_crossentropy"),
        ((8,), MSE, "it would be repeated over the outputs; give it 3 columns, or end the model with 1 unit."),
        ((8, 1), MSE, "it would be repeated over the outputs"),
        ((3,), MSE, "it would be repeated over the outputs"),
        ((8, 2), MSE, "y has shape (8, 2); mean_squared_error expects the shape of the output, (n, 3)."),
        ((8, 3), SCALAR, "expects the shape of the output, (n, 1)."),
        ((8, 8), output("huber", (None,)), "expects the shape of the output, (n,)."),
        ((), SPARSE, "y is a single number"),
        ((0,), SPARSE, "y has 0 samples."),
    ],
)
def test_target_shapes(shape, fact, words):
    message = refusal(checks.check_targets, [np.zeros(shape, "int64")], [fact])
    assert words in message
    assert checks.SWITCH not in message


@pytest.mark.parametrize(
    ("labels", "fact"),
    [
        ([0, 1, 2], SPARSE),
        ([[0.0], [2.0]], SPARSE),
        ([True, False], SPARSE),
        ([0, 2, 255], output("sparse_categorical_crossentropy", ignore_class=255)),
        ([0, 2, -1], output("sparse_categorical_crossentropy", ignore_class=-1)),
        ([5, 99], output("sparse_categorical_crossentropy", (None, None))),
        ([[0, 1, 0], [0.2, 0.3, 0.5]], ONE_HOT),
        (np.eye(3, dtype="uint8")[[0, 1, 2]], ONE_HOT),
        ([0.5, 1.0], output("categorical_crossentropy", (None,))),
        ([0, 1, 1], BINARY),
        ([[0.25], [1.0]], BINARY),
        ([True, False], BINARY),
        ([1.0, 2.0], SCALAR),
        ([[1.0], [2.0]], output("mean_squared_error", (None,))),
        ([[1.0, 2.0]], output("mean_squared_error", (None, 2, 1))),
        ([[-1.0], [1.0]], output("hinge", (None, 1))),
        ([[1.0, 2.0, 3.0], [4.0, np.nan, 6.0]], output(None)),
        (np.zeros((2, 7, 5)), output(None)),
        (np.zeros((2, 7)), output("ctc", (None, 20, 5))),
    ],
)
def test_good_targets_pass_untouched(labels, fact):
    labels = np.asarray(labels)
    assert checks.check_targets([labels], [fact])[0] is labels


def test_several_targets():
    schemas = [SCALAR, OutputSchema("kind", (None, 3), "sparse_categorical_crossentropy")]
    assert "y[1] ('kind') has label 9 at row 1" in refusal(
        checks.check_targets, [np.zeros(2), np.asarray([0, 9])], schemas
    )
    assert "y has 1 array; the model has 2 outputs" in refusal(checks.check_targets, [np.zeros(2)], schemas)
    assert checks.check_targets([np.zeros(2), None], schemas)[1] is None


def test_rows_that_do_not_sum_to_one():
    y = np.asarray([[1, 0, 0], [1, 1, 0], [0, 0, 0]], "uint8")
    with pytest.warns(UserWarning, match=r"y does not sum to 1 in 2 rows \(first: 2 at row 1\)") as caught:
        checks.check_targets([y], [ONE_HOT])
    assert caught[0].filename == __file__


# Weights


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([1.0, np.nan, 1.0], "sample_weight has 1 NaN (row 1)"),
        ([1.0, np.inf, 1.0], "sample_weight has 1 infinity (row 1)"),
    ],
)
def test_sample_weight_values(weights, words):
    y = np.asarray([0, 1, 2])
    message = refusal(checks.check_weights, [np.asarray(weights)], None, [y], [SPARSE])
    assert words in message and message.endswith(checks.SWITCH)


def test_negative_sample_weights_are_told_of():
    labels = [np.asarray([0, 1])]
    assert checks.check_weights([np.asarray([-1.0, 1.0])], None, labels, [SPARSE])
    assert not checks.check_weights([np.asarray([0.0, 1.0])], None, labels, [SPARSE])


@pytest.mark.parametrize("shape", [(6, 3), (6, 6)])
def test_sample_weight_shape(shape):
    message = refusal(checks.check_weights, [np.ones(shape)], None, [np.zeros(6, int)], [SPARSE])
    assert f"sample_weight has shape {shape}; output 'output' takes weights of shape (n,)." in message


@pytest.mark.parametrize(("shape", "outputs"), [((6,), (None, 3)), ((6, 1), (None, 3)), ((6, 5), (None, 5, 3))])
def test_sample_weight_shapes_that_suit(shape, outputs):
    checks.check_weights([np.ones(shape)], None, [None], [output("mean_squared_error", outputs)])


@pytest.mark.parametrize(
    ("weights", "labels", "fact", "words"),
    [
        ({0: 1.0, 1: 1.0, 2: 1.0, 3: 5.0}, [0, 1], SPARSE, "has a weight for 3, but the model's classes are 0..2."),
        ({0: 1.0, 1: 1.0, 2: 1.0}, [0, 1], BINARY, "the model's classes are 0..1."),
        ({0: np.nan, 1: 1.0, 2: 1.0}, [0, 1], SPARSE, "class 0 the weight nan"),
        ({0: 1.0, 1: -1.0, 2: 1.0}, [0, 1], SPARSE, "class 1 the weight -1.0"),
        ({"cat": 1.0}, [0, 1], SPARSE, "class_weight has the key 'cat'"),
        ({0: "2"}, [0, 1], SPARSE, "class_weight gives class 0 a str"),
        ([1.0, 2.0], [0, 1], SPARSE, "class_weight must be a dict"),
    ],
)
def test_class_weight(weights, labels, fact, words):
    assert words in refusal(checks.check_weights, None, weights, [np.asarray(labels)], [fact])


@pytest.mark.parametrize(
    ("weights", "labels", "fact", "words"),
    [
        ({0: 1.0, 1: 2.0}, [0, 1, 2], SPARSE, "no weight for class 2, found in y: it counts as 1. Add 2: 1.0"),
        ({1: 9.0}, [[0], [1]], BINARY, "no weight for class 0"),
        ({0: 1.0, 2: 1.0}, np.eye(3), ONE_HOT, "no weight for class 1"),
        ({2: 1.0}, [0, 1, 2], SPARSE, "no weight for classes 0, 1"),
    ],
)
def test_classes_without_a_weight_are_told(weights, labels, fact, words):
    (told,) = checks.check_weights(None, weights, [np.asarray(labels)], [fact])
    assert words in told


def test_class_weights_that_suit():
    checks.check_weights(None, {0: 1.0, 1: 2, 2: np.float32(3)}, [np.asarray([0, 1])], [SPARSE])
    checks.check_weights(None, {0: 1.0, 7: 2.0}, [np.asarray([0.0, 7.0])], [SCALAR])
    fact = output("sparse_categorical_crossentropy", (None, 2, 3), ignore_class=-1)
    checks.check_weights(None, {0: 1.0, 2: 2.0}, [np.asarray([[0, 2], [-1, 0]])], [fact])


def test_class_weight_needs_one_output_and_no_sample_weight():
    y = np.asarray([0, 1])
    assert "works with one output" in refusal(checks.check_weights, None, {0: 1.0}, [y, y], [SPARSE, SPARSE])
    assert "cannot be used together" in refusal(checks.check_weights, [np.ones(2)], {0: 1.0}, [y], [SPARSE])


# Rows and arguments


def test_rows():
    x, y = np.zeros((16, 4)), np.zeros(10)
    assert checks.check_rows({"x": [x], "y": [x[:, 0], None], "sample_weight": []}) == 16
    message = refusal(checks.check_rows, {"x": [x, x], "y": [y], "sample_weight": [x[:, 0]]})
    assert "x[0] has 16 rows, x[1] has 16 rows, y has 10 rows, sample_weight has 16 rows." in message
    assert refusal(checks.check_rows, {"x": [x[:0]], "y": [y]}) == "x has 0 samples."


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, got 0."),
        ({"batch_size": -3}, "batch_size"),
        ({"batch_size": 3.5}, "got 3.5."),
        ({"batch_size": True}, "got True."),
        ({"batch_size": "32"}, "got '32'."),
        ({"validation_batch_size": 0}, "validation_batch_size"),
        ({"epochs": 1.5}, "epochs must be a whole number of at least 0, got 1.5."),
        ({"epochs": -1}, "epochs"),
        ({"initial_epoch": -1}, "initial_epoch"),
        ({"steps_per_epoch": 0}, "steps_per_epoch"),
        ({"validation_steps": 0.5}, "validation_steps"),
        ({"validation_split": 1.0}, "validation_split must be a fraction from 0 up to, not including, 1, got 1.0."),
        ({"validation_split": -0.1}, "got -0.1."),
        ({"validation_split": "half"}, "got 'half'."),
        ({"validation_split": 0.999, "rows": 100}, "leaves 0 of 100 rows for training and 100 for validation"),
    ],
)
def test_arguments(arguments, words):
    message = refusal(checks.check_arguments, **arguments)
    assert words in message
    assert checks.SWITCH not in message


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"epochs": 0}, "Nothing to train: epochs=0."),
        ({"epochs": 3, "initial_epoch": 3}, "Nothing to train: initial_epoch=3 is not below epochs=3."),
    ],
)
def test_no_epochs(arguments, words):
    with pytest.warns(UserWarning, match=words) as caught:
        checks.check_arguments(**arguments)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"steps_per_epoch": 5, "rows": 64, "batch_size": 16}, "64 rows make 4 batches of 16,"),
        ({"steps_per_epoch": 80, "rows": 64}, "64 rows make 64 batches of 1,"),
        ({"steps_per_epoch": 4, "rows": 64, "batch_size": 16, "validation_split": 0.5}, "32 rows make 2 batches"),
        ({"validation_steps": 2, "validation_rows": 16, "batch_size": 16}, "16 rows make 1 batch of 16,"),
    ],
)
def test_more_steps_than_batches(arguments, words):
    with pytest.warns(UserWarning, match=words) as caught:
        checks.check_arguments(**arguments)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("frequency", [1.5, 0, -1, "2", None, [1, 0], [1.0], {"1"}])
def test_validation_freq(frequency):
    assert "validation_freq must be" in refusal(checks.check_validation_freq, frequency)


@pytest.mark.parametrize("frequency", [1, 3, True, np.int64(2), [1, 10], (2,), {3}, range(2, 5), []])
def test_good_validation_freq(frequency):
    checks.check_validation_freq(frequency)


def test_good_arguments():
    checks.check_arguments(epochs=1, rows=64, steps_per_epoch=3)
    checks.check_arguments(batch_size=np.int64(16), epochs=3, initial_epoch=1, rows=50, steps_per_epoch=4)
    checks.check_arguments(batch_size=None, epochs=1, validation_split=0.2, rows=5, steps_per_epoch=1)
    checks.check_arguments(epochs=1, steps_per_epoch=1000, validation_split=0.0)
    checks.check_arguments(epochs=1, steps_per_epoch=1000, validation_split=0.5, rows=None)


# Configuration


def test_softmax_over_one_unit_of_a_regression():
    with pytest.warns(UserWarning, match="softmax over 1 unit, which is always 1: nothing can be learned"):
        checks.check_configuration([output("mean_squared_error", (None, 1), activation="softmax")])


@pytest.mark.parametrize("loss", ["binary_crossentropy", "sparse_categorical_crossentropy"])
@pytest.mark.parametrize("from_logits", [False, True])
def test_softmax_over_one_unit(loss, from_logits):
    fact = output(loss, (None, 1), activation="softmax", from_logits=from_logits)
    assert "softmax over 1 unit, which is always 1: use sigmoid" in refusal(checks.check_configuration, [fact])


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
@pytest.mark.parametrize("activation", ["sigmoid", "linear", None])
def test_categorical_loss_over_one_unit(loss, activation):
    fact = output(loss, (None, 1), activation=activation)
    assert f"{loss} over 1 class is always 0" in refusal(checks.check_configuration, [fact])


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        (
            output("sparse_categorical_crossentropy", activation="linear"),
            "pass from_logits=True to the loss, or .* softmax",
        ),
        (output("categorical_crossentropy", activation="relu"), "The output is relu, but"),
        (output("binary_crossentropy", (None, 1), activation="linear"), "or end the model with sigmoid"),
        (output("categorical_crossentropy", activation="softmax", from_logits=True), "drop from_logits=True"),
        (output("binary_crossentropy", (None, 1), activation="sigmoid", from_logits=True), "sigmoid would be applied"),
        (output("mean_squared_error", activation="linear", metrics=("mae", "accuracy")), "the metric 'accuracy'"),
    ],
)
def test_doubtful_configuration(fact, words):
    with pytest.warns(UserWarning, match=words) as caught:
        checks.check_configuration([fact])
    assert len(caught) == 1 and caught[0].filename == __file__


@pytest.mark.parametrize(
    "fact",
    [
        SPARSE,
        ONE_HOT,
        BINARY,
        MSE,
        SCALAR,
        output("sparse_categorical_crossentropy", activation="linear", from_logits=True, metrics=("accuracy",)),
        output("categorical_crossentropy", activation=None),
        output("categorical_crossentropy", activation="sigmoid"),
        output("binary_crossentropy", (None, 4), activation="sigmoid", metrics=("binary_accuracy",)),
        output(None, (None, 1), activation="softmax", metrics=("accuracy",)),
        output("mean_squared_error", (None,), activation=None),
        output("sparse_categorical_crossentropy", (None, None), activation="softmax"),
    ],
)
def test_good_configuration(fact):
    checks.check_configuration([fact])


@pytest.mark.parametrize(
    ("labels", "fact"),
    [
        ([0, 0, 0, 1, 1, 1, 1, 2, 2, 2], SPARSE),
        (np.eye(3)[[0, 0, 0, 1, 1, 1, 1, 2, 2, 2]], ONE_HOT),
        ([[0], [0], [0], [0], [0], [0], [0], [1], [1], [1]], BINARY),
    ],
)
def test_split_of_sorted_labels(labels, fact):
    labels = np.asarray(labels)
    with pytest.warns(UserWarning, match=r"takes the last 3 rows of the data, where class [12] occurs") as caught:
        checks.check_split([labels], [fact], 0.25)
    assert caught[0].filename == __file__
    checks.check_split([np.roll(labels, 1, axis=0)[::-1]], [fact], 0.25)
    checks.check_split([labels], [fact], 0.0)


def test_split_looks_at_each_output():
    """The first have no classes, or independent ones."""
    labels = np.asarray([0] * 7 + [1] * 3)
    targets = [np.arange(10.0), None, np.eye(10)[:, :4], labels]
    with pytest.warns(UserWarning, match="where class 1 occurs"):
        checks.check_split(targets, [SCALAR, SPARSE, output("binary_crossentropy", (None, 4)), SPARSE], 0.25)


def test_split_is_silent_for_regression_many_labels_and_ignored_classes():
    checks.check_split([np.arange(10.0)], [SCALAR], 0.3)
    checks.check_split([np.eye(4)], [output("binary_crossentropy", (None, 4))], 0.3)
    fact = output("sparse_categorical_crossentropy", ignore_class=-1)
    checks.check_split([np.asarray([0, 1, 0, -1])], [fact], 0.3)


def test_index_order():
    pd = pytest.importorskip("pandas")
    x = pd.DataFrame({"a": [1, 2, 3]}, index=["u", "v", "w"])
    y = pd.Series([1, 2, 3], index=["w", "u", "v"])
    with pytest.warns(UserWarning, match=r"x and y hold the same index labels.*pass y\.loc\[x\.index\]") as caught:
        checks.check_index_order({"x": x, "y": y})
    assert caught[0].filename == __file__
    checks.check_index_order({"x": x, "y": y.loc[x.index], "sample_weight": None})
    checks.check_index_order({"x": x, "y": y.reset_index(drop=True)})
    checks.check_index_order({"x": np.zeros(3), "y": [1, 2, 3], "sample_weight": y})


# The switch


def test_shapes_are_checked_even_when_values_are_not(unchecked):
    assert not checks.enabled()
    assert "5 features" in refusal(checks.check_inputs, [np.full((8, 5), np.nan)], [DENSE])
    checks.check_split([np.asarray([0, 1])], [SPARSE], 0.5)
    checks.check_weights([np.asarray([np.nan])], None, [None], [SPARSE])
    checks.check_weights(None, {7: -1.0}, [np.asarray([0])], [SPARSE])


# Properties

finite = st.floats(-(2.0**100), 2.0**100, width=32)


@settings(max_examples=50, deadline=None)
@given(hnp.arrays("float32", st.tuples(st.integers(1, 40), st.integers(1, 5)), elements=finite))
def test_finite_inputs_pass_untouched(array):
    assert checks.check_inputs([array], [InputSchema("input", (None, array.shape[1]))])[0] is array


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60), st.integers(1, 5), st.sampled_from(["float16", "float32", "float64"]), st.data())
def test_a_corrupted_entry_is_found(rows, columns, dtype, data):
    row, column = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    array = np.ones((rows, columns), dtype)
    array[row, column] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks.reporting, "CHUNK", data.draw(st.integers(1, 64)))
        message = refusal(checks.check_inputs, [array], [InputSchema("input", (None, columns))])
    assert f"(row {row}, column {column})" in message


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 20), st.lists(st.integers(0, 1000), min_size=1, max_size=60), st.data())
def test_labels_pass_or_the_row_is_named(units, labels, data):
    y = np.asarray(labels) % units
    fact = output("sparse_categorical_crossentropy", (None, units))
    assert checks.check_targets([y], [fact])[0] is y
    row = data.draw(st.integers(0, len(y) - 1))
    label = y[row] = data.draw(st.integers(units, 2**40) | st.integers(-(2**40), -1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks.reporting, "CHUNK", data.draw(st.integers(1, 64)))
        assert f"y has label {label} at row {row};" in refusal(checks.check_targets, [y], [fact])


@settings(max_examples=50, deadline=None)
@given(hnp.arrays("int64", st.tuples(st.integers(1, 20), st.integers(1, 6)), elements=st.integers(0, 9)), st.data())
def test_indices_pass_or_the_entry_is_named(tokens, data):
    assert checks.check_inputs([tokens], [TOKENS])[0] is tokens
    row, column = (data.draw(st.integers(0, size - 1)) for size in tokens.shape)
    index = tokens[row, column] = data.draw(st.sampled_from([-1, 10, 2**32]))
    assert f"index {index} at row {row}, column {column}" in refusal(checks.check_inputs, [tokens], [TOKENS])


@settings(max_examples=30, deadline=None)
@given(hnp.arrays(bool, st.tuples(st.integers(1, 30), st.integers(1, 4))), st.integers(1, 40))
def test_find_counts_like_numpy(bad, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks.reporting, "CHUNK", chunk)
        found = checks.find(bad, lambda part: part)
    if not bad.any():
        assert found is None
    else:
        assert found == checks.Found(tuple(np.argwhere(bad)[0].tolist()), bad.sum(), bad.any(axis=1).sum())


def test_checks_raise_no_numpy_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        huge = np.full((4, 4), 3e38, "float32")
        assert checks.check_inputs([huge], [DENSE])[0] is huge
