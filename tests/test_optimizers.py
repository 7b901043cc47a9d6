"""Optimizers against Keras' own: same start, same gradients, same values and state after twenty steps."""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import sequax
from sequax import optimizers
from sequax.core import pure
from sequax.core.variable import Variable
from sequax.optimizers import schedules
from sequax.optimizers.muon import orthogonal
from tests import one_program

# Not the fixture: it collects all garbage, which for hundreds of rows takes longer than the tests themselves.
keras = pytest.importorskip("keras", reason="Keras, the oracle, is not installed: pip install 'sequax[dev]'")

SHAPES = ((3, 4), (5,))
STEPS = 20

CLASSES = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.5}),
    ("RMSprop", {"centered": True}),
    ("RMSprop", {"momentum": 0.5, "centered": True, "rho": 0.7}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "beta_1": 0.8, "beta_2": 0.7}),
    ("AdamW", {}),
    ("AdamW", {"weight_decay": 0.1, "amsgrad": True}),
    ("Adagrad", {}),
    ("Adagrad", {"initial_accumulator_value": 0.5, "epsilon": 0.01}),
    ("Adadelta", {}),
    ("Adadelta", {"rho": 0.5, "epsilon": 0.01}),
    ("Adamax", {}),
    ("Adamax", {"beta_1": 0.5, "beta_2": 0.6, "epsilon": 0.01}),
    ("Nadam", {}),
    ("Nadam", {"beta_1": 0.5, "beta_2": 0.6, "epsilon": 0.01}),
    ("Lion", {}),
    ("Lion", {"beta_1": 0.5, "beta_2": 0.6}),
    ("Adafactor", {}),
    ("Adafactor", {"relative_step": False, "clip_threshold": 0.5}),
    ("Adafactor", {"relative_step": False, "learning_rate": 0.5}),  # large: 1 / sqrt(t) soon is the smaller one
    ("Adafactor", {"learning_rate": 0.5, "beta_2_decay": -0.5, "epsilon_1": 0.001, "epsilon_2": 0.1}),
    ("Ftrl", {}),
    (
        "Ftrl",
        {
            "l1_regularization_strength": 0.1,
            "l2_regularization_strength": 0.2,
            "l2_shrinkage_regularization_strength": 0.3,
            "beta": 0.1,
            "learning_rate_power": -0.4,
        },
    ),
    ("Lamb", {}),
    ("Lamb", {"beta_1": 0.5, "beta_2": 0.6, "epsilon": 0.01}),
    ("Muon", {}),
    ("Muon", {"muon_a": 2.0, "muon_b": -1.5, "muon_c": 0.5, "weight_decay": None, "adam_weight_decay": None}),
    ("Muon", {"nesterov": False, "rms_rate": None, "momentum": 0.8, "ns_steps": 3, "weight_decay": 0.1}),
    ("Muon", {"exclude_layers": ["^ker"], "adam_lr_ratio": 0.5, "adam_weight_decay": 0.1, "adam_beta_1": 0.8}),
    ("ScheduleFreeAdamW", {}),
    ("ScheduleFreeAdamW", {"warmup_steps": 4, "weight_decay": 0.1, "beta_1": 0.8, "beta_2": 0.7}),
]
OPTIONS = [
    {"clipnorm": 0.5},
    {"clipvalue": 0.3},
    {"global_clipnorm": 0.7},
    {"weight_decay": 0.1},
    {"clipnorm": 0.5, "weight_decay": 0.1},
    {"clipvalue": 0.3, "weight_decay": 0.1},
    {"global_clipnorm": 0.7, "weight_decay": 0.1},
    {"use_ema": True, "ema_momentum": 0.7},
    {"use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 3},
    {"gradient_accumulation_steps": 3},
    {"gradient_accumulation_steps": 2, "global_clipnorm": 0.7, "weight_decay": 0.1},
    {"gradient_accumulation_steps": 2, "use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
    {"loss_scale_factor": 8.0},
]
EXTRA = [("Adam", options) for options in OPTIONS]
# Each option once for every class; some together, since they meet in one step: what is clipped, decayed and averaged.
FOR_ALL = [
    {"weight_decay": 0.1, "clipnorm": 0.5, "use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 3},
    {"global_clipnorm": 0.7, "gradient_accumulation_steps": 2, "weight_decay": 0.2, "exclude": "bias"},
    {"clipvalue": 0.3, "loss_scale_factor": 8.0, "use_ema": True, "ema_momentum": 0.5, "learning_rate": "falling"},
]
EXTRA += [(name, options) for name in dict(CLASSES) for options in FOR_ALL]
ROWS = [*CLASSES, *EXTRA]


def label(row) -> str:
    name, arguments = row
    return "-".join([name, *(f"{key}={value}" for key, value in arguments.items())])


def make_optimizer(kind, row, **more):
    """An optimizer of a row: of Keras or ours. `exclude` is a call, and a falling rate a schedule."""
    name, arguments = row
    arguments = {**arguments, **more}
    pattern = arguments.pop("exclude", None)
    if arguments.get("learning_rate") == "falling":
        arguments["learning_rate"] = kind.schedules.ExponentialDecay(0.05, 4, 0.5)
    optimizer = getattr(kind, name)(**arguments)
    if pattern is not None:
        optimizer.exclude_from_weight_decay(var_names=[pattern])
    return optimizer


def numbers(seed: int, count: int = STEPS):
    generator = np.random.default_rng(seed)
    start = [generator.normal(size=shape).astype("float32") for shape in SHAPES]
    steps = [[generator.normal(size=shape).astype("float32") for shape in SHAPES] for _ in range(count)]
    return start, steps


def new_variables(make=Variable, constraint=None):
    start, _ = numbers(0)
    made = [make(value, name=name) for value, name in zip(start, ("kernel", "bias"), strict=True)]
    made[0].constraint = constraint
    return made


def arrays(variables) -> list[np.ndarray]:
    return [np.array(variable.numpy()) for variable in variables]


def run_eager(optimizer, variables, steps) -> None:
    for gradients in steps:
        optimizer.apply([jnp.asarray(g) for g in gradients], variables)


def run_compiled(optimizer, variables, steps) -> None:
    """As the training loop does: a pure step inside a compiled loop."""
    run_all_compiled([(optimizer, variables)], steps)


def run_all_compiled(pairs, steps) -> None:
    """One program for all pairs: it compiles much faster than one for each."""
    tables = []
    for optimizer, variables in pairs:
        optimizer.build(variables)
        tables.append([*variables, *optimizer.variables])

    def step(states, gradients):
        return [
            pure.apply(optimizer.apply, table, values, gradients, variables)[1]
            for (optimizer, variables), table, values in zip(pairs, tables, states, strict=True)
        ]

    loop(step, tables, steps)


def run_keras(pairs, steps) -> None:
    """Compiled as well: eager, Keras compiles each conditional anew at each step."""
    tables = []
    for optimizer, variables in pairs:
        optimizer.build(variables)
        tables.append([*variables, *optimizer.variables])

    def step(states, gradients):
        after = []
        for (optimizer, variables), values in zip(pairs, states, strict=True):
            count = len(variables)
            trained, state = optimizer.stateless_apply(values[count:], gradients, values[:count])
            after.append([*trained, *state])
        return after

    loop(step, tables, steps)


def loop(step, tables, steps) -> None:
    start = [[v.value for v in table] for table in tables]
    stacked = [jnp.stack(column) for column in zip(*steps, strict=True)]

    def program(states, stacked):
        return jax.lax.scan(lambda states, gradients: (step(states, gradients), None), states, stacked)[0]

    for table, values in zip(tables, one_program.run(program, start, stacked), strict=True):
        for variable, value in zip(table, values, strict=True):
            variable.assign(value)


def assert_equal(ours, theirs, tolerance: float = 1e-6) -> None:
    assert len(ours) == len(theirs)
    for ours_one, theirs_one in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(ours_one, theirs_one, rtol=tolerance * 10, atol=tolerance)


@pytest.fixture(scope="module")
def after_twenty_steps():
    """For each row: (optimizer, variables) of Keras and ours, after the same gradients."""
    _, steps = numbers(0)
    theirs = [(make_optimizer(keras.optimizers, row, name="mine"), new_variables(keras.Variable)) for row in ROWS]
    ours = [(make_optimizer(optimizers, row, name="mine"), new_variables()) for row in ROWS]
    run_keras(theirs, steps)
    run_all_compiled(ours, steps)
    return {label(row): pair for row, pair in zip(ROWS, zip(theirs, ours, strict=True), strict=True)}


@pytest.mark.parametrize("row", ROWS, ids=label)
def test_values_and_state_are_keras(after_twenty_steps, row):
    (theirs, their_variables), (ours, our_variables) = after_twenty_steps[label(row)]
    assert_equal(arrays(our_variables), arrays(their_variables))
    described = [[(v.path, tuple(v.shape), v.dtype) for v in o.variables] for o in (ours, theirs)]
    # Keras gives this one, which belongs to no variable in particular, the accidental path `variable`.
    assert described[0] == [
        ("mine/momentum_product", *d[1:]) if d[0].startswith("variable") else d for d in described[1]
    ]
    assert not any(v.trainable for v in ours.variables)
    assert_equal(arrays(ours.variables), arrays(theirs.variables))
    assert int(ours.iterations) == int(theirs.iterations)
    ours.finalize_variable_values(our_variables)
    theirs.finalize_variable_values(their_variables)
    assert_equal(arrays(our_variables), arrays(their_variables))


@pytest.mark.parametrize(
    "make",
    [
        lambda: optimizers.SGD(momentum=0.9, nesterov=True, clipvalue=0.3),
        lambda: optimizers.RMSprop(momentum=0.5, centered=True),
        lambda: optimizers.AdamW(amsgrad=True, clipnorm=0.5),
        lambda: optimizers.Nadam(gradient_accumulation_steps=3, global_clipnorm=0.7, loss_scale_factor=8.0),
        lambda: optimizers.Adam(use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2),
    ],
)
def test_eager_equals_compiled(make):
    _, steps = numbers(0)
    eager, compiled = (make(), new_variables()), (make(), new_variables())
    run_eager(*eager, steps)
    run_compiled(*compiled, steps)
    assert_equal(arrays(compiled[1]), arrays(eager[1]))
    assert_equal(arrays(compiled[0].variables), arrays(eager[0].variables))


@pytest.mark.parametrize("row", ROWS, ids=label)
def test_configs_are_keras(after_twenty_steps, row):
    (theirs, _), (ours, _) = after_twenty_steps[label(row)]
    config = ours.get_config()
    assert list(config) == list(theirs.get_config())
    assert optimizers.serialize(ours) == keras.optimizers.serialize(theirs)
    again = optimizers.deserialize(optimizers.serialize(ours))
    assert type(again) is type(ours) and again.get_config() == config


def test_default_names_are_keras():
    keras.utils.clear_session()
    for name in [*dict(CLASSES), "Adam", "RMSprop"]:
        assert getattr(optimizers, name)().name == getattr(keras.optimizers, name)().name


NAMES = sorted(dict(CLASSES))


@pytest.mark.parametrize("name", [*NAMES, "LossScaleOptimizer", "MultiOptimizer", "Optimizer", "OptimizerMap"])
def test_signatures_are_keras(name):
    """In the same order, too, and no argument for keywords only."""
    described = [
        [(key, p.kind, p.default) for key, p in inspect.signature(getattr(kind, name)).parameters.items()]
        for kind in (optimizers, keras.optimizers)
    ]
    assert described[0] == described[1]


@pytest.mark.parametrize("name", NAMES)
def test_arguments_by_position_are_keras(name):
    """Each argument another value than its default, all by position."""
    parameters = inspect.signature(getattr(keras.optimizers, name)).parameters.values()
    strange = {"clipvalue": None, "global_clipnorm": None, "clipnorm": 0.5, "ema_overwrite_frequency": 3, "name": "n"}
    strange |= {"weight_decay": 0.25, "gradient_accumulation_steps": 2, "loss_scale_factor": 4.0, "ns_steps": 3}
    strange |= {"warmup_steps": 4, "learning_rate_power": -0.25, "beta_2_decay": -0.5, "exclude_layers": ["out"]}
    values = [
        strange[p.name] if p.name in strange else not p.default if isinstance(p.default, bool) else p.default / 2
        for p in parameters
        if p.kind is not p.VAR_KEYWORD
    ]
    ours, theirs = (getattr(kind, name)(*values) for kind in (optimizers, keras.optimizers))
    config, expected = ours.get_config(), theirs.get_config()
    assert config.pop("learning_rate") == pytest.approx(expected.pop("learning_rate"))
    assert config == expected


def test_arguments_by_position_are_counted():
    with pytest.raises(TypeError, match=r"SGD: multiple values for argument 'momentum'"):
        optimizers.SGD(0.1, 0.5, momentum=0.9)
    with pytest.raises(TypeError, match="SGD: too many positional arguments"):
        optimizers.SGD(*[None] * 14)


@pytest.mark.parametrize("options", [{"gradient_accumulation_steps": 2}, {"use_ema": True, "ema_momentum": 0.5}])
def test_constraints_and_schedules(options):
    _, steps = numbers(0)

    def half(values):
        return values * 0.5

    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    theirs, their_variables = keras.optimizers.SGD(rate, **options), new_variables(keras.Variable, half)
    for gradients in steps[:4]:  # eager, since `stateless_apply` knows no constraints
        theirs.apply(gradients, their_variables)
    ours = optimizers.SGD(schedules.ExponentialDecay(0.1, 2, 0.5), **options)
    our_variables = new_variables(Variable, half)
    run_eager(ours, our_variables, steps[:4])
    assert_equal(arrays(our_variables), arrays(their_variables))
    assert_equal(arrays(ours.variables), arrays(theirs.variables))
    np.testing.assert_allclose(float(ours.learning_rate), float(theirs.learning_rate), rtol=1e-6)


def test_excluded_from_weight_decay():
    kernel, bias, other = (
        Variable(np.ones(2), name="kernel"),
        Variable(np.ones(2), name="bias"),
        Variable(1.0, name="o"),
    )
    optimizer = optimizers.SGD(0.5, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_list=[other], var_names=["^bi"])
    optimizer.apply([np.zeros(2), np.zeros(2), 0.0], [kernel, bias, other])
    np.testing.assert_allclose(kernel.numpy(), 0.95)
    np.testing.assert_allclose(bias.numpy(), 1.0)
    np.testing.assert_allclose(other.numpy(), 1.0)


def test_sixteen_bit_variables_move():
    variable = Variable(np.ones(2), dtype="bfloat16", name="v")
    optimizer = optimizers.Adam(0.05)
    for _ in range(4):
        optimizer.apply([np.ones(2)], [variable])
    np.testing.assert_allclose(variable.numpy().astype("float32"), 0.8, atol=0.02)
    assert optimizer.slot("momentum", variable).dtype == "bfloat16"


def test_missing_gradients():
    first, second = new_variables()
    optimizer = optimizers.SGD(1.0)
    before = first.numpy()
    with pytest.warns(UserWarning, match=r"gradients do not exist for variables \['kernel'\]"):
        optimizer.apply([None, np.ones(5)], [first, second])
    np.testing.assert_array_equal(first.numpy(), before)
    with pytest.raises(ValueError, match="no gradients provided"):
        optimizer.apply([None], [first])
    for nothing in ((), ([],)):
        optimizer.apply([], *nothing)
    assert int(optimizer.iterations) == 1


@pytest.mark.parametrize("name", NAMES)
def test_update_step_takes_plain_numbers_and_arrays(name):
    """Called directly, as those do who write their own loop: NumPy gradients, a Python number as rate."""
    gradient, found = np.array([[1.0, -2.0], [3.0, 4.0]]), []
    for given, rate in ((gradient, 0.5), (jnp.asarray(gradient, "float32"), jnp.float32(0.5))):
        variable, optimizer = Variable(np.ones((2, 2)), name="v"), getattr(optimizers, name)()
        optimizer.build(var_list=[variable])
        optimizer.update_step(given, variable, rate)
        found.append(variable.numpy())
    assert (found[0] != 1).any()
    assert_equal(found[:1], found[1:])


def test_subclasses_may_clip_and_decay_in_their_own_way():
    """By the names that Keras' optimizers have for these two parts."""

    class Own(optimizers.SGD):
        def _clip_gradients(self, grads):
            return [0.5 * gradient for gradient in grads]

        def _apply_weight_decay(self, variables):
            for variable in variables:
                variable.assign(variable.value * 0.5)

    variable = Variable(np.full(2, 4.0), name="v")
    Own(1.0).apply([np.ones(2)], [variable])
    np.testing.assert_allclose(variable.numpy(), 1.5)
    clipped = optimizers.SGD(clipnorm=1.0)._clip_gradients([np.array([3.0, 4.0])])
    np.testing.assert_allclose(clipped[0], [0.6, 0.8], rtol=1e-6)


def test_build_needs_variables():
    with pytest.raises(TypeError, match="expected the variables to train"):
        optimizers.SGD().build()


def test_state_is_saved_and_loaded_by_number():
    (_, steps), stores = numbers(0), []
    for kind, make in ((optimizers, Variable), (keras.optimizers, keras.Variable)):
        optimizer, variables = kind.Adam(), new_variables(make)
        optimizer.apply([jnp.asarray(g) for g in steps[0]], variables)
        stores.append({})
        optimizer.save_own_variables(stores[-1])
    assert list(stores[0]) == list(stores[1])
    assert_equal(list(stores[0].values()), list(stores[1].values()))
    other = optimizers.Adam()
    with pytest.warns(UserWarning, match="nothing is loaded. Build it first"):
        other.load_own_variables(stores[0])
    other.build(new_variables())
    other.load_own_variables(stores[0])
    assert_equal(arrays(other.variables), list(stores[0].values()))


def test_state_is_set_whole_or_not_at_all():
    optimizer = optimizers.SGD(momentum=0.9)
    with pytest.raises(ValueError, match=r"You are calling `set_weights\(\)` on SGD 'sgd', which is not built"):
        optimizer.set_weights([])
    optimizer.build(new_variables())
    before = arrays(optimizer.variables)
    with pytest.raises(ValueError, match="expected 4 arrays"):
        optimizer.set_weights(before[:3])
    with pytest.raises(ValueError, match=r"'sgd/bias_momentum' has shape \(5,\)\. Received an array of shape \(1,\)"):
        optimizer.set_weights([before[0] + 1, *before[1:3], np.ones(1)])
    assert_equal(arrays(optimizer.variables), before)
    optimizer.set_weights([value + 1 for value in before])
    assert_equal(arrays(optimizer.variables), [value + 1 for value in before])


def test_values_in_place_of_gradients():
    """As for the scales of 8-bit floats: such a variable takes its gradient as it is; of a round, the largest."""
    plain, scaled = Variable(np.zeros(2), name="plain"), Variable(np.zeros(2), name="scaled")
    scaled.overwrite_with_gradient = True
    optimizer = optimizers.SGD(1.0, gradient_accumulation_steps=2)
    seen = []
    for gradient in ([1.0, 4.0], [3.0, 2.0], [1.0, 1.0]):
        optimizer.apply([jnp.array(gradient)] * 2, [plain, scaled])
        seen.append((plain.numpy().tolist(), scaled.numpy().tolist()))
    assert seen == [([0, 0], [0, 0]), ([-2, -3], [3, 4]), ([-2, -3], [3, 4])]
    loss_scale = optimizers.LossScaleOptimizer(optimizers.SGD(1.0), initial_scale=8.0)
    loss_scale.apply([jnp.full(2, 8.0)] * 2, [plain, scaled])
    assert (plain.numpy().tolist(), scaled.numpy().tolist()) == ([-3, -4], [8, 8])


def test_stateless_apply_leaves_the_objects_alone():
    _, steps = numbers(0)
    variables, optimizer = new_variables(), optimizers.Adam(0.1)
    with pytest.raises(ValueError, match="must be built"):
        optimizer.stateless_apply([], steps[0], variables)
    optimizer.build(variables)
    before = arrays([*variables, *optimizer.variables])
    trained, state = optimizer.stateless_apply(
        [v.value for v in optimizer.variables], steps[0], [v.value for v in variables]
    )
    assert_equal(arrays([*variables, *optimizer.variables]), before)
    optimizer.apply(steps[0])
    assert_equal([*trained, *state], arrays([*variables, *optimizer.variables]))
    with pytest.raises(ValueError, match="`optimizer_variables` must hold"):
        optimizer.stateless_apply([], steps[0], variables)


# --- the set of variables changes ---


class Heavy(optimizers.Optimizer):
    """An optimizer in Keras' manner."""

    def __init__(self, learning_rate=0.1, friction=0.5, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.friction = friction

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.speeds = [self.add_variable_from_reference(v, name="speed") for v in variables]
        self.count = Variable(0.0, name="count")

    def update_step(self, gradient, variable, learning_rate):
        speed = self.speeds[self._get_variable_index(variable)]
        self.assign(speed, speed * self.friction - gradient * learning_rate)
        self.assign_add(variable, speed)

    def get_config(self):
        return {**super().get_config(), "friction": self.friction}


SURVIVORS = [
    lambda: optimizers.Adam(0.1, amsgrad=True, use_ema=True, gradient_accumulation_steps=2),
    lambda: optimizers.Nadam(0.1),
    lambda: optimizers.Adafactor(0.1),
    lambda: optimizers.LossScaleOptimizer(optimizers.SGD(0.1, momentum=0.9)),
    lambda: optimizers.OptaxOptimizer(optax.adam(0.1)),
    lambda: optimizers.Muon(0.1),
    lambda: optimizers.MultiOptimizer(lambda variable: optimizers.Adam(0.1)),
    Heavy,
]


@pytest.mark.parametrize("make", SURVIVORS)
def test_state_survives_other_variables(make):
    """Freeze a variable, train, add another, thaw: state of those that stay is neither lost nor mixed up."""
    (kernel, bias), (_, steps) = new_variables(), numbers(0)
    late, optimizer = Variable(np.ones((2, 2)), name="late"), make()
    run_eager(optimizer, [kernel, bias], steps[:3])

    def state_of(mark):
        return {v.path: v.numpy() for v in optimizer.variables if mark in v.path}

    of_kernel, of_bias = state_of("kernel"), state_of("bias")
    assert of_kernel and of_bias
    optimizer.build([bias])
    assert not state_of("kernel")
    assert_equal(list(state_of("bias").values()), list(of_bias.values()))
    iterations = int(optimizer.iterations)
    run_eager(optimizer, [bias], [[step[1]] for step in steps[3:5]])
    assert int(optimizer.iterations) > iterations
    of_bias = state_of("bias")
    optimizer.build([late, bias, kernel])
    assert list(state_of("kernel")) == list(of_kernel)
    assert_equal(list(state_of("kernel").values()), list(of_kernel.values()))
    assert_equal(list(state_of("bias").values()), list(of_bias.values()))
    assert state_of("late")
    run_compiled(optimizer, [late, bias, kernel], [[np.ones((2, 2), "float32"), s[1], s[0]] for s in steps[5:]])
    assert all(np.isfinite(v.numpy().astype("float64")).all() for v in [kernel, bias, late, *optimizer.variables])


@pytest.mark.parametrize("make", SURVIVORS)
def test_a_second_model_just_works(make):
    (_, steps), first, second = numbers(0), new_variables(), new_variables()
    optimizer = make()
    run_eager(optimizer, first, steps)
    before = arrays(first)
    optimizer.build(second)
    of_kernel = [v for v in optimizer.variables if "kernel" in v.path and v.shape == second[0].shape]
    assert of_kernel and not any(v.numpy().any() for v in of_kernel if "average" not in v.path)
    run_eager(optimizer, second, steps)
    assert_equal(arrays(first), before)


def test_average_of_a_late_variable_starts_at_its_value():
    (kernel, bias), (_, steps) = new_variables(), numbers(0)
    optimizer = optimizers.SGD(0.0, use_ema=True)
    run_eager(optimizer, [kernel], [[step[0]] for step in steps])
    run_eager(optimizer, [kernel, bias], steps)
    before = bias.numpy()
    optimizer.finalize_variable_values([kernel, bias])
    np.testing.assert_allclose(bias.numpy(), before, rtol=1e-5)


def test_unknown_variable_in_a_compiled_step():
    (kernel, bias), (_, steps) = new_variables(), numbers(0)
    optimizer = optimizers.Adam()
    optimizer.build([kernel])
    with pytest.raises(ValueError, match=r"unknown variables \['bias'\]"):
        pure.apply(optimizer.apply, [kernel, bias], [kernel.value, bias.value], steps[0], [kernel, bias])


def test_subclass_in_the_manner_of_keras():
    (kernel, bias), (_, steps) = new_variables(), numbers(0)
    ours, plain = Heavy(friction=0.9), optimizers.SGD(0.1, momentum=0.9)
    others = new_variables()
    run_eager(ours, [kernel, bias], steps)
    run_eager(plain, others, steps)
    assert_equal(arrays([kernel, bias]), arrays(others))
    assert [v.path for v in ours.variables] == [
        "heavy/iteration", "heavy/learning_rate", "heavy/kernel_speed", "heavy/bias_speed", "count",
    ]  # fmt: skip
    assert Heavy.from_config(ours.get_config()).friction == 0.9


def test_add_optimizer_variables():
    variables, optimizer = new_variables(), optimizers.Optimizer(0.1, name="mine")
    optimizer.build(variables)
    first, second = optimizer.add_optimizer_variables(variables, ["a", "b"], initializer=["ones", "zeros"])
    assert [v.path for v in [*first, *second]] == ["mine/kernel_a", "mine/bias_a", "mine/kernel_b", "mine/bias_b"]
    assert first[0].numpy().all() and not second[0].numpy().any()
    assert [v.name for v in optimizer.add_optimizer_variables(variables, "c")] == ["kernel_c", "bias_c"]
    with pytest.raises(NotImplementedError, match="Optimizer must override `update_step"):
        optimizer.apply([np.zeros(shape) for shape in SHAPES])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
@pytest.mark.parametrize(
    "make",
    [
        lambda: optimizers.Adam(0.1, use_ema=True, gradient_accumulation_steps=2),
        lambda: optimizers.SGD(schedules.CosineDecay(0.1, 10), momentum=0.9),
        lambda: optimizers.LossScaleOptimizer(optimizers.Nadam()),
    ],
)
def test_copies_keep_state_and_go_on_alike(make, copied):
    (_, steps), variables, optimizer = numbers(0), new_variables(), make()
    run_eager(optimizer, variables, steps[:5])
    variables_2, optimizer_2 = copied((variables, optimizer))
    assert_equal(arrays(optimizer_2.variables), arrays(optimizer.variables), 0)
    run_eager(optimizer, variables, steps[5:])
    after = arrays([*variables, *optimizer.variables])
    run_eager(optimizer_2, variables_2, steps[5:])
    assert_equal(arrays([*variables_2, *optimizer_2.variables]), after, 0)
    assert not {id(v) for v in optimizer.variables} & {id(v) for v in optimizer_2.variables}


# --- learning rates ---


def test_learning_rate_can_be_set():
    optimizer = optimizers.SGD(0.5)
    assert optimizer.learning_rate is optimizer.variables[1]
    optimizer.learning_rate = 0.25
    assert float(optimizer.learning_rate) == 0.25
    optimizer.learning_rate = schedules.PiecewiseConstantDecay([1], [1.0, 2.0])
    assert float(optimizer.learning_rate) == 1.0 and len(optimizer.variables) == 1
    with pytest.raises(TypeError, match="not settable"):
        optimizer.learning_rate = 0.1


@pytest.mark.parametrize("rate", [lambda: 0.5, lambda step: 0.5 / (step + 1), 1, np.float32(0.5), jnp.asarray(0.5)])
def test_kinds_of_learning_rates(rate):
    variable, optimizer = Variable([0.0], name="v"), optimizers.SGD(rate)
    optimizer.apply([np.ones(1)], [variable])
    assert float(variable[0]) == (-1.0 if rate == 1 else -0.5)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda inner: inner,
        lambda inner: optimizers.LossScaleOptimizer(inner, initial_scale=1.0),
        lambda inner: optimizers.OptaxOptimizer(optax.identity(), inner.learning_rate),
    ],
)
def test_a_function_can_drive_the_rate_inside_the_program(wrap):
    """Equal to the same function as a schedule, but the rate stays a number that can be read and set."""
    _, steps = numbers(0)
    halving = schedules.ExponentialDecay(0.5, 2, 0.5)
    expected, driven = new_variables(), new_variables()
    run_compiled(optimizers.SGD(halving), expected, steps)
    optimizer = wrap(optimizers.SGD(0.25))
    optimizer.drive_learning_rate(halving)
    run_compiled(optimizer, driven, steps)
    assert_equal(arrays(driven), arrays(expected))
    assert float(optimizer.learning_rate) == pytest.approx(float(halving(STEPS - 1)), rel=1e-6)
    optimizer.drive_learning_rate(None)
    optimizer.learning_rate = 0.0
    optimizer.apply(steps[0], driven)
    assert_equal(arrays(driven), arrays(expected))


def test_rates_that_nothing_can_drive():
    with pytest.raises(TypeError, match="given by a ExponentialDecay"):
        optimizers.SGD(schedules.ExponentialDecay(0.1, 1, 0.5)).drive_learning_rate(abs)
    with pytest.raises(TypeError, match="optax owns the learning rate"):
        optimizers.OptaxOptimizer(optax.sgd(0.1)).drive_learning_rate(abs)
    with pytest.raises(TypeError, match="no learning rate of its own"):
        two_optimizers(optimizers).drive_learning_rate(abs)


SCHEDULES = [
    ("ExponentialDecay", (0.1, 7, 0.9), {}),
    ("ExponentialDecay", (0.1, 7, 0.9), {"staircase": True}),
    ("InverseTimeDecay", (0.1, 7, 0.9), {}),
    ("InverseTimeDecay", (0.1, 7, 0.9), {"staircase": True}),
    ("PiecewiseConstantDecay", ([3, 9], [1.0, 0.5, 0.25]), {}),
    ("PiecewiseConstantDecay", ([3.5, 9.0], [1.0, 0.5, 0.25]), {}),
    ("PolynomialDecay", (0.1, 7), {}),
    ("PolynomialDecay", (0.1, 8, 0.01), {"power": 0.5, "cycle": True}),
    ("CosineDecay", (0.1, 15), {"alpha": 0.1}),
    ("CosineDecay", (0.1, 10), {"warmup_target": 0.5, "warmup_steps": 4}),
    ("CosineDecay", (0.1, 10), {"warmup_target": 0.5}),
    ("CosineDecay", (0.1, 10), {"warmup_steps": 4}),
    ("CosineDecayRestarts", (0.1, 5), {}),
    ("CosineDecayRestarts", (0.1, 5), {"t_mul": 1.0, "m_mul": 0.9, "alpha": 0.1}),
    ("CosineDecayRestarts", (0.1, 4), {"t_mul": 1.7, "m_mul": 0.8}),
]


def of_schedules(kind):
    return [getattr(kind.schedules, name)(*args, **kwargs) for name, args, kwargs in SCHEDULES]


@pytest.fixture(scope="module")
def of_two_hundred_steps():
    """Of all schedules: ours compiled, and Keras' step by step, whose whole periods XLA would misplace."""
    steps = jnp.arange(200)
    ours = one_program.run(lambda steps: [jax.vmap(schedule)(steps) for schedule in of_schedules(optimizers)], steps)
    return ours, [jax.vmap(schedule)(steps) for schedule in of_schedules(keras.optimizers)]


@pytest.mark.parametrize("case", range(len(SCHEDULES)), ids=lambda case: f"{case}-{SCHEDULES[case][0]}")
def test_schedules_are_keras(of_two_hundred_steps, case):
    ours, theirs = (of_schedules(kind)[case] for kind in (optimizers, keras.optimizers))
    values, expected = (column[case] for column in of_two_hundred_steps)
    np.testing.assert_allclose(values, expected, rtol=1e-6, atol=1e-6)
    assert ours(3).dtype == "float32" and ours(3).shape == ()
    np.testing.assert_allclose(ours(3), values[3], rtol=1e-6, atol=1e-6)
    assert ours.get_config() == theirs.get_config()
    config = schedules.serialize(ours)
    assert config == keras.optimizers.schedules.serialize(theirs)
    assert schedules.deserialize(config).get_config() == ours.get_config()
    assert inspect.signature(type(ours)).parameters.keys() == inspect.signature(type(theirs)).parameters.keys()
    optimizer = optimizers.SGD(ours)
    assert optimizers.deserialize(optimizers.serialize(optimizer)).get_config() == optimizer.get_config()


def test_whole_periods_are_exact_when_compiled():
    """XLA multiplies by 1 / 7, by which 21 comes out above 3; Keras' rate then starts a period late or early."""
    steps = 7 * jnp.arange(1, 40)
    halves = jax.jit(jax.vmap(schedules.ExponentialDecay(1.0, 7, 0.5, staircase=True)))(steps)
    np.testing.assert_array_equal(halves, 0.5 ** np.arange(1, 40))
    ends = jax.jit(jax.vmap(schedules.PolynomialDecay(1.0, 7, 0.25, cycle=True)))(steps)
    np.testing.assert_allclose(ends, 0.25, rtol=1e-6)
    starts = jax.jit(jax.vmap(schedules.CosineDecayRestarts(1.0, 7)))(7 * (2 ** jnp.arange(10) - 1))
    np.testing.assert_allclose(starts, 1.0, rtol=1e-6)


def test_own_schedule():
    class Linear(schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.5 * (step + 1)

    variable, optimizer = Variable([0.0], name="v"), optimizers.SGD(Linear())
    run_compiled(optimizer, [variable], [[np.ones(1, "float32")]] * 3)
    assert float(variable[0]) == -3.0
    with pytest.raises(NotImplementedError, match="must override `get_config"):
        optimizer.get_config()
    with pytest.raises(NotImplementedError, match="must override `__call__"):
        schedules.LearningRateSchedule()(1)


# --- loss scaling ---


@pytest.mark.parametrize("run", [run_eager, run_compiled])
def test_loss_scale_is_keras(run):
    _, steps = numbers(0)
    for position in (3, 4, 7):
        steps[position][1][2] = (np.inf, np.nan, -np.inf)[position % 3]
    arguments = {"initial_scale": 8.0, "dynamic_growth_steps": 2}
    inner = keras.optimizers.Adam(0.1, use_ema=True, name="adam")
    theirs = keras.optimizers.LossScaleOptimizer(inner, name="loss_scale_optimizer", **arguments)
    their_variables = new_variables(keras.Variable)
    run_keras([(theirs, their_variables)], steps)
    ours = optimizers.LossScaleOptimizer(optimizers.Adam(0.1, use_ema=True), **arguments)
    assert float(ours.scale_loss(2.0)) == 16.0
    our_variables = new_variables()
    run(ours, our_variables, steps)
    assert_equal(arrays(our_variables), arrays(their_variables))
    assert [v.path for v in ours.variables] == [v.path for v in theirs.variables]
    assert_equal(arrays(ours.variables), arrays(theirs.variables))
    assert ours.get_config() == theirs.get_config()
    again = optimizers.deserialize(optimizers.serialize(ours))
    assert again.get_config() == ours.get_config()
    assert float(ours.scale_loss(1.0)) == float(ours.dynamic_scale)
    assert bool(ours.check_finite([None, jnp.ones(2)])) and not bool(ours.check_finite([jnp.array([jnp.inf])]))
    ours.learning_rate = 0.25
    assert float(ours.inner_optimizer.learning_rate) == 0.25 and ours.iterations is ours.inner_optimizer.iterations


def test_loss_scale_stands_alone():
    """The factor of the optimizer inside would scale twice; both attributes are as in Keras."""
    scales = []
    for kind in (optimizers, keras.optimizers):
        inner = kind.SGD(loss_scale_factor=100.0)
        outer = kind.LossScaleOptimizer(inner, initial_scale=8.0)
        scales.append((float(outer.scale_loss(1.0)), inner.loss_scale_factor))
    assert scales[0] == scales[1] == (8.0, None)


def test_loss_scale_from_older_files():
    """They hold the settings of all optimizers, which had no effect."""
    inner = optimizers.serialize(optimizers.SGD(0.5))
    settings = {"weight_decay": None, "clipnorm": None, "use_ema": False, "ema_momentum": 0.99, "dynamic": True}
    optimizer = optimizers.LossScaleOptimizer.from_config({"inner_optimizer": inner, "initial_scale": 2.0, **settings})
    assert float(optimizer.learning_rate) == 0.5 and optimizer.initial_scale == 2.0
    with pytest.raises(ValueError, match="`dynamic=False` is no longer supported"):
        optimizers.LossScaleOptimizer(optimizers.SGD(), dynamic=False)
    for name, value in {"weight_decay": 0.1, "use_ema": True, "gradient_accumulation_steps": 2}.items():
        with pytest.raises(ValueError, match=f"`{name}`. Set it on the `inner_optimizer`"):
            optimizers.LossScaleOptimizer(optimizers.SGD(), **{name: value})


# --- several optimizers ---


def loss_scaled():
    return optimizers.LossScaleOptimizer(optimizers.SGD())


def two_optimizers(kind, **arguments):
    """Adam for the kernel, SGD for the rest, in Keras or here."""
    by_pattern = kind.OptimizerMap(kind.SGD(0.1, momentum=0.9, name="rest"))
    by_pattern["ker.*"] = kind.Adam(0.05, use_ema=True, ema_momentum=0.5, name="kernels")
    return kind.MultiOptimizer(by_pattern, name="both", **arguments)


@pytest.mark.parametrize("arguments", [{}, {"loss_scale_factor": 8.0}])
def test_several_optimizers_are_keras(arguments):
    _, steps = numbers(0)
    theirs, their_variables = two_optimizers(keras.optimizers, **arguments), new_variables(keras.Variable)
    ours, our_variables = two_optimizers(optimizers, **arguments), new_variables()
    run_keras([(theirs, their_variables)], steps)
    run_compiled(ours, our_variables, steps)
    assert_equal(arrays(our_variables), arrays(their_variables))
    assert [v.path for v in ours.variables] == [v.path for v in theirs.variables]
    assert_equal(arrays(ours.variables), arrays(theirs.variables))
    assert float(ours.scale_loss(1.0)) == float(theirs.scale_loss(1.0))
    assert [o.name for o in ours.optimizers] == [o.name for o in theirs.optimizers] == ["kernels", "rest"]
    assert optimizers.serialize(ours) == keras.optimizers.serialize(theirs)
    again = optimizers.deserialize(optimizers.serialize(ours))
    assert again.get_config() == ours.get_config() and isinstance(again.optimizer_map, optimizers.OptimizerMap)
    averages = [(variable.path, average.path) for variable, average in ours.averages()]
    assert averages == [("kernel", "kernels/kernel_average")]
    for optimizer, variables in ((ours, our_variables), (theirs, their_variables)):
        optimizer.finalize_variable_values(variables)
    assert_equal(arrays(our_variables), arrays(their_variables))


def test_several_optimizers_by_a_function():
    (kernel, bias), (_, steps) = new_variables(), numbers(0)
    first, second = optimizers.SGD(0.5, weight_decay=0.1), optimizers.SGD(0.25, weight_decay=0.1)
    optimizer = optimizers.MultiOptimizer(lambda variable: first if variable.name == "kernel" else second)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    before, zeros = arrays([kernel, bias]), [np.zeros(shape) for shape in SHAPES]
    optimizer.apply(zeros, [kernel, bias])
    assert_equal(arrays([kernel, bias]), [before[0] * 0.95, before[1]])
    assert optimizer.optimizers == [first, second] and int(optimizer.iterations) == 1
    optimizer.apply([steps[0][1]], [bias])
    assert (int(first.iterations), int(second.iterations)) == (1, 2)
    assert not hasattr(optimizer, "learning_rate")
    with pytest.raises(AttributeError, match="cannot be set"):
        optimizer.learning_rate = 0.1
    assert repr(optimizer).count("<SGD") == 2


def test_optimizer_map_is_a_mapping_by_path():
    rest, heads = optimizers.SGD(), optimizers.SGD()
    chosen = optimizers.OptimizerMap(rest, {"head/.*": heads})
    assert chosen.default_optimizer is rest and list(chosen) == ["head/.*"] and len(chosen) == 1
    assert chosen["head/kernel"] is heads and chosen["my_head/kernel"] is rest and chosen["head"] is rest
    assert "head/.*" in chosen and "head/kernel" not in chosen
    chosen[".*/kernel"] = optimizers.Adam()
    with pytest.raises(ValueError, match="multiple optimizers assigned to variable 'head/kernel'"):
        _ = chosen["head/kernel"]
    del chosen[".*/kernel"]
    assert chosen["head/kernel"] is heads


@pytest.mark.parametrize(
    ("error", "make", "message"),
    [
        (TypeError, lambda: optimizers.OptimizerMap("sgd"), "`default_optimizer` must be an optimizer object"),
        (ValueError, lambda: optimizers.OptimizerMap(optimizers.SGD(), {"a": "sgd"}), "'a' must be given an optimizer"),
        (ValueError, lambda: optimizers.OptimizerMap(optimizers.SGD(), {3: optimizers.SGD()}), "must be a string"),
        (ValueError, lambda: optimizers.OptimizerMap(optimizers.SGD(), {"(": optimizers.SGD()}), "no regular expr"),
        (TypeError, lambda: optimizers.MultiOptimizer({"a": optimizers.SGD()}), "write OptimizerMap"),
        (TypeError, lambda: optimizers.MultiOptimizer(optimizers.SGD), "must be an OptimizerMap"),
        (ValueError, lambda: optimizers.MultiOptimizer(lambda v: None).build(new_variables()), "For 'kernel' it gave"),
        (TypeError, lambda: optimizers.OptimizerMap(optimizers.SGD(), [optimizers.SGD()]), "must be a dict"),
        (ValueError, lambda: optimizers.OptimizerMap(optimizers.SGD(), {".": loss_scaled()}), "be LossScaleOptimizer"),
        (
            ValueError,
            lambda: optimizers.OptimizerMap(optimizers.SGD(), {".": two_optimizers(optimizers)}),
            "be MultiOptimizer",
        ),
        (
            ValueError,
            lambda: optimizers.MultiOptimizer(lambda v: loss_scaled()).build(new_variables()),
            "LossScaleOptimizer cannot be used inside",
        ),
        (
            ValueError,
            lambda: optimizers.MultiOptimizer(optimizers.OptimizerMap(loss_scaled())),
            "cannot be used inside",
        ),
    ],
)
def test_several_optimizers_refuse(error, make, message):
    with pytest.raises(error, match=message):
        make()


def test_one_loss_scale_for_several_optimizers():
    """It replaces those that the optimizers have, which would divide by a factor the loss never had."""
    for kind, make in ((keras.optimizers, keras.Variable), (optimizers, Variable)):
        variable, inner = make(np.full(2, 2.0), name="v"), kind.SGD(0.1, loss_scale_factor=2.0)
        optimizer = kind.MultiOptimizer(kind.OptimizerMap(inner), loss_scale_factor=5.0)
        optimizer.build([variable])
        assert inner.loss_scale_factor == 5.0 and float(optimizer.scale_loss(2.0)) == 10.0
        optimizer.apply([jnp.full(2, 10.0)], [variable])
        np.testing.assert_allclose(variable.numpy(), 1.8, rtol=1e-6)
        optimizer.loss_scale_factor = 20.0
        assert inner.loss_scale_factor == 20.0
        optimizer.apply([jnp.full(2, 20.0)], [variable])
        np.testing.assert_allclose(variable.numpy(), 1.7, rtol=1e-6)


def test_maps_of_own_optimizers_come_back():
    config = optimizers.OptimizerMap(Heavy(0.1, 0.5), {"a": Heavy(0.1, 0.25)}).get_config()
    again = optimizers.OptimizerMap.from_config(config, {"Heavy": Heavy})
    assert [one.friction for one in again.optimizers] == [0.25, 0.5]


def test_muon_offers_its_parts():
    """They can be called, and overridden: the step is made of them."""
    ours, theirs = optimizers.Muon(), keras.optimizers.Muon()
    for shape in ((4, 3), (3, 4), (2, 3, 4)):
        x = np.random.default_rng(0).normal(size=shape).astype("float32")
        for name, arguments in (
            *(("transpose_last_axis", (x,)), ("zeropower_via_newtonschulz5", (x, 5))),
            *([("lr_adjust", (x,))] if x.ndim == 2 else []),
        ):
            one, other = (getattr(optimizer, name)(*arguments) for optimizer in (ours, theirs))
            np.testing.assert_allclose(one, np.asarray(other), rtol=1e-5, atol=1e-5)
    assert optimizers.Muon(rms_rate=None).lr_adjust(1.5) == 1.5
    with pytest.raises(ValueError, match="only matrices can be made orthogonal"):
        ours.zeropower_via_newtonschulz5(np.ones(3), 5)

    class Still(optimizers.Muon):
        def lr_adjust(self, x):
            return 0 * x

    (kernel, _), (start, steps) = new_variables(), numbers(0)
    Still(weight_decay=None).apply(steps[0][:1], [kernel])
    np.testing.assert_array_equal(kernel.numpy(), start[0])


def test_orthogonal_pulls_singular_values_together():
    """In a few rounds to 0.7 ... 1.2, with the directions of the matrix, whichever side is longer."""
    tall = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
    u, values, v = np.linalg.svd(tall, full_matrices=False)
    step = orthogonal(jnp.asarray(tall), 5, 3.4445, -4.775, 2.0315)
    assert values.max() / values.min() > 2
    pulled = np.diag(u.T @ step @ v.T)
    np.testing.assert_allclose((u * pulled) @ v, step, atol=1e-4)
    assert pulled.min() > 0.6 and pulled.max() < 1.3
    np.testing.assert_allclose(orthogonal(jnp.asarray(tall.T), 5, 3.4445, -4.775, 2.0315), step.T, atol=1e-6)
    assert not np.asarray(orthogonal(jnp.zeros((2, 3)), 5, 3.4445, -4.775, 2.0315)).any()


def test_which_variables_muon_leaves_to_adam():
    ours, theirs = optimizers.Muon(exclude_layers=["out"]), keras.optimizers.Muon(exclude_layers=["out"])
    for path, shape in (
        *(("a/kernel", (2, 3)), ("a/bias", (3,)), ("conv/kernel", (2, 2, 3)), ("scale", ())),
        *(("Embedding/w", (2, 3)), ("words/embeddings", (2, 3)), ("embed/kernel", (2, 3)), ("out/kernel", (2, 3))),
    ):
        mine, theirs_own = Variable(np.zeros(shape), name="v"), keras.Variable(np.zeros(shape), name="v")
        mine.path = theirs_own._path = path
        assert ours.uses_adam(mine) == theirs._should_use_adamw(theirs_own), path


# --- optax ---


def test_optax_is_optax():
    (start, steps), variables = numbers(0), new_variables()
    transformation = optax.chain(optax.clip_by_global_norm(0.7), optax.adam(0.1))
    expected = {"kernel": jnp.asarray(start[0]), "bias": jnp.asarray(start[1])}
    state = transformation.init(expected)
    for kernel, bias in steps:
        updates, state = transformation.update({"kernel": kernel, "bias": bias}, state, expected)
        expected = optax.apply_updates(expected, updates)
    optimizer = optimizers.get(transformation)
    run_compiled(optimizer, variables, steps)
    assert_equal(arrays(variables), [expected["kernel"], expected["bias"]])
    leaves = sorted(np.sum(np.asarray(leaf, "float64")) for leaf in jax.tree.leaves(state))
    ours = sorted(v.numpy().sum(dtype="float64") for v in optimizer.variables[1:])
    np.testing.assert_allclose(ours, leaves, rtol=1e-5)
    assert optimizer.variables[0].path == "optax/iteration" and int(optimizer.iterations) == STEPS


@pytest.mark.parametrize(
    "make",
    [
        lambda: optax.MultiSteps(optax.sgd(0.1), 2),
        lambda: optax.chain(
            optax.add_noise(0.1, 0.5, jax.random.key(0)), optax.sgd(optax.linear_schedule(0.1, 0.0, 5))
        ),
        lambda: optax.contrib.prodigy(),
        lambda: optax.with_extra_args_support(optax.lion(0.1)),
    ],
)
def test_kinds_of_transformations(make):
    (_, steps), variables = numbers(0), new_variables()
    before = arrays(variables)
    run_compiled(optimizers.OptaxOptimizer(make()), variables, steps[:3])
    assert all(np.isfinite(v.numpy()).all() and (v.numpy() != b).any() for v, b in zip(variables, before, strict=True))


def test_optax_masks_by_path_and_equal_paths():
    same = [Variable(np.ones(2), name="kernel"), Variable(np.ones(2), name="kernel"), Variable(np.ones(2), name="bias")]
    only_kernels = optax.masked(optax.set_to_zero(), lambda tree: {key: key.endswith("kernel") for key in tree})
    optimizer = optimizers.OptaxOptimizer(optax.chain(optax.sgd(1.0), only_kernels))
    run_eager(optimizer, same, [[np.full(2, 0.5)] * 3])
    assert [v.numpy()[0] for v in same] == [1.0, 1.0, 0.5]


def test_optax_learning_rates():
    variables, (_, steps) = new_variables(), numbers(0)
    optimizer = optimizers.OptaxOptimizer(optax.sgd(0.1))
    optimizer.build(variables)
    assert not hasattr(optimizer, "learning_rate")
    with pytest.raises(AttributeError, match="optax owns it"):
        optimizer.learning_rate = 0.5
    with pytest.raises(NotImplementedError, match="compile"):
        optimizer.get_config()
    injected = optimizers.OptaxOptimizer(optax.inject_hyperparams(optax.sgd)(learning_rate=0.1))
    injected.build(variables)
    injected.learning_rate = 0.0
    before = arrays(variables)
    run_eager(injected, variables, steps[:2])
    assert_equal(arrays(variables), before, 0)
    ours = optimizers.OptaxOptimizer(optax.identity(), learning_rate=0.5)
    run_eager(ours, variables, steps[:1])
    assert_equal(arrays(variables), [b - 0.5 * g for b, g in zip(before, steps[0], strict=True)])
    halves = SimpleNamespace(init=dict), SimpleNamespace(update=dict)
    for other in ("adam", {"class_name": "Adam"}, *halves):
        with pytest.raises(TypeError, match="expected an optax GradientTransformation"):
            optimizers.OptaxOptimizer(other)


def test_optax_follows_missing_gradients():
    (kernel, bias), (_, steps) = new_variables(), numbers(0)
    optimizer, before = optimizers.OptaxOptimizer(optax.adamw(0.1)), bias.numpy()
    optimizer.build([kernel, bias])
    optimizer.apply([steps[0][0]], [kernel])
    np.testing.assert_array_equal(bias.numpy(), before)


# --- names and refusals ---


def test_get():
    assert optimizers.get(None) is None
    for name in ("adam", "Adam", "ADAM", "rmsprop", "RMSprop", "sgd", "adamw", "lossscaleoptimizer"):
        if name != "lossscaleoptimizer":
            assert type(optimizers.get(name)).__name__ == type(keras.optimizers.get(name)).__name__
    made = optimizers.SGD(0.5)
    assert optimizers.get(made) is made
    assert isinstance(optimizers.get(optimizers.Adam), optimizers.Adam)
    assert float(optimizers.get({"class_name": "adam", "config": {"learning_rate": 0.5}}).learning_rate) == 0.5
    assert isinstance(optimizers.get(optax.sgd(0.1)), optimizers.OptaxOptimizer)
    custom = {"class_name": "Heavy", "config": {"friction": 0.25}}
    assert optimizers.deserialize(custom, {"Heavy": Heavy}).friction == 0.25
    assert isinstance(optimizers.deserialize("Heavy", {"Heavy": Heavy}), Heavy)


@pytest.mark.parametrize(
    ("identifier", "message"),
    [
        ("addam", "Could not interpret optimizer identifier: addam.*'adam'"),
        ({"class_name": "Addam", "config": {}}, "'Adam'"),
        (5, "Could not interpret optimizer identifier: 5"),
        (dict, "Expected a name"),
    ],
)
def test_get_refuses(identifier, message):
    with pytest.raises(ValueError, match=message):
        optimizers.get(identifier)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optimizers.Adam(-0.1), "`learning_rate` must be a finite number >= 0"),
        (lambda: optimizers.Adam(float("nan")), "learning_rate=nan"),
        (lambda: optimizers.Adam("fast"), "`learning_rate` must be a number"),
        (lambda: setattr(optimizers.Adam(), "learning_rate", -1.0), "learning_rate=-1.0"),
        (lambda: optimizers.Adam(clipnorm=1.0, clipvalue=0.5), "only one of `clipnorm`"),
        (lambda: optimizers.Adam(clipnorm=-1.0), "`clipnorm` must be a number >= 0"),
        (lambda: optimizers.SGD(momentum=1.5), "`momentum` must be a number from 0 to 1"),
        (lambda: optimizers.RMSprop(momentum=-0.5), "`momentum` must be a number from 0 to 1"),
        (lambda: optimizers.Adam(use_ema=True, ema_momentum=2.0), "`ema_momentum` must be a number from 0 to 1"),
        (
            lambda: optimizers.Adam(use_ema=True, ema_overwrite_frequency=1.5),
            "`ema_overwrite_frequency` must be an integ",
        ),
        (lambda: optimizers.Adam(gradient_accumulation_steps=1), "must be an integer >= 2"),
        (lambda: optimizers.Adam(lr=0.1), "'lr'.*Did you mean 'learning_rate'"),
        (lambda: optimizers.Adam(clip_norm=0.1), "Did you mean 'clipnorm'"),
        (lambda: optimizers.AdamW(weight_decay=None), "`weight_decay` must be a float"),
        (lambda: optimizers.Adam(name="a/b"), "cannot contain character `/`"),
        (lambda: optimizers.LossScaleOptimizer(optimizers.Adam(), loss_scale_factor=2.0), "`inner_optimizer`"),
        (lambda: optimizers.LossScaleOptimizer(optimizers.Adam(), growth=2), "'growth'"),
        (lambda: optimizers.Muon(exclude_layers="out"), "must be a list of regular expressions"),
        (lambda: optimizers.ScheduleFreeAdamW(beta_1=0.0), "`beta_1` must be a number above 0 to 1"),
        (
            lambda: optimizers.Ftrl(l1_regularization_strength=-1.0),
            "`l1_regularization_strength` must be a number",
        ),
        (lambda: schedules.PiecewiseConstantDecay([1, 2], [1.0, 2.0]), "1 less than the length of `values`"),
        (lambda: schedules.PiecewiseConstantDecay([2, 1], [1.0, 2.0, 3.0]), "must ascend"),
        (lambda: schedules.ExponentialDecay(0.1, 0, 0.9), "`decay_steps` must be a positive number"),
        (lambda: optimizers.SGD().apply([np.ones(2)]), "must be built"),
        (lambda: optimizers.SGD().apply([np.ones(2)], []), "one gradient per variable"),
        (lambda: optimizers.SGD().apply([], [Variable([1.0], name="v")]), "one gradient per variable"),
        (lambda: optimizers.SGD().apply([np.ones(3)], [Variable([1.0, 2.0], name="v")]), "'v' must have its shape"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_old_decay_argument_warns():
    with pytest.warns(UserWarning, match="`decay` is no longer supported"):
        optimizers.SGD(decay=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizers.SGD()


@pytest.mark.parametrize("wrapped", [False, True])
def test_state_of_adafactor_with_vectors_is_listed_as_in_keras(wrapped):
    keras = pytest.importorskip("keras", reason="Keras, the oracle, is not installed: pip install 'sequax[dev]'")
    shapes = []
    for library in (sequax, keras):
        model = library.Sequential([library.Input((3,)), library.layers.Dense(2)])
        optimizer = library.optimizers.Adafactor(0.1)
        optimizer = library.optimizers.LossScaleOptimizer(optimizer) if wrapped else optimizer
        model.compile(optimizer, "mse")
        model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
        shapes.append([tuple(variable.shape) for variable in optimizer.variables])
    assert shapes[0] == shapes[1]
