"""`Model`: a layer that can be compiled, fitted, evaluated and asked for predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, Self, cast, overload

import numpy as np

from . import callbacks as callback_module
from .callbacks.history import History
from .compiled_model import CompiledModel
from .core import names, placement, processes, scope, settings, shapes, signature, tracebacks
from .core.catalogue import Catalogue
from .core.layer import Layer
from .core.operation import Operation
from .core.owner import Unmade
from .core.state_tree import StateTree
from .core.tensor import KerasTensor, abstract, is_tensor, leaves, map_structure, shape_of
from .core.tracebacks import public
from .core.types import Data, Logs, Nested, Path, Shape, Symbols, Tensors, overridable
from .data import prepare
from .data.batches import DEFAULT_BATCH_SIZE, one_batch, prediction_inputs, rows_told
from .data.class_weights import refuse_balanced
from .data.prepare import FitArguments
from .distribution.strategies import placement_for
from .functional import Graph, check_unique_names, standardize_inputs
from .host_prefix import HostFront
from .looking import Looking
from .parts import optimizer_of
from .quantization import QuantizedMethods
from .saving.methods import FileMethods
from .training import (
    agreement,
    augmenting,
    compiled,
    custom,
    data_spec,
    evaluate as evaluation,
    fit as training,
    predict as predicting,
)
from .training.claims import Claim
from .training.fingerprint import fingerprint
from .training.methods import StepMethods
from .training.plans import Known
from .training.resolve import Compilation, compilation_of
from .training.types import Callbacks, ClassWeights, Devices, Losses, LossWeights, Metrics, OptimizerLike, Verbose
from .trying import Trying

catalogue: Catalogue = Catalogue("model", "keras")


@catalogue.register()
class Model(Looking, Trying, StepMethods, FileMethods, StateTree, HostFront, QuantizedMethods, CompiledModel):
    """A model over layers: a graph between symbolic tensors, or a subclass with its own `call`.

    Args:
        inputs: symbolic tensor, or a list or dict of them, made by `Input`.
        outputs: symbolic tensor, or a list or dict of them, made by calling layers on the inputs.
        trainable, dtype, name: as for `Layer`.

    `Model(inputs, outputs)` wires what stands between them. A subclass calls `super().__init__()`, keeps its layers as
    attributes and implements `call(self, inputs, training=None)`.

    What `fit`, `evaluate` and `predict` do with a batch can be overridden in Keras' form for JAX: `train_step`,
    `test_step`, `predict_step` of `(self, state, data)`, or parts of them, `compute_loss` and `compute_metrics`. They
    run inside the same compiled loop as the steps that are not overridden.
    """

    untracked: frozenset[str] = Layer.untracked | {"compilation", "history", "_graph", "_symbolic_outputs"}
    untracked |= {"_known", "_host_prefix", "_wanted_place"}
    unnoted: frozenset[str] = Layer.unnoted | {"history", "stop_training", "stop_evaluating", "stop_predicting"}
    unnoted |= {"_symbolic_outputs"}

    is_model = True
    supports_masking = True
    more_axes = False  # whether a call takes inputs of more axes than the graph's, as up to Keras 2
    config_keys: frozenset[str] = frozenset({"layers", "input_layers", "output_layers"})

    # Whether `fit` and its kin run without compiling; may be set at any time, also before `compile`.
    run_eagerly: bool = False
    jit_compile: bool = True
    steps_per_execution: int = 1
    train_function: Callable[..., Any] | None
    test_function: Callable[..., Any] | None
    predict_function: Callable[..., Any] | None
    # A callback sets them to end an evaluation or a prediction behind the present batch, as `stop_training` does `fit`.
    stop_evaluating: bool = False
    stop_predicting: bool = False

    if not TYPE_CHECKING:  # which knows them as attributes
        _graph, compilation = Unmade(), Unmade()

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        of_graph = cls is Model and (args or kwargs.get("inputs") is not None)
        return super().__new__(cast("type[Self]", Functional) if of_graph else cls, *args, **kwargs)

    @overload
    def __init__(self, inputs: Symbols, outputs: Symbols, name: str | None = None, **kwargs: Any) -> None: ...

    @overload
    def __init__(self, **kwargs: Any) -> None: ...

    def __init__(self, *args: Any, **kwargs: Any):
        given = dict(zip(("inputs", "outputs", "name"), args, strict=False))
        inputs, outputs = kwargs.pop("inputs", given.get("inputs")), kwargs.pop("outputs", given.get("outputs"))
        if "name" in given:
            kwargs.setdefault("name", given["name"])
        super().__init__(**kwargs)
        self.compilation: Compilation | None = None
        self.history: History | Any = None
        self.stop_training = self.stop_evaluating = self.stop_predicting = False
        self._graph: Graph | None = None
        self._graph_layers: list[Layer] = []
        self._symbolic_outputs: Any = None
        if (inputs is None) != (outputs is None):
            raise ValueError("Model: `inputs` and `outputs` go together; only one of them was given.")
        if inputs is not None:
            self._take_graph(Graph(inputs, outputs))
            if not self.trainable:
                self.trainable = False
            with scope.calling(self):
                self._note_path()
            self.built = True

    def _take_graph(self, graph: Graph) -> None:
        check_unique_names(graph.operations)
        self._graph = graph
        self._graph_layers = [o for o in graph.operations if isinstance(o, Layer)]

    def _graph_over(self, inputs: Symbols, outputs: Symbols) -> Model:
        return Model(inputs, outputs, name=self.name)

    # --- structure ---

    @property
    def _casts_inputs(self) -> bool:  # type: ignore[override]
        return self._graph is None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if processes.forked:
                refuse_fork(self.name, args)
            if args and self.begins_on_host and not any(map(is_tensor, leaves(args[0]))):
                numbers = self.through_host(args[0], f"Model '{self.name}': the input")
                assert self.host_prefix is not None
                if self.host_prefix.is_all:
                    return self.host_prefix.on_device(numbers)
                return self.compiled_part(numbers, *args[1:], **kwargs)
            return super().__call__(*args, **kwargs)
        except tracebacks.SHOWN as error:
            __tracebackhide__ = True
            tracebacks.cut(error)
            raise

    @overridable
    def call(self, inputs: Tensors, training: bool | None = None, mask: Tensors | None = None) -> Any:
        """Compute outputs from inputs.

        Args:
            inputs: one array or a structure of arrays.
            training: whether layers such as `Dropout` act as in training.
            mask: of the inputs; True for what counts.
        """
        if self._graph is None:
            raise NotImplementedError(
                f"Model {type(self).__name__} does not have a `call()` method. A subclass of Model implements"
                f" `call(self, inputs)`; a graph is made by `Model(inputs, outputs)`."
            )
        given = standardize_inputs(inputs, self._graph.inputs, f"Model '{self.name}'", self.more_axes)
        outputs = self._graph.run(given)
        # One in a list is that one, as in Keras.
        return outputs[0] if isinstance(outputs, (list, tuple)) and len(outputs) == 1 else outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        if self.host_prefix is not None:
            return self.host_prefix.spec(args[0])
        if self._graph is not None and type(self).call is Model.call:
            tensors = standardize_inputs(args[0], self._graph.inputs, f"Model '{self.name}'")
            same = [t.shape for t in leaves(tensors)] == [t.shape for t in leaves(self._graph.inputs)]
            if same and not any(t._keras_mask is not None for t in leaves(tensors) if is_tensor(t)):
                return map_structure(_like, self._graph.outputs)
        return shapes.infer(self.__call__, args, kwargs)

    @overridable
    def compute_mask(self, inputs: Tensors, previous_mask: Tensors | None) -> Tensors | None:
        return None  # the layers inside have put masks on the outputs already

    @property
    def operations(self) -> list[Operation]:
        """The layers and functions of a graph, in the order in which they are run."""
        return self._free("operations", self._operations_of_graph)

    @operations.setter
    def operations(self, value: Any) -> None:
        self._name_so("operations", value)

    def _operations_of_graph(self) -> list[Operation]:
        if self._graph is None:
            raise AttributeError(f"Model '{self.name}' ({type(self).__name__}) is no graph and has no `operations`.")
        return self._graph.operations

    @property
    def layers(self) -> list[Any]:
        """The layers of the model, in order."""
        return list(self._graph_layers) if self._graph is not None else self._inner_layers()

    @layers.setter
    def layers(self, _: object) -> None:
        raise AttributeError("`Model.layers` attribute is reserved and should not be set. Use another name.")

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """A layer by name or by index in `layers`."""
        if name is not None and index is not None:
            raise ValueError(f"Provide only a layer name or a layer index. Received: index={index}, name={name}.")
        if index is not None:
            if len(self.layers) <= index:
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model only has {len(self.layers)} layers."
                )
            return self.layers[index]
        if name is None:
            raise ValueError("Provide either a layer name or layer index at `get_layer`.")
        for layer in self.layers:
            if layer.name == name:
                return layer
        existing = [layer.name for layer in self.layers]
        raise ValueError(f"No such layer: {name}. Existing layers are: {existing}.{names.suggest(name, existing)}")

    def shape_for(self, shape: tuple[int, ...]) -> tuple[int | None, ...]:
        """The shape to be built for, when the first data have this one."""
        return shape

    def build_from(self, inputs: Symbols) -> None:
        """Build from symbolic inputs, and learn the outputs; what the first `fit` or `predict` does."""

        options = {"training": False} if "training" in signature.of(type(self).call).required else {}

        def find() -> tuple[Any, Any]:
            with scope.calling(self):
                return shapes.infer(self.__call__, (inputs,), options), fingerprint(self).sources

        known, question = Known.of(self), ("outputs", abstract(inputs))
        found = known.answer(question)
        self._symbolic_outputs = known.find_out(question, find) if found is None else found

    @overridable
    def build(self, input_shape: Nested[Shape] | None = None) -> None:
        if type(self).build is Model.build and self._graph is None and type(self).call is not Model.call:
            self.build_from(shapes.map_shapes(self._symbol, input_shape))

    def _ensure_built(self, named: dict[str, Any]) -> None:
        if type(self).build is Model.build:
            self._note_path()
            self.built: bool = True  # the layers inside build themselves while `call` runs
            tensors = {k: v for k, v in named.items() if leaves(v) and all(hasattr(t, "shape") for t in leaves(v))}
            given = {f"{key}_shape": shape_of(value) for key, value in tensors.items()}
            if self._build_shapes is None and given and self._graph is None:
                self._build_shapes = given if len(given) > 1 else {"input_shape": next(iter(given.values()))}
        else:
            super()._ensure_built(named)

    # --- training ---

    @public
    def compile(
        self,
        optimizer: OptimizerLike = "rmsprop",
        loss: Losses = None,
        loss_weights: LossWeights = None,
        metrics: Metrics = None,
        weighted_metrics: Metrics = None,
        run_eagerly: bool = False,
        steps_per_execution: int | None = 1,
        jit_compile: bool | Literal["auto"] = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how the model is trained.

        Args:
            optimizer: name, `Optimizer`, or any optax transformation; or a dict from names of layers to learning rates
                of Adam or optimizers, such as `{"base": 1e-5, "head*": 1e-3}`: `*` stands for any letters, the first
                name that fits decides, layers inside the one named are meant, too, and `"*"` is for all others.
            loss: name, function `(y_true, y_pred)`, `Loss`, or a list or dict of them by output.
            loss_weights: list or dict of numbers by output.
            metrics: list of names, functions or `Metric`s; for several outputs a list of lists or a dict.
            weighted_metrics: the same, computed with sample weights.
            run_eagerly: run `fit` and `evaluate` without compiling (to debug own layers step by step).
            steps_per_execution: how many batches the hooks of callbacks before and after batches are about. How many
                batches a compiled call runs is chosen by itself otherwise.
            jit_compile: accepted; False means `run_eagerly`.
            auto_scale_loss: scale the loss under a `mixed_float16` policy.
        """
        custom.check_forms(self)
        steps_per_execution = 1 if steps_per_execution is None else steps_per_execution  # as files of tf.keras say it
        if not isinstance(steps_per_execution, Integral) or steps_per_execution < 1:
            raise ValueError(
                f"compile: steps_per_execution must be a whole number of at least 1. Received: {steps_per_execution!r}"
            )
        self.compilation = Compilation(optimizer_of(self, optimizer), loss, loss_weights, metrics, weighted_metrics)
        self.compilation.run_eagerly = bool(run_eagerly) or jit_compile is False
        self.run_eagerly, self.jit_compile = bool(run_eagerly), bool(jit_compile) and not run_eagerly
        self.steps_per_execution = steps_per_execution
        self.train_function = self.test_function = self.predict_function = None
        if auto_scale_loss and self.dtype_policy.name == "mixed_float16":
            self.compilation.scale_loss()

    @public
    def fit(
        self,
        x: Data | None = None,
        y: Data | None = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Verbose = "auto",
        callbacks: Callbacks = None,
        validation_split: float = 0.0,
        validation_data: Data | None = None,
        shuffle: bool | Literal["batch"] = True,
        class_weight: ClassWeights | None = None,
        sample_weight: Data | None = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Iterable[int] = 1,
        *,
        resume: Path | None = None,
        dry_run: bool = False,
        augment: Layer | Sequence[Layer] | None = None,
        devices: Devices = None,
    ) -> History:
        """Train for a number of epochs.

        Args:
            x, y: inputs and targets, first axis the sample: NumPy or JAX arrays, pandas objects, lists of numbers; for
                several inputs or outputs lists or dicts of them. Memory-mapped arrays and HDF5 data sets that are
                larger than memory are read part by part. x alone may be a stream of batches `(x, y)` or
                `(x, y, sample_weight)`: a generator, a `PyDataset`, a loader of torch or grain, a `tf.data.Dataset`.
            batch_size: rows per update, 32 unless given; the last batch of an epoch may be shorter.
            epochs: number of the last epoch plus one; counting starts at `initial_epoch`.
            verbose: 0 silent, 1 a progress bar, 2 a line per epoch, "auto" a bar on a terminal and lines elsewhere.
            validation_split: fraction of the rows, taken from the end before shuffling, kept for validation.
            validation_data: `(x, y)` or `(x, y, sample_weight)`, or a stream of batches.
            shuffle: reorder the rows in each epoch; `"batch"` moves whole batches. Arrays larger than memory are
                mixed by runs of rows, a `PyDataset` by batches, other streams stay in their order.
            class_weight: dict from class number to its weight in the loss; "balanced" makes classes count the same
                however often they occur (of arrays in memory).
            sample_weight: a weight per row.
            steps_per_epoch, validation_steps: stop after this many batches. A stream goes on from there in the next
                epoch; one that ends too early is an error.
            validation_freq: validate every n-th epoch, or after the epochs of a list.
            resume: folder in which the run is kept while it goes on (each epoch, and each minute inside of one): if it
                is killed, the same call goes on where it was, to the same bits. See `callbacks.BackupAndRestore`.
            validation_batch_size: rows per batch of the validation; default: `batch_size`.
            dry_run: run one batch through training and validation, on copies of the model and the callbacks, whose
                files go into a folder that is removed; the model stays as it is.
            augment: a layer, or a list of layers, that change the batches of training in the compiled step, inputs and
                targets together: `layers.MixUp(0.2)`, `layers.CutMix()`, `layers.RandomFlip()`. Targets that are mixed
                are one-hot, or floats; sample weights stay with their rows. Nothing of it in validation.
            devices: each computes a part of every batch: `"all"`, a number of them, names such as
                `["gpu:0", "gpu:1"]`, or a distribution of `keras.distribution`. Default: what `set_distribution` has
                set, else where the weights lie; 1 brings them back. See docs/distribution.md.

        Returns:
            `History` with the logs of each epoch.

        Raises:
            ValueError: for data that do not fit the model; nothing is trained then.
            FloatingPointError: when the loss becomes NaN or infinite; the weights are those of the last good update.
        """
        compilation_of(self)
        if dry_run:
            return trial_of(self, {name: value for name, value in locals().items() if name not in ("self", "dry_run")})
        if devices is None:
            agreement.warn_of_separate(self)
        place = placement_for(devices, self)
        epochs = settings.limited_epochs(epochs)
        given = FitArguments(
            x,
            y,
            sample_weight,
            class_weight,
            batch_size,
            shuffle,
            epochs,
            initial_epoch,
            steps_per_epoch,
            validation_data,
            validation_split,
            validation_batch_size,
            validation_steps,
            validation_freq,
            accepts_nan=callback_module.callback_list.accept_nan(callbacks),
        )
        with Claim(self, "fit") as claim, augmenting.during(self, augment):
            data = prepare.training_data(data_spec.of(self, training=True), given)
            if resume is not None:
                callbacks = [
                    *callback_module.callback_list.listed(callbacks),
                    callback_module.BackupAndRestore(resume, seconds=60),
                ]
            seldom = {} if validation_freq == 1 else {"validation_freq": validation_freq}  # Keras does not tell at all
            listeners = self._listeners(
                callbacks, verbose, history=True, epochs=epochs, steps=data.train.steps, **seldom
            )
            self.history = listeners.history
            with compiled.eagerly(self):
                training.fit(self, data, given, listeners, claim, place)
        return self.history

    @public
    def evaluate(
        self,
        x: Data | None = None,
        y: Data | None = None,
        batch_size: int | None = None,
        verbose: Verbose = "auto",
        sample_weight: Data | None = None,
        steps: int | None = None,
        callbacks: Callbacks = None,
        return_dict: bool = False,
        *,
        devices: Devices = None,
        **kwargs: object,
    ) -> Any:
        """Loss and metrics on data, as a list in the order of `metrics_names`, or as a dict.

        On the rows of a `fit` they differ from what that reported, which was measured while the model changed and
        layers such as `Dropout` acted; docs/fit_and_evaluate.md has the reasons one by one.

        Args:
            x: inputs, or a stream of batches, as in `fit`.
            y: targets.
            batch_size: rows per batch, 32 unless given.
            verbose: 0 silent, 1 a progress bar, 2 one line, "auto" a bar on a terminal.
            sample_weight: a weight per row.
            steps: stop after so many batches.
            callbacks: `Callback` objects, of which the hooks `on_test_*` are called.
            return_dict: a dict from name to value in place of the list.
            devices: as in `fit`; the weights lie there from then on.
        """
        if kwargs:
            raise ValueError(f"Model.evaluate: arguments not recognized: {sorted(kwargs)}")
        compilation_of(self)
        place = placement_for(devices, self)
        source = prepare.evaluation_data(data_spec.of(self, training=False), x, y, sample_weight, batch_size, steps)
        with compiled.eagerly(self):
            logs = evaluation.evaluate(self, source, self._listeners(callbacks, verbose, steps=source.steps), place)
        return logs if return_dict else self._as_list(logs)

    def predict(
        self,
        x: Data,
        batch_size: int | None = None,
        verbose: Verbose = "auto",
        steps: int | None = None,
        callbacks: Callbacks = None,
        *,
        devices: Devices = None,
    ) -> Any:
        """Outputs for inputs, as NumPy arrays; layers run in inference mode.

        Args:
            x: inputs, or a stream of batches, as in `fit`.
            batch_size: rows per batch, 32 unless given.
            verbose: 0 silent, 1 a progress bar, 2 one line, "auto" a bar on a terminal.
            steps: stop after so many batches.
            callbacks: `Callback` objects, of which the hooks `on_predict_*` are called.
            devices: as in `fit`; the weights lie there from then on.
        """
        try:
            if devices is not None:
                place = placement_for(devices, self)
                place.lay(self.state_variables)
                placement.want(self, place)
            if verbose == 0 and callbacks is None and steps is None and self.symbolic_inputs is not None:
                # Rows that need no preparation, and nobody watches: only the compiled calls.
                size = DEFAULT_BATCH_SIZE if batch_size is None else batch_size
                forward = predicting.predictor(self)
                limit = settings.max_steps_per_epoch()
                if type(size) is int and size > 0 and forward.takes(x) and (limit is None or len(x) <= limit * size):
                    return forward.all(x, size)
            data = prepare.prediction_data(data_spec.of(self), x, batch_size, steps)
            with compiled.eagerly(self):
                return predicting.predict(self, data.parts, self._listeners(callbacks, verbose, steps=data.steps))
        except tracebacks.SHOWN as error:
            __tracebackhide__ = True
            tracebacks.cut(error)
            raise

    def train_on_batch(
        self,
        x: Data,
        y: Data | None = None,
        sample_weight: Data | None = None,
        class_weight: ClassWeights | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One update from one batch; returns its metrics.

        Args:
            x: inputs of the batch.
            y: its targets.
            sample_weight: a weight per row.
            class_weight: dict from class number to its weight in the loss.
            return_dict: a dict from name to value in place of the list.
        """
        try:
            compilation_of(self)
            refuse_balanced(class_weight, "one batch")
            with Claim(self, "train_on_batch") as claim:
                batch = one_batch(data_spec.of(self, training=True), x, y, sample_weight, class_weight)
                with compiled.eagerly(self):
                    return self._result(training.train_on_batch(self, batch, claim), return_dict)
        except tracebacks.SHOWN as error:
            __tracebackhide__ = True
            tracebacks.cut(error)
            raise

    def test_on_batch(
        self, x: Data, y: Data | None = None, sample_weight: Data | None = None, return_dict: bool = False
    ) -> Any:
        """Metrics of one batch.

        Args:
            x: inputs of the batch.
            y: its targets.
            sample_weight: a weight per row.
            return_dict: a dict from name to value in place of the list.
        """
        try:
            compilation_of(self)
            batch = one_batch(data_spec.of(self, training=False), x, y, sample_weight)
            with compiled.eagerly(self):
                return self._result(evaluation.test_on_batch(self, batch), return_dict)
        except tracebacks.SHOWN as error:
            __tracebackhide__ = True
            tracebacks.cut(error)
            raise

    def predict_on_batch(self, x: Data) -> np.ndarray | Any:
        """Outputs of one batch as NumPy arrays.

        Args:
            x: inputs of the batch.
        """
        try:
            forward = predicting.predictor(self) if self.symbolic_inputs is not None else None
            if forward is not None and forward.takes(x):
                return forward.one(x)
            inputs = prediction_inputs(data_spec.of(self), x, rows_told(x))
            return predicting.predictor(self).one(inputs)
        except tracebacks.SHOWN as error:
            __tracebackhide__ = True
            tracebacks.cut(error)
            raise

    def reset_metrics(self) -> None:
        for metric in self.metrics:
            metric.reset_state()

    def reset_states(self) -> None:
        """Set the states of all stateful layers inside to zero, before sequences that continue no earlier ones."""
        for layer in self.flatten_layers(include_self=False):
            if not isinstance(layer, Model) and hasattr(layer, "reset_state"):
                layer.reset_state()

    def _listeners(
        self, callbacks: Callbacks, verbose: Verbose, history: bool = False, **params: object
    ) -> callback_module.CallbackList:
        if isinstance(callbacks, callback_module.CallbackList):
            return callbacks
        shown = verbose if verbose != "auto" else 1
        return callback_module.CallbackList(
            callbacks, add_history=history, add_progbar=shown != 0, model=self, verbose=shown, **params
        )

    def _result(self, logs: Logs, return_dict: bool) -> Logs | list[float] | float:
        return logs if return_dict else self._as_list(logs)

    def _as_list(self, logs: Logs) -> list[float] | float:
        """The loss first, then the metrics; a single number if there is only the loss."""
        ordered = [logs[name] for name in compilation_of(self).in_order(list(logs), self.metrics_names)]
        return ordered[0] if len(ordered) == 1 else ordered

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        functions = "train_function", "test_function", "predict_function"
        for kept in ("_known", "_host_prefix", "_own_programs", "_wanted_place", *functions):
            state.pop(kept, None)
        if type(self) is Functional:
            # Inputs and outputs, which the graph copies by itself: from one tensor to the next Python would recurse.
            state["_init_arguments"] = (), {}
        return state

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
        costs: bool = False,
    ) -> None:
        """Print the layers with output shapes and parameters, and the totals.

        Args:
            line_length: characters per line; default: the width of the terminal, at most 80.
            positions: where the columns end, as fractions of the line or as absolute positions.
            print_fn: gets the whole table as one string, in place of `sys.stdout`.
            expand_nested: also list the layers inside of models that are layers.
            show_trainable: add a column: Y, N, or - for layers without weights.
            layer_range: two regular expressions, for the first layer and the last.
            costs: add floating-point operations and memory of activations; see `utils.summary.print_summary`.
        """
        from .utils.summary import print_summary

        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range, costs)


class _OfGraph(type):
    """Graphs of a subclass of one's own are instances, too: Keras puts `Functional` among the bases of its class."""

    def __instancecheck__(cls, instance: object) -> bool:
        graph = cls is Functional and isinstance(instance, Model) and instance.recorded_graph is not None
        return graph or super().__instancecheck__(instance)


def trial_of(model: Model, given: dict[str, Any]) -> History:
    """`fit(..., dry_run=True)`, which is imported when it is asked for: it stands above models."""
    from .trials.dry_run import dry_run

    return dry_run(model, given, Model.fit)


def refuse_fork(name: str, args: tuple[Any, ...]) -> None:
    """Refuse to compute in a forked process, where it would never end; symbolic tensors are not computed."""
    if not any(isinstance(one, KerasTensor) for one in leaves(args)):
        processes.check(f"Model '{name}'")


def _like(tensor: KerasTensor) -> KerasTensor:
    """A new symbolic tensor of the shape, dtype and mask of another one."""
    new = KerasTensor(tensor.shape, tensor.dtype)
    new._keras_mask = None if tensor._keras_mask is None else _like(tensor._keras_mask)
    return new


@catalogue.register()
class Functional(Model, metaclass=_OfGraph):
    """What `Model(inputs, outputs)` makes: code asks for the name of its class, as Keras has it."""
