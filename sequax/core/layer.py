"""`Layer`: what every model is made of. It owns variables and other layers, and maps tensors to tensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import jax
import numpy as np

from .. import _removed
from . import (
    branching,
    building,
    catalogue,
    constructor,
    disk_cache,
    dtypes,
    input_spec,
    layer_config,
    masking,
    masks,
    names,
    operation,
    placement,
    pure,
    quantizing,
    remat,
    remedies,
    scope,
    shapes,
    signature,
    tracebacks,
    tracking,
)
from .catalogue import serialize
from .config import check_own, reading
from .custom_objects import custom_object_scope
from .kinds import ConstraintLike, InitializerLike, RegularizerLike
from .owner import Owner, Unmade
from .policy_map import DTypePolicyMap
from .shown import Shown
from .tensor import KerasTensor, Node, is_tensor, leaves, map_structure, record, shape_of
from .types import ArrayLike, CustomObjects, DTypeLike, Nested, Shape, ShapeLike, T, Tensors, overridable
from .variable import Variable

_ABSENT = object()
_OLD_SHAPE_ARGUMENTS = ("input_shape", "batch_input_shape", "batch_shape", "input_dim")


class Layer(Owner, Shown, quantizing.Quantizable, operation.Operation):
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
    supports_masking: bool = False
    makes_masks: bool = False  # `compute_mask` is not that of `Layer`
    mask_is_of_first: bool = False  # `mask` is that of the first argument of `call`, whatever tensors come beside it
    supports_jit = True
    _init_arguments: tuple[tuple[Any, ...], dict[str, Any]]
    _weights: list[Variable]
    _in_build = False
    untracked: frozenset[str] = frozenset({"_recorded_calls", "_losses", "_init_arguments", "input_spec"})
    unnoted: frozenset[str] = frozenset({"_losses", "trainable"})  # attributes of whose change nobody needs to know
    is_model = is_stack = False
    input_axes: tuple[str, ...] | None = (
        None  # what the axes of an input are, batch apart; None: it takes several ranks
    )
    called_for: Any = None  # the shape of the first input, where layers inside have built themselves
    remat_mode: remat.Mode | None = None  # of the `RematScope` in which the layer was made
    recorded_graph: Any = None  # of `Model(inputs, outputs)`: the calls between them
    symbolic_steps: Any = None  # of a built stack: its symbolic input, then the output of each layer
    # Files hold some attributes under other names; and a group inside of the layer's own that is no object here.
    attributes_in_files: ClassVar[dict[str, str]] = {}
    inner_group_in_files: str | None = None
    config_keys: frozenset[str] = frozenset()  # what configs may hold besides the constructor's arguments
    function_keys: frozenset[str] = frozenset()  # arguments that are functions, which old files hold as code
    numpy_form: str | None = None  # how `training/numpy_forward.py` computes it: product, activation, flat or nothing
    activates_by: str | None = None  # the name of the activation that makes the outputs, if that is all the layer does
    ends_arguments = True  # configs have none beyond those of its constructor, whatever keywords that takes
    decides = False  # whether its `call` may decide by traced values (`if tensor:`), as TensorFlow's functions do
    not_in_config: frozenset[str] = frozenset()  # constructor arguments that `get_config` leaves out

    if not TYPE_CHECKING:  # which knows them as attributes
        name, built, _dtype_policy = Unmade(), Unmade(), Unmade()

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        layer = super().__new__(cls, *args, **kwargs)
        layer._weights = []
        return layer

    def __setattr__(self, name: str, value: object) -> None:
        # `fit` looks for layers and settings again after a change; most assignments of its own repeat a plain value.
        if not (name in self.unnoted or (type(value) in tracking.PLAIN and self.__dict__.get(name, _ABSENT) is value)):
            (tracking.note_frozen if name in ("_trainable", "_thawed") else tracking.note_change)()
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        value = self.__dict__.get(name)
        if isinstance(value, Variable):  # it was the layer's own, and is no longer
            self._weights = [one for one in self._weights if one is not value]
        tracking.note_change()
        object.__delattr__(self, name)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        constructor.keep(cls)
        if "build" in cls.__dict__:
            cls.build = building.guarded(cls.build)  # type: ignore[method-assign]
        quantizing.adopt(cls)
        if "compute_mask" in cls.__dict__ and "supports_masking" not in cls.__dict__:
            cls.supports_masking = True
        cls.makes_masks = cls.makes_masks or "compute_mask" in cls.__dict__

    def __init__(
        self,
        *,
        activity_regularizer: RegularizerLike = None,
        trainable: bool = True,
        dtype: DTypeLike | None = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: object,
    ):
        self.name: str = names.check_name(
            names.auto_name(type(self).__name__) if name is None else name, type(self).__name__
        )
        if not isinstance(trainable, (bool, np.bool_)):
            raise ValueError(f"Layer '{self.name}': expected `trainable` to be a boolean. Received: {trainable!r}")
        unknown = {key: value for key, value in kwargs.items() if key not in _OLD_SHAPE_ARGUMENTS}
        if unknown:
            first = next(iter(unknown))
            # Not that of `object`, whose signature is a text that would be compiled: a file may have led here.
            own = filter(inspect.isfunction, (vars(cls).get("__init__") for cls in type(self).__mro__))
            known = (argument for one in own for argument in inspect.signature(one).parameters)
            near = names.suggest(first, dict.fromkeys([*known, *_OLD_SHAPE_ARGUMENTS]))
            raise ValueError(
                f"Unrecognized keyword arguments passed to {type(self).__name__}: {unknown}."
                f"{_removed.of_argument(first) or near}"
            )
        self.first_input_shape: tuple[Any, ...] | None = building.old_input_shape(kwargs, self.name)
        if (mode := remat.mode_for(self.name)) is not None:
            self.remat_mode = mode
        self._trainable = bool(trainable)
        self.activity_regularizer: Any = catalogue.get("keras.regularizers", activity_regularizer)
        self._path: str | None = None
        self._dtype_policy = dtypes.get(dtype)
        self.autocast = autocast
        self.built = False
        self.input_spec: Nested[input_spec.InputSpec] | None = None
        self._build_shapes: dict[str, Any] | None = None
        self._losses: list[Any] = []
        self._recorded_calls: list[Node] = []

    # --- to override ---

    @overridable
    def build(self, input_shape: Nested[Shape] | None) -> None:
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
            self.called_for = input_shape

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute outputs from inputs."""
        raise NotImplementedError(
            f"Layer {type(self).__name__} does not have a `call()` method implemented. A subclass of Layer implements"
            f" `call(self, inputs)`."
        )

    @overridable
    def compute_mask(self, inputs: Tensors, previous_mask: Tensors | None) -> Tensors | None:
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
        if type(self).compute_output_shape is not Layer.compute_output_shape:
            given = self._tensors_among(signature.of(type(self).call).named(args, kwargs))
            asked = building.shapes_asked_for(self.compute_output_shape, given)
            if asked is not None:
                shape = self.compute_output_shape(*asked.args, **asked.kwargs)
                return shapes.map_shapes(lambda s: KerasTensor(s, self.compute_dtype), shape)
        return shapes.infer(self.__call__, args, kwargs)

    # --- the call ---

    # Required arguments of `call` that the context gives if the caller does not.
    filled_in: frozenset[str] = frozenset()
    _casts_inputs = True  # not where the layers inside do so, each to a dtype of its own
    # Keras' names, which layers over texts and lists of unequal lengths set in their `__init__`.
    _convert_input_args = True
    _allow_non_tensor_positional_args = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        accepted = signature.of(type(self).call)
        for value in () if self._allow_non_tensor_positional_args else args:
            if isinstance(value, (bool, int, float, str, bytes)):
                raise ValueError(
                    f"Layer '{self.name}': only input tensors may be passed as positional arguments. Received:"
                    f" {value!r} (of type {type(value).__name__}). Pass options such as `training` by keyword."
                )
        if not self.built:
            self._note_path()
        dtype = self.compute_dtype if self.autocast and self._casts_inputs else None
        if self._convert_input_args:
            args = tuple(signature.convert(value, dtype, self.name) for value in args)
            kwargs = {key: signature.convert(value, dtype, self.name) for key, value in kwargs.items()}
        named = accepted.named(args, kwargs)
        if getattr(named.get("training"), "ndim", 0):
            raise TypeError(_NO_FLAG.format(self.name, shape_of(named["training"])))
        for name in accepted.required:
            if name in named or name in self.filled_in:
                continue
            if name != "training" or self._training(kwargs, accepted) is None:
                raise TypeError(f"Layer '{self.name}': missing a required argument: '{name}'")
        inputs = named.get(accepted.names[0]) if accepted.names else next(iter(args), None)
        if any(map(is_tensor, leaves((args, kwargs)))):
            try:
                return self._symbolic(args, kwargs, named, inputs)
            except tracebacks.SHOWN as error:
                __tracebackhide__ = True
                tracebacks.cut(error)
                raise

        training = self._training(kwargs, accepted)
        outermost = scope.call() is None
        with scope.calling(self, training, dtype if dtypes.is_float(self.compute_dtype) else None) as call:
            if outermost and scope.frame() is None:
                disk_cache.enable()  # of a text that grows by a token each, every length is compiled once only
                forget_losses(self)
            self._ensure_built(named)
            input_spec.check(self.input_spec, inputs, self.name)
            if training is not None and ("training" in accepted.accepts or accepted.any_keyword):
                kwargs["training"] = training
            elif "training" not in accepted.accepts:
                kwargs.pop("training", None)
            previous = masking.previous(self, named, kwargs, accepted, inputs)
            if self.filled_in:
                kwargs.update(_missing(accepted, {**named, **kwargs}))
            if "mask" not in accepted.accepts and not accepted.any_keyword:
                kwargs.pop("mask", None)
            outputs = _called(self, args, kwargs)
            place = placement.active()
            if place.is_spread:
                outputs = place.output(self, outputs)
            elif outermost and placement.Spread.exists and scope.frame() is None:
                outputs = map_structure(placement.whole_here, outputs)
            if self.activity_regularizer is not None:
                for output in leaves(outputs):
                    # A mean over the batch, so that the penalty does not grow with the batch size.
                    self.add_loss(self.activity_regularizer(output) / max(output.shape[0], 1))
            masking.passed_on(self, inputs, previous, outputs)
            if outermost:
                _leave(self, outputs, call)
        return outputs

    def _symbolic(self, args: tuple[Any, ...], kwargs: dict[str, Any], named: dict[str, Any], inputs: Any) -> Any:
        inner = bool(scope.owners())  # a model around the layer tells more
        with scope.calling(self):
            try:
                self._ensure_built(named)
                input_spec.check(self.input_spec, inputs, self.name)
            except ValueError as error:
                if not inner:
                    remedies.advise(error, self, inputs)
                raise
            spec = building.spec_of(self, args, kwargs)
            outputs = record(self, args, kwargs, spec)
            masking.symbolic(self, inputs, kwargs.get("mask"), leaves(outputs))
        return outputs

    symbolic_call = __call__

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
        given = self._tensors_among(named)
        wanted = list(inspect.signature(self.build).parameters.values())
        by_name = [p.name for p in wanted if p.name.removesuffix("_shape") in given and p.name.endswith("_shape")]
        required = [p for p in wanted if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
        if len(required) > 1 or (by_name and max(len(wanted), len(given)) > 1):
            building.check_arguments(self, wanted)
            told = {name: building.shapes_for(self.build, given[name.removesuffix("_shape")]) for name in by_name}
            self.build(**told)
        elif not given:
            self.build(None)
        elif type(self).build is Layer.build:
            self.built = True  # layers inside build themselves while `call` runs
            if len(given) == 1 and self._inner_layers():
                self.called_for = shape_of(next(iter(given.values())))
        else:
            self.build(building.shapes_for(self.build, next(iter(given.values()))))
        self.built: bool = True

    @staticmethod
    def _tensors_among(named: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a call that hold tensors and nothing else."""
        return {key: value for key, value in named.items() if leaves(value) and signature.is_input(value)}

    def stateless_call(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        *args: object,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> tuple[Any, ...]:
        """The call as a pure function: values of the variables in, outputs and new non-trainable values out.

        Args:
            trainable_variables: their values, in the order of the list of that name.
            non_trainable_variables: likewise.
            return_losses: return the penalties, too.

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
        shape: int | ShapeLike | None = None,
        initializer: InitializerLike = None,
        dtype: DTypeLike | None = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: RegularizerLike = None,
        constraint: ConstraintLike = None,
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
            trainable: whether optimizers update it, while the layer is trainable itself.
            autocast: whether the layer's `call` sees it in the compute dtype.
            aggregation, overwrite_with_gradient: as in `Variable`.
            name: of the variable, unique within the layer.
        """
        if self.built and not self._in_build and any(owner is self for owner in scope.owners()):
            raise ValueError(
                f"Layer '{self.name}' ({type(self).__name__}): you cannot add new elements of state in `call`, where"
                f" each call would begin with a new variable. Create them in `__init__()` or `build(input_shape)`."
            )
        if isinstance(shape, str):
            raise ValueError(f"Layer '{self.name}': {_removed.NAME_FIRST.format(shape)}")
        dtype = self.variable_dtype if dtype is None else dtypes.standardize(dtype)
        if initializer is None:
            initializer = "glorot_uniform" if dtypes.is_float(dtype) else "zeros"
        with scope.calling(self):
            variable = Variable(
                catalogue.get("keras.initializers", initializer),
                shape=shapes.standardize(() if shape is None else (shape,) if isinstance(shape, int) else shape),
                dtype=dtype,
                trainable=trainable,
                autocast=autocast,
                aggregation=aggregation,
                name=name,
                regularizer=catalogue.get("keras.regularizers", regularizer),
                constraint=catalogue.get("keras.constraints", constraint),
            )
        variable.overwrite_with_gradient = overwrite_with_gradient
        if not self.trainable:  # frozen before it was built: its weights are, as if frozen after
            variable.trainable = False
        self._weights.append(variable)
        return variable

    def add_variable(
        self,
        shape: int | ShapeLike | None,
        initializer: InitializerLike,
        dtype: DTypeLike | None = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: RegularizerLike = None,
        constraint: ConstraintLike = None,
        name: str | None = None,
    ) -> Variable:
        """`add_weight`, with shape and initializer required.

        Args:
            shape: without None.
            initializer: name, object or callable.
            dtype, trainable, autocast, regularizer, constraint, name: as in `add_weight`.
        """
        return self.add_weight(shape, initializer, dtype, trainable, autocast, regularizer, constraint, name=name)

    # --- penalties ---

    def add_loss(self, loss: Nested[ArrayLike]) -> None:
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

    @property
    def losses(self) -> list[Any]:
        """Penalties: of the last call (`add_loss`, activity regularizers), then of the weights."""
        call, frame = scope.call(), scope.frame()
        if frame is not None:
            if call is None and id(self) in frame.penalties:
                return list(frame.penalties[id(self)])
            return (list(call.losses) if call is not None else []) + _regularization(self)
        return [loss for layer in self.flatten_layers() for loss in layer._losses] + _regularization(self)

    # --- dtypes, shapes, tensors, place ---

    @property
    def dtype_policy(self) -> dtypes.DTypePolicy:
        """What the layer computes in and stores its variables in; of a `DTypePolicyMap` what it says for the layer."""
        return self._dtype_policy.at(self._path)

    @dtype_policy.setter
    def dtype_policy(self, value: object) -> None:
        policy = dtypes.get(value)
        if isinstance(self._dtype_policy, DTypePolicyMap) and self._path is not None:
            self._dtype_policy.pop(self._path, None)
            self._dtype_policy[self._path] = policy
        else:
            self._dtype_policy = policy
        quantizing.by_policy(self, policy)

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
    def input(self) -> KerasTensor | Any:
        """The symbolic input of the first symbolic call."""
        node = self._first_node("input")
        return node.args[0] if len(node.args) == 1 and not node.kwargs else node.inputs

    @property
    def output(self) -> KerasTensor | Any:
        """The symbolic output of the first symbolic call."""
        return self._first_node("output").outputs

    # --- config ---

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments, JSON-friendly."""
        policy = quantizing.policies_of_parts(self) or self._dtype_policy
        config = {"name": self.name, "trainable": self.trainable, "dtype": serialize(policy)}
        config.update(layer_config.own_arguments(self, *self._init_arguments))
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = serialize(self.activity_regularizer)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: CustomObjects | None = None) -> Self:
        """A new layer from `get_config()`; its variables are fresh."""
        with custom_object_scope(custom_objects), reading():
            check_own(cls, config)
            return cls(**{key: layer_config.revived(key, value) for key, value in config.items()})

    def get_build_config(self) -> dict[str, Any] | None:
        """What `build` was called with; None before that."""
        if self._build_shapes is None:
            return None
        if len(self._build_shapes) != 1:
            return {"shapes_dict": dict(self._build_shapes)}
        return {"input_shape": next(iter(self._build_shapes.values()))}

    def build_from_config(self, config: dict[str, Any]) -> None:
        if not config or self.built:
            return
        config = config.get("shapes_dict", config)
        symbols = {k: shapes.map_shapes(KerasTensor, v) for k, v in config.items() if v is not None}
        given = building.shapes_for(self.build, symbols)
        wanted = inspect.signature(self.build).parameters
        if len(given) > 1 and set(given) <= set(wanted):
            self.build(**given)
        elif not given and all(one.default is not one.empty for one in wanted.values()):
            self.build()  # as it was called before
        elif given:
            self.build(next(iter(given.values())))

    def rematerialized_call(self, layer_call: Callable[..., T], *args: object, **kwargs: object) -> Callable[..., T]:
        """The call as the `RematScope` wants it in which the layer was made: as it is, or computed again for gradients.

        Args:
            layer_call: the function, `call` as a rule.
            *args, **kwargs: what it is going to be called with.
        """
        return remat.call_of(self, layer_call, args, kwargs)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_recorded_calls": [], "_losses": []}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def _missing(accepted: signature.Signature, given: dict[str, Any]) -> dict[str, Any]:
    """Required arguments that nobody gave, as where nothing trains and nothing is masked."""
    return {name: False if name == "training" else None for name in accepted.required if name not in given}


def _called(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What the `call` of a layer gives, or what stands in its place."""
    own_call = layer.call
    if layer.calls_when_quantized and layer.quantization_mode is not None:
        own_call = layer.quantized_call
    if layer.remat_mode is not None:
        own_call = layer.rematerialized_call(own_call, *args, **kwargs)
    if layer.decides and any(isinstance(one, jax.core.Tracer) for one in leaves((args, kwargs))):
        return branching.of_layer(lambda: own_call(*args, **kwargs))
    return own_call(*args, **kwargs)


def _leave(layer: Layer, outputs: Any, call: scope.Call) -> None:
    """What outlives an outermost call: masks of its outputs, and inside a pure function its penalties."""
    frame = scope.frame()
    for output in leaves(outputs):
        mask = call.masks.get(id(output), (None, None))[1]
        if frame is None:
            masks.publish(output, mask)
        elif mask is not None:
            frame.masks[id(output)] = (output, mask)
    if frame is not None:
        frame.penalties[id(layer)] = [*call.losses, *_regularization(layer)]


def forget_losses(outermost: Layer) -> None:
    """Forget the penalties of the last call, of layers inside, too."""
    for layer in outermost.flatten_layers():
        if layer._losses:
            layer._losses = []


_NO_FLAG = (
    "Layer '{}': `training` is True or False. Received an array of shape {}. Several inputs are one argument, a list:"
    " `layer([x, y])`; targets go to `fit` or to the loss."
)


def keep_losses(layer: Layer, penalties: Sequence[Any]) -> None:
    """Have these among `layer.losses`, until the next call."""
    layer._losses.extend(penalties)


def _regularization(layer: Layer) -> list[Any]:
    return [v.regularizer(v.value) for v in layer.trainable_variables if v.regularizer is not None]


def _values(variables: Sequence[Any]) -> list[Any]:
    """Arrays; those of variables that stand among them."""
    return [v.value if isinstance(v, Variable) else v for v in variables]


__all__ = ["Layer", "operation"]
