"""What a model does with configs and files: the methods that `Model` has for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from ..core import above, names, scope, shapes
from ..core.catalogue import family
from ..core.config import check_own, deserialize, reading
from ..core.custom_objects import custom_object_scope
from ..core.owner import set_alone
from ..core.tensor import KerasTensor
from ..core.warning import warn
from . import config as configs, graph, models

if TYPE_CHECKING:
    from ..core.layer import Layer
    from ..core.types import Config, CustomObjects, Path, ShapeLike, Symbols
    from ..functional import Graph
    from ..training.resolve import Compilation
else:
    Layer = object


class FileMethods(Layer):
    """Methods of `Model`."""

    if TYPE_CHECKING:
        _graph: Graph | None
        _symbolic_outputs: Symbols
        compilation: Compilation | None

        def __init__(self, *args: Any, **kwargs: Any) -> None: ...

        def compile(self, *args: Any, **kwargs: Any) -> None: ...

    # --- files ---

    def save(self, filepath: Path, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
        """Save architecture, weights, and what `compile` was given with the optimizer's state; whole or not at all.

        Args:
            filepath: ends with `.keras`, or with `.h5` for the format of Keras 2.
            overwrite: replace a file of that name; False refuses.
            zipped: False writes a folder with the files that are in a `.keras` file.
            include_optimizer: False leaves out the optimizer's state.

        Raises:
            ValueError: for another ending.
            OSError: if the file cannot be written; an earlier file of that name stays as it was.
        """
        models.save_model(self, filepath, overwrite, zipped, **kwargs)  # type: ignore[arg-type] # it is a Model

    def save_weights(
        self: Any, filepath: Path, overwrite: bool = True, max_shard_size: float | None = None, **kwargs: Any
    ) -> None:
        """Save the weights alone, into a file `*.weights.h5`; `objects_to_skip` are left out.

        Args:
            filepath: where to; the name says the format.
            overwrite: replace a file that is there; if False, that is an error.
            max_shard_size: gigabytes per file; larger models are cut into several and a JSON file that lists them.
        """
        models.save_weights(self, filepath, overwrite=overwrite, max_shard_size=max_shard_size, **kwargs)

    def load_weights(self, filepath: Path, skip_mismatch: bool = False, **kwargs: Any) -> None:
        """Read weights from a file; all of them or, if one does not fit, none.

        Args:
            filepath: a file `*.weights.h5`, `.keras`, `.h5` or `.safetensors`.
            skip_mismatch: leave layers as they are that do not fit, with a warning.
        """
        models.load_weights(self, filepath, skip_mismatch=skip_mismatch, **kwargs)  # type: ignore[arg-type] # as above

    def push_to_hub(self, repo_id: str, **options: Any) -> str:
        """Put the model on the Hugging Face Hub, with a card that says what it is.

        Args:
            repo_id: `"user/name"`.
            **options: of `hub.push_to_hub`: `private`, `token`, `revision`, `report`, `card`, `description`, ...

        Returns:
            The address of the commit.
        """
        return above.load("hub_pushing").push_to_hub(self, repo_id, **options)

    def export(
        self,
        filepath: Path,
        format: str | None = None,
        verbose: bool | int | None = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """Write the model for inference where neither Sequax nor its code is: outputs from inputs, in float32.

        What was written is run and compared with the model before it is kept, where what runs it is installed; nothing
        is left, and an earlier artifact unchanged, if that or anything else fails. Layers for texts and categories that
        stand at the front are no part of the program: they go into `host.json`, beside or inside the artifact.

        Args:
            filepath: where to; a file or, in some formats, a folder.
            format: name of the format, such as "stablehlo", which JAX alone runs; see `docs/export.md`. Default: by the
                ending of `filepath`, else "tf_saved_model".
            verbose: False or 0 prints nothing; default: where the artifact is, and what it takes and gives.
            input_signature: shapes and dtypes of the inputs, where they are to be fixed or are not known: a list with
                one entry per argument of the call, of `InputSpec`s or anything with `shape` and `dtype`. Sizes that are
                None stay open.
            **kwargs: options of the format, see `docs/export.md`; `batch_size=1` fixes the batch size in most.

        Raises:
            sequax.export.ExportError: if the format lacks something that the model does, a package is missing, or what
                was written computes something else; the message says what to do.
            ValueError: for an unknown format.
            OSError: if the artifact cannot be written.
        """
        above.load("export").export_model(self, filepath, format, verbose, input_signature, **kwargs)

    def to_json(self, **kwargs: Any) -> str:
        """The architecture as JSON text for `model_from_json`; `kwargs` are those of `json.dumps`."""
        return configs.to_json(self, **kwargs)

    # --- configs ---

    @property
    def config_names(self) -> tuple[str, str, str] | None:
        """Module, class name and registered name in configs, where they are not those of the class."""
        public = family("keras")
        if self._graph is not None and public is not None and type(self) is public.classes["Functional"]:
            return "keras.src.models.functional", "Functional", "Functional"
        return None

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes the model from, JSON-friendly: of a graph the layers and how they are wired."""
        if self._graph is not None and "__init__" not in _own_methods(type(self)):
            return graph.config_of(self.name, self.trainable, self._graph)
        return super().get_config()

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects | None = None) -> Self:
        """A new model, with fresh weights, from `get_config()`.

        Args:
            config: the dict.
            custom_objects: the user's own classes and functions by name.

        Raises:
            LoadError: for a config that is refused; its message says where.
        """
        with custom_object_scope(custom_objects), reading() as current:
            check_own(cls, config)
            if not isinstance(config, Mapping) or not set(config) >= graph.GRAPH_KEYS:
                return super().from_config(config)
            with scope.beginning_with():
                inputs, outputs = graph.read(config, current.places.get(id(config), current.root))
            model = cls(inputs, outputs, name=config.get("name"))
        set_alone(model, config.get("trainable", True))  # each layer brings its own
        return model

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes that `build_from_config` needs; a graph needs none."""
        return {"input_shape": None} if self._graph is not None else super().get_build_config()

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Make the weights of a subclassed model by calling it on symbolic inputs of the shapes it was built for.

        Args:
            config: what `get_build_config` gave.
        """
        if self._graph is not None or not config:
            return
        by_name = config.get("shapes_dict")
        if by_name is None or "build" in _own_methods(type(self)):
            if config.get("input_shape") is not None or by_name is not None:
                super().build_from_config(config)
            return
        given = {key.removesuffix("_shape"): shapes.map_shapes(self._symbol, value) for key, value in by_name.items()}
        with scope.calling(self):
            self._symbolic_outputs = shapes.infer(self.__call__, (), given)
        self.built = True

    def _symbol(self, shape: ShapeLike) -> KerasTensor:
        return KerasTensor(shape, self.compute_dtype)

    def get_compile_config(self) -> dict[str, Any]:
        """The settings of `compile`, JSON-friendly; empty if not compiled."""
        return {} if self.compilation is None else self.compilation.get_config()

    def compile_from_config(self, config: dict[str, Any] | None) -> None:
        """Compile as `get_compile_config()` says; a model whose class has a `compile` of its own is left as it is.

        Args:
            config: what `get_compile_config` gave.
        """
        if config and not names.is_ours(type(self).compile):
            warn(
                f"`compile()` was not called as part of model loading because the model's `compile()` method is custom."
                f" Let {type(self).__name__} override `get_compile_config()` and `compile_from_config(config)`, too, or"
                f" call `compile()` yourself."
            )
        elif config:
            with reading():
                self.compile(**{key: deserialize(value) for key, value in config.items()})


def _own_methods(cls: type) -> set[str]:
    """Names of the methods that classes outside of Sequax define."""
    foreign = (base for base in cls.__mro__ if base is not object and not names.is_ours(base))
    return {name for base in foreign for name in vars(base)}
