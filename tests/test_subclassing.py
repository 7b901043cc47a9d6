"""Subclasses as users of Keras write them: `build` and `call` overridden in all the usual ways."""

from __future__ import annotations

import copy
import pickle

import keras
import numpy as np
import pytest

import sequax
from sequax import layers

# --- `super().build(input_shape)` ---


class BuiltLast(sequax.Model):
    def __init__(self):
        super().__init__()
        self.inner = layers.Dense(2)

    def build(self, input_shape):
        self.inner.build(input_shape)
        self.scale = self.add_weight(shape=(), name="scale", initializer="ones")
        super().build(input_shape)

    def call(self, x):
        return self.inner(x) * self.scale


class BuiltFirst(BuiltLast):
    def build(self, input_shape):
        super().build(input_shape)
        self.shift = self.add_weight(shape=(2,), name="shift", initializer="zeros")

    def call(self, x):
        return super().call(x) + self.shift


class LayerBuiltFirst(layers.Layer):
    def __init__(self):
        super().__init__()
        self.inner = layers.Dense(2)

    def build(self, input_shape):
        super().build(input_shape)
        self.scale = self.add_weight(shape=(), name="scale", initializer="ones")

    def call(self, x):
        return self.inner(x) * self.scale


class Stack(sequax.Sequential):
    def build(self, input_shape=None):
        super().build(input_shape)


@pytest.mark.parametrize(
    ("make", "weights"), [(BuiltLast, 3), (BuiltFirst, 4), (LayerBuiltFirst, 3), (lambda: Stack([layers.Dense(2)]), 2)]
)
def test_a_build_may_begin_or_end_with_that_of_the_base_class(make, weights):
    built = make()
    built.build((None, 3))
    assert built.built
    x = np.ones((4, 3), "float32")
    assert built(x).shape == (4, 2)
    called = make()
    assert called(x).shape == (4, 2)
    assert len(called.weights) == len(built.weights) == weights


def test_a_model_whose_build_ends_in_that_of_the_base_class_trains():
    model = BuiltLast()
    model.compile("sgd", "mse")
    x, y = np.ones((4, 3), "float32"), np.zeros((4, 2), "float32")
    losses = model.fit(x, y, epochs=2, verbose=0).history["loss"]
    assert losses[1] < losses[0]
    assert model.predict(x, verbose=0).shape == (4, 2)


class Computed(layers.Layer):
    """Keeps what it computes in `build`."""

    def build(self, input_shape):
        self.places = sequax.ops.arange(input_shape[-1], dtype="float32") * 2
        self.noise = sequax.random.normal((2,))
        self.inner = layers.Dense(2)
        self.shift = self.add_weight(shape=(2,))
        self.shift.assign([1.0, 2.0])

    def call(self, x):
        return self.inner(x + self.places) + self.noise + self.shift


class Around(sequax.Model):
    def __init__(self):
        super().__init__()
        self.inner = Computed()

    def call(self, x):
        return self.inner(x)


@pytest.mark.parametrize("make", [Around, lambda: sequax.Sequential([Around()])])
def test_what_build_computes_holds_values_wherever_it_is_called(make):
    """`fit` builds while it finds out shapes: nothing of that may be left behind."""
    model = make()
    model.compile("sgd", "mse")
    x, y = np.ones((4, 3), "float32"), np.zeros((4, 2), "float32")
    losses = model.fit(x, y, epochs=2, verbose=0).history["loss"]
    assert losses[1] < losses[0]
    inner = next(one for one in model.flatten_layers() if isinstance(one, Computed))
    assert np.array(inner.places).tolist() == [0, 2, 4]
    assert np.isfinite(inner.noise).all()


def test_a_layer_may_keep_a_list_that_holds_itself():
    ring = []
    ring.append(ring)
    layer = layers.Dense(2, kernel_initializer="ones")
    layer.ring = ring
    model = sequax.Sequential([sequax.Input((3,)), layer])
    assert model.predict(np.ones((4, 3), "float32"), verbose=0).tolist() == [[3, 3]] * 4


def test_unknown_sizes_are_tried_with_few_rows_and_longer_other_axes():
    """Some layers loop over samples in Python; and what mixes samples with steps is wrong."""
    seen = []

    class Watching(layers.Layer):
        def call(self, x):
            seen.append(x.shape)
            return x

    assert Watching()(sequax.Input((None, 2))).shape == (None, None, 2)
    assert all(batch < 10 < steps for batch, steps, _ in seen)
    with pytest.raises(TypeError, match="incompatible shapes"):
        layers.Lambda(lambda x: x + x.swapaxes(0, 1))(sequax.Input((None,)))


# --- paths, and trees of values by them ---


def nested(library):
    class Inner(library.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = library.layers.Dense(2, name="dense")

        def build(self, input_shape):
            self.dense.build(input_shape)
            self.scale = self.add_weight(shape=(2,), name="scale")

        def call(self, x):
            return self.dense(x) * self.scale

    class Outer(library.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.first, self.second = library.layers.Dense(2, name="first"), Inner(name="second")

        def call(self, x):
            return self.second(self.first(x))

    inner = library.Sequential([library.layers.Dense(1, name="last")], name="inner")
    stack = [library.Input((3,)), Outer(name="outer"), library.layers.BatchNormalization(name="norm"), inner]
    return library.Sequential([*stack, library.layers.Dropout(0.5, name="drop")], name="model")


def paths_of(model):
    outer = model.layers[0]
    owners = [model, *model.layers, outer.first, outer.second, outer.second.dense]
    return [owner.path for owner in owners], [v.path for v in model.weights]


def test_paths_of_layers_and_variables_are_those_of_keras():
    assert layers.Dense(2).path is None
    assert paths_of(nested(sequax)) == paths_of(nested(keras))


def structure(tree):
    return {key: structure(value) if isinstance(value, dict) else np.shape(value) for key, value in tree.items()}


def test_state_trees_are_those_of_keras():
    trees = []
    for library in (sequax, keras):
        library.utils.clear_session()
        model = nested(library)
        model.compile("adam", "mse", metrics=["mae"])
        model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
        trees.append(model.get_state_tree("numpy_array"))
    assert structure(trees[0]) == structure(trees[1])


def test_a_state_tree_is_set_as_a_whole_or_not_at_all():
    model = nested(sequax)
    tree = model.get_state_tree(value_format="numpy_array")
    tree["trainable_variables"]["model"]["inner"]["last"]["bias"] = [5.0]
    with pytest.raises(ValueError, match="'model/inner/last/bais'"):
        model.set_state_tree({"trainable_variables": {"model": {"inner": {"last": {"bias": [7.0], "bais": [7.0]}}}}})
    with pytest.raises(ValueError, match=r"shape \(1,\).*shape \(2,\)"):
        model.set_state_tree({"trainable_variables": {"model": {"inner": {"last": {"bias": [7.0, 7.0]}}}}})
    with pytest.raises(ValueError, match="Unknown variable name: weights"):
        model.set_state_tree({"weights": {}})
    assert model.layers[2].layers[0].bias.numpy() == [0]
    model.set_state_tree(tree)
    assert model.layers[2].layers[0].bias.numpy() == [5]


def test_a_state_tree_needs_one_variable_per_path():
    shared = [sequax.Input((3,)), layers.Dense(2, name="a")]
    model = sequax.Sequential([sequax.Sequential(shared, name="s"), layers.Dense(2)])
    model.layers[1].kernel.path = model.layers[0].layers[0].kernel.path
    with pytest.raises(ValueError, match="found twice"):
        model.get_state_tree()
    with pytest.raises(ValueError, match="value_format"):
        model.get_state_tree("list")


# --- masks while a model is wired ---


class Sees(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.seen = []

    def call(self, x, mask=None):
        self.seen.append(None if mask is None else (x.shape[:2], mask.shape))
        return x


class PassesOn(layers.Layer):
    """Its call need not be traced to know the shape of its output."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x):
        return x

    def compute_output_shape(self, input_shape):
        return input_shape


class Marks(PassesOn):
    def compute_mask(self, inputs, mask=None):
        assert mask is None
        return inputs[..., 0] > 0


def test_a_layer_gets_the_mask_also_when_it_is_called_symbolically():
    inputs = sequax.Input((5,))
    embedded = layers.Embedding(7, 3, mask_zero=True)(inputs)
    for behind in (
        embedded,
        layers.LSTM(3, return_sequences=True)(embedded),
        layers.TimeDistributed(layers.Dense(2))(embedded),
        layers.Bidirectional(layers.LSTM(3, return_sequences=True))(embedded),
        layers.Concatenate()([embedded, embedded]),
        sequax.Sequential([layers.Dense(2)])(embedded),
        sequax.Model(inputs, embedded)(inputs),
        layers.Masking()(sequax.Input((5, 2))),
        PassesOn()(embedded),
        Marks()(sequax.Input((5, 2))),
    ):
        sees = Sees()
        sees(behind)
        assert sees.seen
        assert all(one is not None and one[0] == one[1] for one in sees.seen)
    sees = Sees()
    sees(layers.LSTM(3)(embedded))
    assert sees.seen[0] is None


def test_of_several_tensors_each_has_a_mask_of_its_own():
    """What a layer of one's own gets of the masks of its arguments, as in Keras."""

    def seen(library):
        class Attends(library.layers.Layer):
            def __init__(self):
                super().__init__()
                self.supports_masking = True

            def call(self, query, values=None, mask=None, query_mask=None, values_mask=None):
                found.append([one is not None for one in (mask, query_mask, values_mask)])
                return query

        found = []
        short, long = library.Input((3,)), library.Input((5,))
        embed = library.layers.Embedding(7, 2, mask_zero=True)
        layer = Attends()
        library.Model([short, long], layer(embed(short), embed(long)))([np.ones((1, 3)), np.ones((1, 5))])
        layer(embed(np.ones((1, 3))))
        return [found[0], *found[-2:]]

    assert seen(sequax) == seen(keras) == [[False, True, True], [False, True, True], [True, False, False]]


def test_the_mask_of_a_symbolic_tensor_may_be_an_output():
    inputs = sequax.Input((4,))
    embedded = layers.Embedding(7, 3, mask_zero=True)(inputs)
    joined = layers.Concatenate(axis=1)([embedded, layers.Dense(3)(embedded)])
    model = sequax.Model(inputs, joined._keras_mask)
    expected = [[True, True, False, False] * 2]
    np.testing.assert_array_equal(model.predict(np.array([[1, 2, 0, 0]]), verbose=0), expected)
    np.testing.assert_array_equal(sequax.models.clone_model(model)(np.array([[1, 2, 0, 0]])), expected)


# --- signatures of `build`, and shapes that a class cannot tell ---


class NoSuffix(layers.Layer):
    def build(self, foo, bar):
        pass

    def call(self, foo, bar):
        return foo


class OtherName(layers.Layer):
    def build(self, foo_shape, baz_shape):
        pass

    def call(self, foo, bar):
        return foo


class Subset(layers.Layer):
    def build(self, baz_shape, foo_shape):
        self.shapes = foo_shape, baz_shape

    def call(self, foo, bar=None, baz=None):
        return foo


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (NoSuffix, "argument `foo`, which does not end in `_shape`"),
        (OtherName, r"`baz_shape`, but `call\(\)` does not have argument `baz`"),
    ],
)
def test_shapes_for_build_go_by_the_names_of_arguments_of_call(make, message):
    foo, bar, baz = (np.ones((4, size), "float32") for size in (1, 2, 3))
    with pytest.raises(ValueError, match=message):
        make()(foo, bar)
    subset = Subset()
    subset(foo, bar, baz)
    assert subset.shapes == ((4, 1), (4, 3))


class Wider(layers.Layer):
    def compute_output_shape(self, foo_shape, bar_shape):
        return (*foo_shape, bar_shape[-1])

    def call(self, foo, bar=None, scale=1.0):
        return foo


class First(Wider):
    def compute_output_shape(self, input_shape):
        return (*input_shape, 7)


@pytest.mark.parametrize(
    ("call", "shape"),
    [
        (lambda foo, bar: Wider()(foo, bar), (None, 3, 5)),
        (lambda foo, bar: Wider()(foo, bar=bar, scale=2.0), (None, 3, 5)),
        (lambda foo, bar: Wider()(bar=bar, foo=foo), (None, 3, 5)),
        (lambda foo, bar: Wider()(foo), (None, 3)),  # it cannot tell, and is traced
        (lambda foo, bar: First()(foo, bar), (None, 3, 7)),
        (lambda foo, bar: First()(foo, bar=bar), (None, 3, 7)),
    ],
)
def test_shapes_for_compute_output_shape_go_by_the_names_of_arguments_of_call(call, shape):
    assert call(sequax.Input((3,)), sequax.Input((5,))).shape == shape


class AsItCame(layers.Layer):
    def __init__(self):
        super().__init__()
        self._convert_input_args = False
        self._allow_non_tensor_positional_args = True

    def call(self, x, y=None):
        return x, y


@pytest.mark.parametrize("x", ["abc", ["a", "b"], [[1, 2], [3]], 3, ([1], [2, 3]), np.array(["a"]), np.float64(0.5)])
def test_a_layer_may_ask_for_its_arguments_as_they_are(x):
    kept = AsItCame()(x, y=x)
    assert repr(kept) == repr((x, x))  # lists and tuples may come as copies


@pytest.mark.parametrize("method", ["compute_output_spec", "compute_output_shape"])
def test_a_layer_that_cannot_tell_its_output_shape_is_traced(method):
    def refuse(self, *args, **kwargs):
        raise NotImplementedError

    layer = type("Dynamic", (layers.Layer,), {"call": lambda self, x: x + 1, method: refuse})
    x = np.zeros((3, 2), "float32")
    np.testing.assert_array_equal(sequax.Sequential([layer()])(x), x + 1)
    inputs = sequax.Input((2,))
    assert sequax.Model(inputs, layer()(inputs)).output_shape == (None, 2)


# --- masks through casts ---


class NeedsMask(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x, mask=None):
        assert mask is not None
        return x * mask[..., None]


def test_a_mask_survives_the_cast_to_the_compute_dtype():
    stack = [layers.Embedding(5, 3, mask_zero=True, embeddings_initializer="ones"), NeedsMask(dtype="mixed_float16")]
    x = np.array([[1, 2, 0], [3, 0, 0]])
    expected = (x > 0)[..., None] * np.ones(3)
    np.testing.assert_array_equal(stack[1](stack[0](x)), expected)
    np.testing.assert_array_equal(sequax.Sequential([sequax.Input((3,)), *stack]).predict(x, verbose=0), expected)


# --- inputs that may be left out, and lists for dicts ---


def test_inputs_targets_and_losses_are_nested_as_the_model_is(rng):
    def made(api):
        a, b = api.Input((3,), name="left"), api.Input((2,))
        y = api.layers.Dense(2, kernel_initializer="ones")(api.layers.concatenate([a, b]))
        model = api.Model({"left": a, "right": [b]}, {"y": y, "z": [y * 2, api.ops.sum(y, axis=-1)]})
        model.compile("sgd", {"y": "mse", "z": ["mae", None]})
        return model

    a, b, y = (rng.normal(size=(4, n)).astype("float32") for n in (3, 2, 2))
    x, targets = {"left": a, "right": [b]}, {"y": y, "z": [y, y[:, 0]]}
    expected, model = made(keras), made(sequax)
    measured = [one.evaluate(x, targets, verbose=0, return_dict=True)["loss"] for one in (expected, model)]
    np.testing.assert_allclose(measured[1], measured[0], rtol=1e-5)
    found, outputs = model.predict(x, batch_size=3, verbose=0), expected.predict(x, verbose=0)
    np.testing.assert_allclose(found["y"], outputs["y"], rtol=1e-5)
    np.testing.assert_allclose(found["z"][1], outputs["z"][1], rtol=1e-5)
    losses = [one.fit(x, targets, verbose=0).history["loss"] for one in (expected, model)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)
    with pytest.raises(ValueError, match="the model has 2 inputs"):
        model.predict({"left": a}, verbose=0)


class Plus(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(2, kernel_initializer="ones")

    def call(self, x, other=None):
        return self.dense(x) if other is None else self.dense(x) + other


@pytest.mark.parametrize("other", [None, np.ones((4, 2), "float32")], ids=["left out", "given"])
def test_an_optional_input_may_be_none(other):
    x, y = np.ones((4, 2), "float32"), np.ones((4, 2), "float32")
    inputs = {"x": sequax.Input((2,), name="x"), "other": sequax.Input((2,), name="other", optional=True)}
    model = sequax.Model(inputs, Plus()(inputs["x"], inputs["other"]))
    model.compile("sgd", "mse")
    given = {"x": x, "other": other}
    expected = 2.0 if other is None else 3.0
    np.testing.assert_array_equal(model.predict(given, verbose=0), expected)
    assert model.evaluate(given, y, verbose=0) == (expected - 1) ** 2
    model.fit(((given, y) for _ in range(2)), verbose=0)
    model.fit(given, y, verbose=0)
    with pytest.raises(ValueError, match="'x' is not optional"):
        model.predict({"x": None, "other": x}, verbose=0)


def test_a_list_for_a_dict_of_inputs_warns_of_its_order():
    first, second = sequax.Input((2,)), sequax.Input((2,))
    outputs = layers.Subtract()([first, second])
    ones, fives = np.ones((1, 2), "float32"), np.full((1, 2), 5, "float32")
    model = sequax.Model({"a": first, "b": second}, outputs)
    for use in (model, lambda x: model.predict(x, verbose=0)):
        with pytest.warns(UserWarning, match=r"structure of `inputs`.*\['a', 'b'\]"):
            np.testing.assert_array_equal(use([ones, fives]), [[-4, -4]])
    other = sequax.Model({"b": first, "a": second}, outputs)
    for use in (other, lambda x: other.predict(x, verbose=0)):
        with pytest.raises(ValueError, match=r"structure of `inputs`.*Pass the dict"):
            use([ones, fives])


def test_a_call_that_requires_training_is_told_by_fit_and_by_the_layer_around():
    seen = []

    class Told(layers.Layer):
        def call(self, x, training):
            seen.append(training)
            return x

    class Outer(sequax.Model):
        def __init__(self):
            super().__init__()
            self.inner, self.last = Told(), layers.Dense(1)

        def call(self, x, training):
            return self.last(self.inner(x))

    model = Outer()
    model.compile("sgd", "mse")
    x = np.ones((2, 3), "float32")
    model.fit(x, x[:, :1], verbose=0)
    assert seen[-1] is True
    model.predict(x, verbose=0)
    assert seen[-1] is False
    model(x, training=True)
    assert seen[-1] is True
    for layer in (model, Told()):
        with pytest.raises(TypeError, match="missing a required argument: 'training'"):
            layer(x)


class MakesWeightsInCall(layers.Layer):
    def call(self, x):
        self.scale = self.add_weight(shape=(), name="scale")
        return x * self.scale


def test_variables_are_not_made_in_calls():
    with pytest.raises(ValueError, match="cannot add new elements of state"):
        MakesWeightsInCall()(np.ones((2, 3), "float32"))


@pytest.mark.parametrize("trainable", [1, "yes", None])
def test_trainable_is_a_boolean(trainable):
    with pytest.raises(ValueError, match="to be a boolean"):
        layers.Dense(2, trainable=trainable)


# --- clones ---


def test_a_model_with_a_call_of_its_own_is_cloned_from_its_config():
    class Two(sequax.Model):
        def __init__(self, units=2, **kwargs):
            super().__init__(**kwargs)
            self.units, self.first, self.second = units, layers.Dense(units), layers.Dense(units)

        def call(self, x):
            return self.second(self.first(x))

    model, x = Two(3), np.ones((2, 4), "float32")
    model.compile("sgd", "mse")
    expected = model(x)
    clone = sequax.models.clone_model(model)
    assert type(clone) is Two
    assert clone.units == 3
    assert clone.compiled
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone(x), expected)
    with pytest.raises(ValueError, match="has its own `call`"):
        sequax.models.clone_model(model, clone_function=lambda layer: layer)


def test_a_clone_of_a_graph_keeps_the_class_with_its_steps():
    class Stepped(sequax.Model):
        def test_step(self, state, data):
            return {}, state

    inputs = sequax.Input((3,))
    assert type(sequax.models.clone_model(Stepped(inputs, layers.Dense(2)(inputs)))) is Stepped


def test_inputs_for_a_clone_have_the_structure_of_the_models():
    inputs = {"x": sequax.Input((3,)), "y": sequax.Input((3,))}
    model = sequax.Model(inputs, layers.Add()(list(inputs.values())))
    assert set(sequax.models.clone_model(model, input_tensors=inputs).input) == {"x", "y"}
    with pytest.raises(ValueError, match="same structure as"):
        sequax.models.clone_model(model, input_tensors=tuple(inputs.values()))


def test_a_call_function_reaches_the_layers_of_nested_graphs():
    inner_input, inputs = sequax.Input((3,)), sequax.Input((3,))
    inner = sequax.Model(inner_input, layers.Dense(3)(layers.Dense(3)(inner_input)))
    model = sequax.Model(inputs, layers.Dense(2)(inner(inputs)))

    def call(layer, *args, **kwargs):
        outputs = layer(*args, **kwargs)
        return layers.Dropout(0.5)(outputs) if isinstance(layer, layers.Dense) else outputs

    clone = sequax.models.clone_model(model, clone_function=lambda layer: layer, call_function=call, recursive=True)
    kinds = [type(layer).__name__ for layer in clone.flatten_layers()]
    assert kinds.count("Dropout") == 3
    assert clone.operations[0] is clone.layers[0]


# --- pickles of functions without a name ---


class WithFunction(layers.Layer):
    def __init__(self, functions, **kwargs):
        super().__init__(**kwargs)
        self.functions = functions

    def call(self, x):
        return self.functions["outer"](x)


def with_lambdas():
    factor, shift = 3.0, lambda x: np.ones(()) + x
    stack = [
        layers.Lambda(lambda x, by=2.0: x * by),
        WithFunction({"outer": lambda x: shift(x) * factor}),
        layers.Dense(1, activation=lambda x: x + 1, kernel_initializer="ones"),
    ]
    model = sequax.Sequential([sequax.Input((3,)), *stack])
    model.compile("sgd", lambda y, p: (y - p) ** 2, metrics=[lambda y, p: y - p])
    return model


def test_pickles_carry_functions_without_a_name():
    model, x, y = with_lambdas(), np.ones((2, 3), "float32"), np.ones((2, 1), "float32")
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again(x), model(x))
    np.testing.assert_array_equal(again.evaluate(x, y, verbose=0), model.evaluate(x, y, verbose=0))


def test_copies_share_functions_without_a_name():
    layer = layers.Lambda(lambda x: x)
    for copied in (copy.copy(layer), copy.deepcopy(layer)):
        assert copied.function is layer.function


# --- calls without state ---


def test_a_stateless_call_takes_variables_for_their_values():
    model, x = sequax.Sequential([sequax.Input((3,)), layers.BatchNormalization(), layers.Dense(2)]), np.ones((4, 3))
    variables = model.trainable_variables, model.non_trainable_variables
    expected = model.stateless_call(*([v.value for v in group] for group in variables), x, training=True)
    found = model.stateless_call(*variables, x, training=True)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1][0], expected[1][0])


# --- the class of a graph ---


class OfGraph(sequax.Model):
    pass


def test_graphs_are_recognised_by_the_name_of_their_class_as_in_keras():
    from sequax.model import Functional

    inputs = sequax.Input((3,))
    nested = sequax.Model(inputs, layers.Dense(2)(inputs))
    outer = sequax.Model(inputs=inputs, outputs=nested(inputs), name="outer")
    copies = copy.deepcopy(outer), pickle.loads(pickle.dumps(outer)), sequax.models.clone_model(outer)
    for model in (outer, *copies, sequax.Model.from_config(outer.get_config())):
        assert [type(layer).__name__ for layer in model.layers] == ["InputLayer", "Functional"]
        assert isinstance(model, sequax.Model)
        assert repr(model) == "<Functional name=outer, built=True>"
    own = OfGraph(inputs, nested(inputs))
    others = layers.Dense(1), BuiltLast(), sequax.Sequential([inputs, layers.Dense(2)]), sequax.Model()
    assert [isinstance(one, Functional) for one in (nested, own, *others)] == [True] * 2 + [False] * 4
    assert [type(one).__name__ for one in (own, sequax.Model())] == ["OfGraph", "Model"]


def test_a_model_with_loops_of_its_own_may_name_attributes_as_compiled_ones_do(keras):
    """Scripts write `self.optimizer = Adam()` in constructors, and train by a loop of their own."""

    def made(library):
        class Own(library.Model):
            def __init__(self):
                super().__init__()
                self.optimizer = library.optimizers.SGD(0.5)
                self.loss = library.losses.MeanSquaredError()
                self.inputs, self.outputs = "ours", ["ours too"]
                self.input_shape = self.output_shape = (3, 2)
                self.supports_masking = True
                self.operations, self.input_names, self.output_names = 3, ["image"], ["label"]
                self.head = library.layers.Dense(1)

            def call(self, x):
                return self.head(x)

        return Own()

    for library in (sequax, keras):
        model = made(library)
        assert type(model.optimizer).__name__ == "SGD" and type(model.loss).__name__ == "MeanSquaredError"
        assert (model.inputs, list(model.outputs), tuple(model.input_shape)) == ("ours", ["ours too"], (3, 2))
        assert (model.operations, list(model.input_names), list(model.output_names)) == (3, ["image"], ["label"])
        model(np.ones((2, 2)))
        model.compile("adam", "mae")
        assert type(model.optimizer).__name__ == "Adam" and model.loss == "mae"
        model.loss = "mse"  # for a step of its own: `fit` minimises what `compile` was given
        assert model.loss == "mse"
        before = model.get_weights()[0]
        model.fit(np.ones((4, 2)), before.sum() + np.full((4, 1), 100.0), batch_size=4, verbose=0)
        np.testing.assert_allclose(model.get_weights()[0] - before, 0.001, rtol=1e-2)
        model.compile("sgd", "mse")
        assert model.loss == "mse" and type(model.optimizer).__name__ == "SGD"


@pytest.mark.parametrize("name", ["nodes", "_nodes", "calls", "parts", "scope", "key"])
def test_layers_may_have_attributes_of_any_such_name(name):
    class Own(layers.Layer):
        def __init__(self):
            super().__init__()
            setattr(self, name, 3)
            self.head = layers.Dense(1)

        def call(self, x):
            return self.head(x) * getattr(self, name)

    inputs = sequax.Input((2,))
    model = sequax.Model(inputs, Own()(inputs))
    model.compile("sgd", "mse")
    model.fit(np.ones((2, 2)), np.ones((2, 1)), verbose=0)
    assert len(model.trainable_variables) == 2 and model.predict(np.ones((2, 2)), verbose=0).shape == (2, 1)


@pytest.mark.parametrize(
    "name", ["inputs", "outputs", "input_shape", "output_shape", "operations", "input_names", "output_names"]
)
def test_ends_of_graphs_and_stacks_cannot_be_set(name):
    inputs = sequax.Input((2,))
    for model in (sequax.Model(inputs, layers.Dense(1)(inputs)), sequax.Sequential([inputs, layers.Dense(1)])):
        with pytest.raises(AttributeError, match="no setter"):
            setattr(model, name, (3,))


def test_metrics_of_a_model_compile_it_again():
    model = sequax.Sequential([sequax.Input((2,)), layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    x, y = np.ones((4, 2)), np.ones((4, 1))
    for _ in range(2):
        model.compile("sgd", model.loss, metrics=model.metrics)  # not yet resolved, then resolved
        assert list(model.fit(x, y, verbose=0).history) == ["accuracy", "loss"]
