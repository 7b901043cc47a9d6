"""`Layer`: what every model is made of. It owns variables and other layers, and maps tensors to tensors."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

import jax
import numpy as np

from . import constructor, dtypes, input_spec, masks, names, operation, pure, scope, shapes, signature, tracking
from .catalogue import family, serialize
from .config import check_own, deserialize, reading
from .custom_objects import custom_object_scope
from .operation import FunctionOperation
from .policy_map import DTypePolicyMap
from .tensor import KerasTensor, Node, is_tensor, leaves, map_structure, record, shape_of
from .types import CustomObjects, overridable
from .variable import Variable
from .warning import warn

_ABSENT = object()
_OLD_SHAPE_ARGUMENTS = ("input_shape", "batch_input_shape", "batch_shape", "input_dim")


class Layer(operation.Operation):
    """A function of tensors with variables of its own.

    A subclass stores its settings in `__init__`, creates variables in `build(input_shape)` with `add_weight`, and
    computes in `call(inputs)`. `call` may take `training` and `mask`; both are passed down through nested layers.

    Args:
        activity_regularizer: callable or name; its penalty of the outputs is added to the loss.
        trainable: whether optimizers update the layer's variables; may be set at any time.
        dtype: a dtype, a policy name such as `"mixed_bfloat16"`, or a `DTypePolicy`.
        autocast: whether floating inputs are cast to the policy's compute dtype.
        name: must be unique within a model; default: the class name in snake case with a counter.

    Example:

    >>> import jax.numpy as jnp
    >>> class Scale(Layer):
    ...     def build(self, input_shape):
    ...         self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones")
    ...     def call(self, x):
    ...         return x * self.scale
    >>> Scale()(jnp.ones((2, 3))).shape
    (2, 3)
    """

    tracked_as = "layer"
    supports_masking = False
    supports_jit = True
    lora_rank = lora_alpha = None  # low-rank adaptation is not in this version
    lora_enabled = False
    _init_arguments: tuple[tuple, dict[str, Any]]
    _weights: list[Variable]
    _in_build = False
    _untracked: frozenset[str] = frozenset({"_nodes", "_losses", "_init_arguments", "input_spec"})
    is_model = is_stack = False
    # Files hold some attributes under other names; and a group inside of the layer's own that is no object here.
    attributes_in_files: ClassVar[dict[str, str]] = {}
    inner_group_in_files: str | None = None
    ends_arguments = True  # configs have none beyond those of its constructor, whatever keywords that takes
    _not_in_config: frozenset[str] = frozenset()  # constructor arguments that `get_config` leaves out

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        layer = super().__new__(cls)
        layer._init_arguments = (args, kwargs)
        layer._weights = []
        return layer

    def __setattr__(self, name: str, value: Any) -> None:
        # `fit` looks for layers and settings anew after a change; most assignments of its own repeat a plain value.
        if not (type(value) in tracking.PLAIN and self.__dict__.get(name, _ABSENT) is value):
            tracking.note_change()
        object.__setattr__(self, name, value)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        constructor.keep(cls)
        if "build" in cls.__dict__:
            cls.build = _guarded_build(cls.build)  # type: ignore[method-assign]
        if "compute_mask" in cls.__dict__ and "supports_masking" not in cls.__dict__:
            cls.supports_masking = True

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ):
        self.name = names.check_name(
            names.auto_name(type(self).__name__) if name is None else name, type(self).__name__
        )
        if not isinstance(trainable, (bool, np.bool_)):
            raise ValueError(f"Layer '{self.name}': expected `trainable` to be a boolean. Received: {trainable!r}")
        unknown = {key: value for key, value in kwargs.items() if key not in _OLD_SHAPE_ARGUMENTS}
        if unknown:
            raise ValueError(
                f"Unrecognized keyword arguments passed to {type(self).__name__}: {unknown}."
                f"{names.suggest(next(iter(unknown)), inspect.signature(type(self).__init__).parameters)}"
            )
        self.first_input_shape = _shape_argument(kwargs, self.name)
        self._trainable = bool(trainable)
        self.activity_regularizer = _regularizer(activity_regularizer)
        self._path: str | None = None
        self._dtype_policy = dtypes.get(dtype)
        self.autocast = autocast
        self.built = False
        self.input_spec: Any = None
        self._build_shapes: Any = None
        self._losses: list[Any] = []
        self._nodes: list[Node] = []

    # --- to override ---

    @overridable
    def build(self, input_shape: Any) -> None:
        """Create the variables, knowing the shape of the input. Called once, before the first call.

        Args:
            input_shape: of the input of `call`, batch axis included; nested as the input is. A `build` of your own may
                take several shapes, named after the arguments of `call`: `build(self, query_shape, value_shape)`.
        """
        self.built = True
        # A `build` of the subclass may end in `super().build(input_shape)`, which asks for nothing.
        left_to_us = type(self).build is Layer.build and type(self).call is not Layer.call
        if left_to_us and self._inner_layers():
            tensors = shapes.map_shapes(lambda s: KerasTensor(s, self.compute_dtype), input_shape)
            shapes.infer(self.__call__, (tensors,), {})  # layers inside build themselves when called

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute outputs from inputs."""
        raise NotImplementedError(f"Layer {type(self).__name__} does not have a `call()` method implemented.")

    @overridable
    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the outputs; by default the mask of the input."""
        return previous_mask

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """Output shape for an input shape, found by running `call` on abstract values."""
        if not self.built:
            raise NotImplementedError(
                f"Layer '{self.name}' ({type(self).__name__}) is not built, so its output shape is not known."
                f" Build it first, or give the class a `compute_output_shape(self, input_shape)` method."
            )
        tensors = [shapes.map_shapes(lambda s: KerasTensor(s, self.compute_dtype), shape) for shape in args]
        return shape_of(self.compute_output_spec(*tensors, **kwargs))

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Symbolic outputs (shape and dtype) for symbolic inputs."""
        if type(self).compute_output_shape is not Layer.compute_output_shape and len(args) == 1:
            shape = self.compute_output_shape(shape_of(args[0]))
            return shapes.map_shapes(lambda s: KerasTensor(s, self.compute_dtype), shape)
        return shapes.infer(self.__call__, args, kwargs)

    # --- the call ---

    _casts_inputs = True  # not where the layers inside do so, each to a dtype of its own

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        accepted = signature.of(type(self).call)
        for value in args:
            if isinstance(value, (bool, int, float, str, bytes)):
                raise ValueError(
                    f"Layer '{self.name}': only input tensors may be passed as positional arguments. Received:"
                    f" {value!r} (of type {type(value).__name__}). Pass options such as `training` by keyword."
                )
        if not self.built:
            self._note_path()
        dtype = self.compute_dtype if self.autocast and self._casts_inputs else None
        args = tuple(signature.convert(value, dtype, self.name) for value in args)
        kwargs = {key: signature.convert(value, dtype, self.name) for key, value in kwargs.items()}
        named = accepted.named(args, kwargs)
        for name in accepted.required:
            if name not in named:
                raise TypeError(f"Layer '{self.name}': missing a required argument: '{name}'")
        inputs = named.get(accepted.names[0]) if accepted.names else args[0] if args else None
        if any(map(is_tensor, leaves((args, kwargs)))):
            return self._symbolic(args, kwargs, named, inputs)

        training = self._training(kwargs, accepted)
        outermost = scope.call() is None
        with scope.calling(self, training, dtype if dtypes.is_float(self.compute_dtype) else None) as call:
            if outermost and scope.frame() is None:
                self._clear_losses()
            self._ensure_built(named)
            input_spec.check(self.input_spec, inputs, self.name)
            if training is not None and ("training" in accepted.accepts or accepted.any_keyword):
                kwargs["training"] = training
            elif "training" not in accepted.accepts:
                kwargs.pop("training", None)
            previous = self._previous_masks(named, kwargs, accepted, inputs)
            if "mask" not in accepted.accepts and not accepted.any_keyword:
                kwargs.pop("mask", None)
            outputs = self.call(*args, **kwargs)
            if self.activity_regularizer is not None:
                for output in leaves(outputs):
                    # A mean over the batch, so that the penalty does not grow with the batch size.
                    self.add_loss(self.activity_regularizer(output) / max(output.shape[0], 1))
            self._pass_masks(inputs, previous, outputs)
            if outermost:
                for output in leaves(outputs):
                    masks.publish(output, call.masks.get(id(output), (None, None))[1])
        return outputs

    def _symbolic(self, args: tuple, kwargs: dict[str, Any], named: dict[str, Any], inputs: Any) -> Any:
        with scope.calling(self):
            self._ensure_built(named)
            input_spec.check(self.input_spec, inputs, self.name)
            try:
                spec = self.compute_output_spec(*args, **kwargs)
            except NotImplementedError:  # of a `compute_output_spec` or `compute_output_shape` of the user's
                spec = shapes.infer(self.__call__, args, kwargs)
            outputs = record(self, args, kwargs, spec)
            self._mask_symbols(inputs, kwargs.get("mask"), leaves(outputs))
        return outputs

    symbolic_call = __call__

    def _mask_symbols(self, inputs: Any, given: Any, outputs: list[Any]) -> None:
        """Symbolic outputs get symbolic masks, so that layers behind them are traced with masks as they will run."""
        found = [tensor._keras_mask for tensor in outputs]
        if self.supports_masking and not leaves(found):
            found = self._mask_specs(inputs, map_structure(masks.get, inputs) if given is None else given)
        for tensor, mask in zip(outputs, found, strict=False):
            if mask is not None:
                tensor._keras_mask = record(FunctionOperation(masks.get, "mask"), (tensor,), {}, mask)

    def _mask_specs(self, inputs: Any, previous: Any) -> list[Any]:
        """What `compute_mask` returns for symbolic inputs, where `compute_output_shape` spared us to trace the call."""
        if not leaves(previous) and type(self).compute_mask is Layer.compute_mask:
            return []
        if any(tensor.dtype == "string" for tensor in leaves(inputs) if is_tensor(tensor)):
            return []  # nothing is traced with strings
        specs = shapes.infer(self.compute_mask, (inputs, previous if leaves(previous) else None), {})
        return list(specs) if isinstance(specs, (list, tuple)) else [specs]

    def _training(self, kwargs: dict[str, Any], accepted: signature.Signature) -> bool | None:
        """Explicit argument, else what an outer layer passed down, else the default of `call`."""
        given = kwargs.get("training")
        if given is None:
            call = scope.call()
            given = call.training if call is not None else None
        if given is None:
            given = accepted.defaults.get("training")
        return None if given is None else bool(given)

    def _note_path(self) -> None:
        owners = scope.owners()
        if self._path is None:
            around = owners[:-1] if owners and owners[-1] is self else owners
            self._path = "/".join(owner.name for owner in (*around, self))

    def _ensure_built(self, named: dict[str, Any]) -> None:
        if self.built:
            return
        if named:
            input_spec.check(self.input_spec, next(iter(named.values())), self.name)
        given = {key: value for key, value in named.items() if leaves(value) and signature.is_input(value)}
        wanted = list(inspect.signature(self.build).parameters.values())
        by_name = [p.name for p in wanted if p.name.removesuffix("_shape") in given and p.name.endswith("_shape")]
        required = [p for p in wanted if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
        if len(required) > 1 or (by_name and max(len(wanted), len(given)) > 1):
            self._check_build_arguments(wanted)
            self.build(**{name: shape_of(given[name.removesuffix("_shape")]) for name in by_name})
        elif not given:
            self.build(None)
        elif type(self).build is Layer.build:
            self.built = True  # layers inside build themselves while `call` runs
        else:
            self.build(shape_of(next(iter(given.values()))))
        self.built = True

    def _check_build_arguments(self, wanted: list[inspect.Parameter]) -> None:
        """Of several shapes each needs the name of the argument of `call` that it is of."""
        accepted = signature.of(type(self).call)
        for parameter in wanted:
            name, optional = parameter.name, parameter.default is not parameter.empty
            if optional or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            who = f"Layer '{self.name}' ({type(self).__name__}): for a `build()` method with several arguments"
            if not name.endswith("_shape"):
                raise ValueError(
                    f"{who}, all of them need a name that ends in `_shape`: the shape of `call()`'s argument `query`"
                    f" is `query_shape`. Received: argument `{name}`, which does not end in `_shape`."
                )
            if name.removesuffix("_shape") not in accepted.accepts and not accepted.any_keyword:
                raise ValueError(
                    f"{who}, their names must be those of arguments of `call()`. Received: `{name}`, but `call()` does"
                    f" not have argument `{name.removesuffix('_shape')}`."
                )

    def _previous_masks(
        self, named: dict[str, Any], kwargs: dict[str, Any], accepted: signature.Signature, inputs: Any
    ) -> Any:
        """Fill mask arguments that were not given from the masks of the tensors; returns the input's mask."""
        explicit = kwargs.get("mask")
        for name, value in named.items():
            first = bool(accepted.names) and name == accepted.names[0] and "mask" in accepted.accepts
            slot = "mask" if first else f"{name}_mask"
            if slot in accepted.accepts and kwargs.get(slot) is None and not isinstance(value, (str, bool, int, float)):
                found = map_structure(lambda t: masks.wanted(t, self.name), value) if value is not None else None
                if leaves(found):
                    kwargs[slot] = found
        if explicit is not None:
            return explicit
        return map_structure(masks.state, inputs) if inputs is not None else None

    def _pass_masks(self, inputs: Any, previous: Any, outputs: Any) -> None:
        if not self.supports_masking:
            if leaves(previous) and self._inner_layers() == []:
                for output in leaves(outputs):
                    if masks.state(output) is None:
                        masks.put(output, masks.Dropped(self.name))
            return
        real = map_structure(lambda m: None if isinstance(m, masks.Dropped) else m, previous)
        computed = self.compute_mask(inputs, real if leaves(real) else None)
        if computed is None:
            computed = next((m for m in leaves(previous) if isinstance(m, masks.Dropped)), None)
        if computed is None:
            return
        targets = leaves(outputs)
        found = list(computed) if isinstance(computed, (list, tuple)) else [computed]  # one mask: of the first output
        for output, mask in zip(targets, found, strict=False):
            if masks.state(output) is None:
                masks.put(output, mask)

    def stateless_call(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> tuple:
        """The call as a pure function: values of the variables in, outputs and new non-trainable values out.

        Returns:
            `(outputs, non_trainable_variables)`, with `return_losses=True` also the list of penalties.
        """
        if not self.built:
            raise ValueError(
                f"To call stateless_call, {type(self).__name__} must be built (its variables must exist)."
                f" Call it once, or `build(input_shape)` it."
            )
        own = [self.trainable_variables, self.non_trainable_variables]
        given = [_values(trainable_variables), _values(non_trainable_variables)]
        for kind, variables, values in zip(("trainable", "non_trainable"), own, given, strict=True):
            if len(variables) != len(values):
                raise ValueError(
                    f"Argument `{kind}_variables` must be a list of tensors corresponding 1:1 to"
                    f" {type(self).__name__}().{kind}_variables. Received {len(values)} values, expected"
                    f" {len(variables)}: {[v.path for v in variables]}"
                )

        def run() -> tuple[Any, list[Any], Any]:
            with scope.fresh_call(), scope.calling(self, kwargs.get("training")):
                outputs = self(*args, **kwargs)
                return outputs, self.losses, masks.of(outputs)

        (outputs, losses, found), values = pure.apply(run, own[0] + own[1], given[0] + given[1])
        outer = scope.frame()
        if outer is not None:  # in a training step, whose loss wants to know both
            outer.penalties[id(self)] = losses
            masks.keep(outputs, found)
        result = outputs, values[len(own[0]) :]
        return (*result, losses) if return_losses else result

    # --- variables ---

    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Create a variable that this layer owns.

        Args:
            shape: without None; default `()`, a scalar.
            initializer: name, object or callable; default: Glorot uniform for floats, zeros for others.
            dtype: default: the policy's variable dtype.
            regularizer, constraint: names, objects or callables.
        """
        if self.built and not self._in_build and any(owner is self for owner in scope.owners()):
            raise ValueError(
                f"Layer '{self.name}' ({type(self).__name__}): you cannot add new elements of state in `call`, where"
                f" each call would begin with a new variable. Create them in `__init__()` or `build(input_shape)`."
            )
        dtype = self.variable_dtype if dtype is None else dtypes.standardize(dtype)
        if initializer is None:
            initializer = "glorot_uniform" if dtypes.is_float(dtype) else "zeros"
        with scope.calling(self):
            variable = Variable(
                _get("keras.initializers", initializer),
                shape=shapes.standardize(() if shape is None else (shape,) if isinstance(shape, int) else shape),
                dtype=dtype,
                trainable=trainable,
                autocast=autocast,
                aggregation=aggregation,
                name=name,
                regularizer=_regularizer(regularizer),
                constraint=_get("keras.constraints", constraint),
            )
        variable.overwrite_with_gradient = overwrite_with_gradient
        if not self.trainable:  # frozen before it was built: its weights are, as if frozen after
            variable.trainable = False
        self._weights.append(variable)
        return variable

    def add_variable(
        self,
        shape: Any,
        initializer: Any,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
    ) -> Variable:
        """`add_weight`, with shape and initializer required."""
        return self.add_weight(shape, initializer, dtype, trainable, autocast, regularizer, constraint, name=name)

    def _own_variables(self) -> list[Variable]:
        """Variables of this layer itself: trainable ones first, each group in order of creation."""
        found = sorted(tracking.owned(self, "variable", self._untracked), key=lambda v: v._serial)
        return [v for v in found if v.made_trainable] + [v for v in found if not v.made_trainable]

    def _inner_layers(self) -> list[Layer]:
        return [layer for layer in tracking.owned(self, "layer", self._untracked) if layer is not self]

    def _flatten_layers(self, include_self: bool = True, recursive: bool = True) -> list[Layer]:
        """This layer and all layers inside it, outermost first."""
        found = [self] if include_self else []
        for layer in self._inner_layers():
            found.extend(layer._flatten_layers() if recursive else [layer])
        return tracking.unique(found)

    @property
    def weights(self) -> list[Variable]:
        """All variables that files hold: trainable and not, without seeds and metrics."""
        own = self._own_variables()
        return tracking.unique(own + [v for layer in self._inner_layers() for v in layer.weights])

    @property
    def variables(self) -> list[Variable]:
        """`weights` and the states of seed generators."""
        own = self._own_variables() + [seed.state for seed in tracking.owned(self, "seed", self._untracked)]
        return tracking.unique(own + [v for layer in self._inner_layers() for v in layer.variables])

    @property
    def state_variables(self) -> list[Variable]:
        """All variables that a call may read or assign: `variables`, and those of metrics that layers own."""
        metrics = [m for layer in self._flatten_layers() for m in tracking.owned(layer, "metric", layer._untracked)]
        return tracking.unique(self.variables + [v for metric in metrics for v in metric.variables])

    @property
    def trainable_variables(self) -> list[Variable]:
        if not self.trainable:
            return []
        own = [v for v in self._own_variables() if v.trainable]
        return tracking.unique(own + [v for layer in self._inner_layers() for v in layer.trainable_variables])

    @property
    def non_trainable_variables(self) -> list[Variable]:
        trainable = {id(v) for v in self.trainable_variables}
        return [v for v in self.variables if id(v) not in trainable]

    @property
    def trainable_weights(self) -> list[Variable]:
        return self.trainable_variables

    @property
    def non_trainable_weights(self) -> list[Variable]:
        trainable = {id(v) for v in self.trainable_variables}
        return [v for v in self.weights if id(v) not in trainable]

    @property
    def trainable(self) -> bool:
        """Whether optimizers update the variables; setting it reaches all layers inside. Takes effect at once."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for variable in self._own_variables():
            if variable.made_trainable:
                variable.trainable = self._trainable
        for layer in self._inner_layers():
            layer.trainable = value

    @property
    def metrics(self) -> list[Any]:
        own = tracking.owned(self, "metric", self._untracked)
        return tracking.unique(own + [m for layer in self._inner_layers() for m in layer.metrics])

    @property
    def metrics_variables(self) -> list[Variable]:
        return [v for metric in self.metrics for v in metric.variables]

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weights as NumPy arrays."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all weights from arrays in the order of `get_weights()`; all or nothing.

        Raises:
            ValueError: if the number or a shape differs; nothing is changed then.
        """
        own = self.weights
        if len(own) != len(weights):
            raise ValueError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of length {len(weights)},"
                f" but the layer was expecting {len(own)} weights."
            )
        arrays = [np.asarray(w) for w in weights]
        for variable, array in zip(own, arrays, strict=True):
            if variable.shape != array.shape:
                raise ValueError(
                    f"Layer {self.name} weight shape {variable.shape} is not compatible with provided weight shape"
                    f" {array.shape} (weight {variable.path})."
                )
        for variable, array in zip(own, arrays, strict=True):
            variable.assign(array)

    def save_own_variables(self, store: Any) -> None:
        """Put what a file keeps of this layer alone, without layers inside, into `store`, a dict of arrays."""
        for number, variable in enumerate(self._own_variables()):
            store[str(number)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Take back what `save_own_variables` stored."""
        own = self._own_variables()
        if len(store) != len(own):
            raise ValueError(f"Layer '{self.name}': expected {len(own)} stored variables. Received: {sorted(store)}")
        for number, variable in enumerate(own):
            variable.assign(store[str(number)])

    def count_params(self) -> int:
        """The number of scalars in all weights."""
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't built. Call"
                f" `build(input_shape)` or call it on data first."
            )
        return sum(v.size for v in self.weights)

    # --- penalties ---

    def add_loss(self, loss: Any) -> None:
        """Add a scalar penalty to the loss of the model; inside `call` (or `build`) only."""
        call = scope.call()
        if call is None:
            raise ValueError("`add_loss()` can only be called from inside `build()` or `call()`.")
        frame = scope.frame()
        for value in leaves(loss):
            if frame is not None:
                call.losses.append(value)
                if frame.losses is not None:
                    frame.losses.append(value)
            elif not isinstance(value, jax.core.Tracer):
                self._losses.append(value)

    def add_metric(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            f"Layer '{self.name}': `add_metric()` is of Keras 2. Keep a metric as an attribute, made in `__init__` or"
            f" `build`, and update it in `call`:\n\n"
            f'    self.tracker = Mean(name="...")     # in __init__\n'
            f"    self.tracker.update_state(values)   # in call\n\n"
            f"It is reset in each epoch and reported in the logs. Or use `metrics=` of `compile()`."
        )

    def _clear_losses(self) -> None:
        for layer in self._flatten_layers():
            layer._losses = []

    def _regularization(self) -> list[Any]:
        return [v.regularizer(v.value) for v in self.trainable_variables if v.regularizer is not None]

    @property
    def losses(self) -> list[Any]:
        """Penalties: of the last call (`add_loss`, activity regularizers), then of the weights."""
        call, frame = scope.call(), scope.frame()
        if frame is not None:
            if call is None and id(self) in frame.penalties:
                return list(frame.penalties[id(self)])
            return (list(call.losses) if call is not None else []) + self._regularization()
        return [loss for layer in self._flatten_layers() for loss in layer._losses] + self._regularization()

    # --- dtypes, shapes, tensors, place ---

    @property
    def dtype_policy(self) -> dtypes.DTypePolicy:
        """What the layer computes in and stores its variables in; of a `DTypePolicyMap` what it says for the layer."""
        return self._dtype_policy.at(self._path)

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        policy = dtypes.get(value)
        if isinstance(self._dtype_policy, DTypePolicyMap) and self._path is not None:
            self._dtype_policy.pop(self._path, None)
            self._dtype_policy[self._path] = policy
        else:
            self._dtype_policy = policy

    @property
    def quantization_mode(self) -> str | None:
        """How the weights are quantized: always None, this version does not quantize."""
        return self.dtype_policy.quantization_mode

    @property
    def dtype(self) -> str:
        return self.dtype_policy.variable_dtype

    variable_dtype = dtype

    @property
    def compute_dtype(self) -> str:
        return self.dtype_policy.compute_dtype

    input_dtype = compute_dtype

    @property
    def path(self) -> str | None:
        """The names of the layers around this one and its own, as it was built; None before that."""
        return self._path

    @property
    def input(self) -> Any:
        """The symbolic input of the first symbolic call."""
        node = self._first_node("input")
        return node.args[0] if len(node.args) == 1 and not node.kwargs else node.inputs

    @property
    def output(self) -> Any:
        """The symbolic output of the first symbolic call."""
        return self._first_node("output").outputs

    # --- config ---

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments, JSON-friendly."""
        config = {"name": self.name, "trainable": self.trainable, "dtype": serialize(self._dtype_policy)}
        config.update(_own_arguments(self))
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = serialize(self.activity_regularizer)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: CustomObjects | None = None) -> Self:
        """A new layer from `get_config()`; its variables are fresh."""
        with custom_object_scope(custom_objects), reading():
            check_own(cls, config)
            return cls(**{key: _revived(key, value) for key, value in config.items()})

    def get_build_config(self) -> dict[str, Any] | None:
        """What `build` was called with; None before that."""
        if self._build_shapes is None:
            return None
        if len(self._build_shapes) > 1:
            return {"shapes_dict": dict(self._build_shapes)}
        return {"input_shape": next(iter(self._build_shapes.values()))}

    def build_from_config(self, config: dict[str, Any]) -> None:
        if not config or self.built:
            return
        config = config.get("shapes_dict", config)
        given = {k: shapes.map_shapes(tuple, v) for k, v in config.items() if v is not None}
        wanted = inspect.signature(self.build).parameters
        if len(given) > 1 and set(given) <= set(wanted):
            self.build(**given)
        elif given:
            self.build(next(iter(given.values())))

    def quantize(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(f"Layer '{self.name}': quantization is not available in this version of Sequax.")

    def quantized_build(self, input_shape: Any, mode: Any) -> None:
        self.quantize(mode)

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        self.quantize()

    def enable_lora(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(f"Layer '{self.name}': LoRA is not available in this version of Sequax.")

    def rematerialized_call(self, layer_call: Callable, *args: Any, **kwargs: Any) -> Callable:
        """The function itself: outside of a `RematScope`, which this version does not have, Keras returns it, too."""
        return layer_call

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_nodes": [], "_losses": []}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def _values(variables: Sequence[Any]) -> list[Any]:
    """Arrays; those of variables that stand among them."""
    return [v.value if isinstance(v, Variable) else v for v in variables]


def _guarded_build(build: Callable) -> Callable:
    """Wrap a `build` method: paths start at the layer, its shapes are noted, and it is marked as built at the end."""

    @functools.wraps(build)
    def run(self: Layer, *args: Any, **kwargs: Any) -> None:
        outer, self._in_build = self._in_build, True  # `super().build()` marks it as built, and more may follow
        try:
            with scope.calling(self):
                self._note_path()
                build(self, *args, **kwargs)
        finally:
            self._in_build = outer
        given = {**dict(zip(inspect.signature(build).parameters, (self, *args), strict=False)), **kwargs}
        given.pop("self", None)
        shapes_given = {key: value for key, value in given.items() if value is not None}
        if shapes_given:
            self._build_shapes = shapes_given
        self.built = True

    return run


def _shape_argument(kwargs: dict[str, Any], name: str) -> tuple | None:
    """The input shape, batch axis included, from the older keywords; a model that starts with the layer uses it."""
    given = {key: value for key, value in kwargs.items() if value is not None}
    if not given:
        return None
    warn(f"Layer '{name}': do not pass `{next(iter(given))}` to a layer. Begin the model with `Input(shape)` instead.")
    if "input_dim" in given:
        return (None, int(given["input_dim"]))
    if "input_shape" in given:
        return (None, *shapes.standardize(given["input_shape"], "input_shape"))
    return shapes.standardize(next(iter(given.values())))


def _get(module: str, identifier: Any) -> Any:
    found = family(module)
    return found.get(identifier) if found is not None else identifier


def _regularizer(identifier: Any) -> Any:
    return _get("keras.regularizers", identifier)


def _own_arguments(layer: Layer) -> dict[str, Any]:
    """Constructor arguments of a layer.

    Our layers keep each argument as an attribute of the same name; of other classes the values passed are used, unless
    they write a `get_config` of their own, which then adds to the arguments of our layer that they extend.
    """
    config: dict[str, Any] = {}
    writer = next(cls for cls in type(layer).__mro__ if "get_config" in cls.__dict__)
    automatic = names.is_ours(writer)
    args, kwargs = layer._init_arguments
    for cls in type(layer).__mro__:
        if cls is Layer:
            break
        if "__init__" not in cls.__dict__:
            continue
        parameters = inspect.signature(cls.__dict__["__init__"]).parameters
        passed = dict(zip(list(parameters)[1:], args, strict=False)) if cls is type(layer) else {}
        passed.update(kwargs)
        ours = names.is_ours(cls)
        if not (ours or automatic):
            continue
        kinds = constructor.kinds(cls) if ours else {}
        left_out = {
            *config,
            *_BASE,
            *layer._not_in_config,
            *(name for name, kind in kinds.items() if not kind.in_config),
        }
        for name, parameter in list(parameters.items())[1:]:
            if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) or name in left_out:
                continue
            if ours and hasattr(layer, name):
                config[name] = serialize(getattr(layer, name))
            elif name in passed:
                config[name] = _plain_argument(layer, name, passed[name])
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            break
    return config


_BASE = ("name", "trainable", "dtype", "activity_regularizer", "autocast")


def _plain_argument(layer: Layer, name: str, value: Any) -> Any:
    if hasattr(value, "shape") or (not hasattr(value, "get_config") and not callable(value)):
        try:
            json.dumps(value)
            return value
        except TypeError:
            raise NotImplementedError(
                f"Layer {type(layer).__name__} was created with `{name}` of type {type(value).__name__}, which has no"
                f" config. Override `get_config()`:\n\n"
                f"    def get_config(self):\n"
                f"        config = super().get_config()\n"
                f'        config.update({{"{name}": ...}})  # something JSON-friendly\n'
                f"        return config"
            ) from None
    return serialize(value)


def _revived(key: str, value: Any) -> Any:
    if not (isinstance(value, dict) and "class_name" in value):
        return value
    if key == "dtype":  # by name, as a constructor is called by hand: it may compare it with a string, or pass it on
        policy = dtypes.get(value)
        return policy.name if type(policy) is dtypes.DTypePolicy else policy
    return deserialize(value)


__all__ = ["Layer", "operation"]
