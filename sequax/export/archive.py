"""`ExportArchive`: several functions of models and layers in one artifact."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ..core import outside, placement
from ..core.layer import Layer
from ..core.types import Path
from ..core.variable import Variable
from ..saving.together import in_one
from . import exporting, locations, placing, signature, table
from .errors import ExportError
from .trace import Trace, Traceable

if TYPE_CHECKING:
    from ..model import Model


class ExportArchive:
    """An artifact with endpoints of your own choice: a StableHLO file, or a SavedModel where TensorFlow is installed.

    Args:
        format: accepted as in Keras; the path of `write_out` decides: a file `*.stablehlo`, else a SavedModel.

    Example:

    >>> import os, tempfile
    >>> import sequax
    >>> model = sequax.Sequential([sequax.Input((3,)), sequax.layers.Dropout(0.5), sequax.layers.Dense(2)])
    >>> archive = ExportArchive()
    >>> archive.track(model)
    >>> _ = archive.add_endpoint("serve", model.call, [sequax.InputSpec(shape=(None, 3))])
    >>> path = os.path.join(tempfile.mkdtemp(), "model.stablehlo")
    >>> archive.write_out(path, verbose=False)
    >>> sequax.export.load(path).serve([[1.0, 2.0, 3.0]]).shape
    (1, 2)
    """

    def __init__(self, format: str = "saved_model", **kwargs: Any):
        if format not in ("saved_model", "stablehlo"):
            raise ValueError(f"Unsupported format: {format}. ExportArchive writes 'saved_model' and 'stablehlo'.")
        self.format = format
        self._resources: list[Layer] = []
        self._endpoints: dict[str, _Endpoint] = {}
        self._collections: dict[str, list[Variable]] = {}

    @property
    def variables(self) -> list[Variable]:
        """Those of all tracked layers and models, each once."""
        found = [v for resource in self._resources for v in resource.variables]
        return list({id(variable): variable for variable in found}.values())

    @property
    def trainable_variables(self) -> list[Variable]:
        return [variable for variable in self.variables if variable.trainable]

    @property
    def non_trainable_variables(self) -> list[Variable]:
        return [variable for variable in self.variables if not variable.trainable]

    def track(self, resource: Layer) -> None:
        """Take the variables of a layer or model into the archive.

        Args:
            resource: the layer or model, built.

        Raises:
            ValueError: if it is neither, or has no variables yet.
        """
        if not isinstance(resource, Layer):
            raise ValueError(
                "Invalid resource type. Expected an instance of a Keras `Layer` or `Model`, whose variables are known."
                f" Received: {type(resource).__name__}."
            )
        if not resource.built:
            raise ValueError(
                f"The layer '{resource.name}' ({type(resource).__name__}) has not been built, so it has no variables"
                f" yet. Call it on data first."
            )
        if all(resource is not one for one in self._resources):
            self._resources.append(resource)

    def add_endpoint(
        self, name: str, fn: Callable[..., Any], input_signature: Any = None, **kwargs: Any
    ) -> Callable[..., Any]:
        """Take a function into the archive.

        Args:
            name: of the endpoint; the first one is the default.
            fn: of arrays; a layer, a model or a method of one; or, for a SavedModel, a `tf.function`. It may read
                variables of tracked layers, and those of the layer that it belongs to. What it assigns to them is not
                kept.
            input_signature: its arguments, in a list: `InputSpec`s, or anything with `shape` and `dtype`, nested as the
                arguments are. May be left out for a built model.
            **kwargs: `is_static` and `jax2tf_kwargs` are accepted, as in Keras, and needed for nothing.

        Returns:
            The function.

        Raises:
            ValueError: for a name that is taken, or no name, and a signature that is missing.
        """
        platforms = (kwargs.get("jax2tf_kwargs") or {}).get("native_serialization_platforms", ())
        bogus = [one for one in platforms if one not in ("cpu", "cuda", "rocm", "tpu")]
        if bogus:
            raise ValueError(f"add_endpoint: unknown platforms in `native_serialization_platforms`: {bogus}.")
        unknown = set(kwargs) - {"is_static", "jax2tf_kwargs"}
        if unknown:
            raise TypeError(f"add_endpoint: unknown arguments {sorted(unknown)}.")
        if not name.isidentifier():
            raise ValueError(f"The name of an endpoint must be one that Python allows. Received: {name!r}.")
        if name in self._endpoints or name in self._collections:
            raise ValueError(f"Endpoint name '{name}' is already taken.")
        owner = fn if isinstance(fn, Layer) else getattr(fn, "__self__", None)
        if isinstance(owner, Layer) and owner.built:
            self.track(owner)
        if input_signature is None and not getattr(fn, "is_model", False) and not _is_tensorflow(fn):
            raise ValueError(
                f"Error when adding endpoint '{name}': you must provide an `input_signature`, or else a built model as"
                f" `fn` (of other functions, such as a `tf.function`, you must either provide a function of arrays and"
                f" its signature). `input_signature` is a list with one `keras.InputSpec(shape=..., dtype=...)` per"
                f" argument."
            )
        if _is_tensorflow(fn) and not _knows_its_arguments(fn):
            raise ValueError(
                f"Error when adding endpoint '{name}': you must either provide a function with an `input_signature`, or"
                f" call it once, so that its arguments are known."
            )
        self._endpoints[name] = _Endpoint(fn, input_signature)
        return fn

    def track_and_add_endpoint(
        self, name: str, resource: Layer, input_signature: Any = None, **kwargs: Any
    ) -> Callable[..., Any]:
        """Both at once: the call of a layer or model in inference mode.

        Args:
            name: of the endpoint.
            resource: the layer or model, built.
            input_signature: see `add_endpoint`.
            **kwargs: see `add_endpoint`.
        """
        self.track(resource)
        return self.add_endpoint(name, resource, input_signature, **kwargs)

    def add_variable_collection(self, name: str, variables: Iterable[Variable]) -> None:
        """Keep the values of variables under a name, to be read from the loaded artifact.

        Args:
            name: of the collection.
            variables: a list, tuple or set of variables.

        Raises:
            ValueError: for something else than variables, and for a name that is taken.
        """
        if not isinstance(variables, (list, tuple, set)):
            raise ValueError(
                f"Expected `variables` to be a list/tuple/set. Received: {type(variables).__name__} instead."
            )
        if not all(isinstance(variable, Variable) for variable in variables):
            kinds = sorted({type(variable).__name__ for variable in variables})
            raise ValueError(
                "Expected all elements in `variables` to be instances of `keras.Variable`. Found the types: "
                f"{', '.join(kinds)}."
            )
        if name in self._endpoints or name in self._collections:
            raise ValueError(f"The name '{name}' is already taken.")
        self._collections[name] = list(variables)

    def write_out(self, filepath: Path, options: Any = None, verbose: bool | int | None = True) -> None:
        """Write the artifact, whole or not at all. Of several processes that share the layers, the first one writes.

        Args:
            filepath: a file `*.stablehlo`; otherwise the folder of a SavedModel, for which TensorFlow is needed.
            options: of a SavedModel: `tf.saved_model.SaveOptions`.
            verbose: print where the artifact is, and its endpoints.

        Raises:
            ValueError: if there are no endpoints.
            ExportError: if a function cannot be exported, or TensorFlow is needed and not installed.
            OSError: if the artifact cannot be written.
        """
        if not self._endpoints:
            raise ValueError("No endpoints have been set yet. Call add_endpoint().")
        target = os.fsdecode(os.fspath(filepath))
        name, row = table.chosen(target, "stablehlo" if self.format == "stablehlo" else None)
        writer = row.load()
        if not hasattr(writer, "write_endpoints"):
            raise ExportError(
                f"An archive of endpoints is written as a file `*.stablehlo` or as a SavedModel; {target!r}"
                f" stands for the format {name!r}, which holds one function: `model.export({target!r})`."
            )
        raw = [one for one, endpoint in self._endpoints.items() if _is_tensorflow(endpoint.fn)]
        if raw and name == "stablehlo":
            raise ExportError(f"The endpoints {raw} are functions of TensorFlow, which only a SavedModel holds.")
        traced = {one: self._traced(endpoint) for one, endpoint in self._endpoints.items()}
        more = {} if name == "stablehlo" else {"options": options, "tracked": self.variables}
        staged = placing.staged(target, make_parents=row.is_folder)
        with in_one(self._spread, target) as writes:
            if not writes:
                return
            with outside.themselves(row.packages), locations.hidden(), staged as place:
                writer.write_endpoints(traced, place, collections=self._collections, **more)
        if verbose is None or verbose:
            print(exporting.told(target, {one: t for one, t in traced.items() if isinstance(t, Traceable)}))

    @property
    def _spread(self) -> Layer | None:
        """What is tracked and lies on devices of several processes, if anything does."""
        return next((one for one in self._resources if placement.where(one).processes > 1), None)

    def _traced(self, endpoint: _Endpoint) -> Any:
        fn = endpoint.fn
        if _is_tensorflow(fn):
            return fn
        if getattr(fn, "is_model", False):
            return Trace(cast("Model", fn), endpoint.given)
        names = _parameters(fn.call if isinstance(fn, Layer) else fn)
        return Traceable(fn, signature.of_arguments(endpoint.given, names), self.variables, self._resources)


class _Endpoint(NamedTuple):
    fn: Callable[..., Any]
    given: Any


def _is_tensorflow(fn: Callable[..., Any]) -> bool:
    """Whether a function is one of TensorFlow (`tf.function`), which knows its own arguments."""
    return type(fn).__module__.partition(".")[0] == "tensorflow" and hasattr(fn, "get_concrete_function")


def _knows_its_arguments(fn: Any) -> bool:
    return getattr(fn, "input_signature", None) is not None or fn.experimental_get_tracing_count() > 0


def _parameters(function: Callable[..., Any]) -> list[str]:
    kinds = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    try:
        return [p.name for p in inspect.signature(function).parameters.values() if p.kind in kinds]
    except (TypeError, ValueError):
        return []
