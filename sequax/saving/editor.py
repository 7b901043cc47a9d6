"""`KerasFileEditor`: look at the weights of a file, change which objects it has, and save it again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.types import Config, Path
from . import atomic, hdf5_writer, weights
from .archive import CONFIG, METADATA, Archive
from .errors import LoadError
from .hdf5_reader import File
from .source import Source

if TYPE_CHECKING:
    from rich.console import Console
    from rich.tree import Tree

    from ..model import Model

_VARS = "vars"
_RED, _GREEN = "color(160)", "color(28)"


class KerasFileEditor:
    """The weights of a `.keras` or `.weights.h5` file as a tree of objects, to be inspected and changed in memory.

    The file is read whole when the editor is made, under the same checks as `load_weights`, and never written to.

    Args:
        filepath: ends with `.keras` or `.weights.h5`.

    Attributes:
        weights_dict: objects by name, nested; their weights by name (`"0"`, `"1"`) as NumPy arrays. It may be edited.
        object_metadata: names of layers by path of the object, such as `{"layers/dense": "my_dense"}`.
        config, metadata: what a `.keras` file says of its model, else None.

    Raises:
        ValueError: for another ending.
        LoadError: if the file is damaged or refused.

    Example:

        editor = KerasFileEditor("model.weights.h5")
        editor.summary()
        editor.compare(reference_model)
        editor.rename_object("dense_3", "dense_2")
        editor.delete_object("layers/dropout")
        editor.add_object("layers/dense_3", weights={"0": kernel, "1": bias})
        editor.resave_weights("edited.weights.h5")
    """

    config: Config | None
    metadata: Config | None
    model: None

    def __init__(self, filepath: Path):
        self.filepath: str = os.fsdecode(os.fspath(filepath))
        self.config = self.metadata = self.model = None
        if self.filepath.endswith(".keras"):
            with Source.of(self.filepath) as source:
                archive = Archive(source)
                archive.version()  # refuses what is no model
                self.config, self.metadata = archive.json(CONFIG), archive.json(METADATA)
                self._read(archive.weights())
        elif self.filepath.endswith(".weights.h5"):
            with Source.of(self.filepath) as source:
                self._read(source)
        else:
            raise ValueError(f"Expected a file `*.keras` or `*.weights.h5`. Received: filepath={filepath}")
        self.console.print(f"Keras model file [bold]{_plain(self.filepath)}[/]")
        if isinstance(self.metadata, Mapping):
            known = (self.metadata.get(key) for key in ("keras_version", "date_saved"))
            self.console.print("Written by Keras {} on {}".format(*map(_plain, known)))

    @property
    def console(self) -> Console:
        """Where the editor prints; a `rich.console.Console`."""
        from rich.console import Console

        return Console(highlight=False)

    def _read(self, source: Source) -> None:
        file = File(source)
        arrays = weights.read_paths(sorted(file.datasets), file.datasets, source.name, source.size)
        for path, array in arrays.items():
            if array.dtype.kind not in "fiub" and array.dtype.name != "bfloat16":
                raise LoadError(f"{source.name}: {path!r} holds elements of type {array.dtype}, which are no numbers.")
        self.weights_dict: dict[str, Any] = _tree(arrays)
        self.object_metadata: dict[str, str] = {
            path.removesuffix(f"/{_VARS}"): str(group.attribute("name"))
            for path, group in file.groups.items()
            if path.endswith(f"/{_VARS}") and group.attribute("name") is not None
        }

    # --- looking ---

    def summary(self) -> None:
        """Print the objects and the shapes of their weights."""
        from rich.tree import Tree

        tree = Tree("Weights structure")
        for branch, name, value in _walk(self.weights_dict, tree):
            branch(f"[bold]{_plain(name)}[/]" if isinstance(value, dict) else f"{_plain(name)}: {_described(value)}")
        self.console.print(tree)

    def compare(self, reference_model: Model) -> dict[str, Any]:
        """Hold the file against a model, and print each difference.

        Args:
            reference_model: built.

        Returns:
            `status`, `"success"` or `"error"`; `error_count`, objects or weights that one side lacks or that have
            other shapes; and `match_count`, weights with equal shapes. The optimizer counts where the file has one.
        """
        state = "optimizer" in self.weights_dict
        expected = _tree(weights.contents(reference_model, optimizer=state)[0])
        console, errors, matches = self.console, 0, 0
        console.print("Running comparison")
        for path, one, other in _pairs(self.weights_dict, expected):
            if one is not None and other is not None and np.shape(one) == np.shape(other):
                matches += 1
                continue
            errors += 1
            kind = "Object" if isinstance(one if other is None else other, dict) else "Weight"
            if one is None or other is None:
                lacking, having = ("file", "model") if one is None else ("model", "file")
                told = f"is in the {having}, but not in the {lacking}: {_described(other if one is None else one)}"
            else:
                told = f"is {_described(one)} in the file and {_described(other)} in the model"
            console.print(f"[{_RED}]{kind} [bold]{_plain(path)}[/] {told}[/]")
        if errors:
            console.print(f"[{_RED}]The file does not fit the model: {errors} differences.[/]")
        else:
            console.print(f"[{_GREEN}]The file fits the model: {matches} matching weights.[/]")
        return {"status": "error" if errors else "success", "error_count": errors, "match_count": matches}

    # --- changing ---

    def rename_object(self, object_name: str, new_name: str) -> None:
        """Give an object another name.

        Args:
            object_name: its name, if no other object has it, or its path: `"dense_2"`, `"layers/dense_2"`.
            new_name: the last part of the path alone.

        Raises:
            ValueError: if there is no such object, or several; or if the new name is a path, or taken.
        """
        if not new_name or "/" in new_name:
            raise ValueError(f"`new_name` is the last part of a path, without '/'. Received: new_name={new_name!r}")
        parent, name = self._found(object_name)
        if new_name != name and new_name in parent:
            raise ValueError(
                f"There is an object {new_name!r} beside {object_name!r} already. Delete or rename it first."
            )
        kept = {(new_name if key == name else key): value for key, value in parent.items()}
        parent.clear()
        parent.update(kept)

    def delete_object(self, object_name: str) -> None:
        """Remove an object, by name or path, with all it holds."""
        parent, name = self._found(object_name)
        del parent[name]

    def add_object(self, object_path: str, weights: dict[str, Any]) -> None:
        """Add an object.

        Args:
            object_path: its path, such as `"layers/dense_3"`; what it lies in must exist.
            weights: arrays by name, such as `{"0": kernel, "1": bias}`.

        Raises:
            ValueError: for weights that are no dict, a path that does not exist, or one that is taken.
        """
        above, _, name = object_path.rpartition("/")
        parent = self.weights_dict
        for part in above.split("/") if above else ():
            parent = parent.get(part)  # type: ignore[assignment]
            if not isinstance(parent, dict):
                raise ValueError(f"Path {above!r} not found in the file. `summary()` lists all objects.")
        if name in parent:
            raise ValueError(f"There is an object {object_path!r} already. Use `add_weights`, or delete it first.")
        parent[name] = _arrays(weights)

    def add_weights(self, object_name: str, weights: dict[str, Any]) -> None:
        """Add weights to an object, by name or path; those of the same names are replaced."""
        given = _arrays(weights)
        parent, name = self._found(object_name)
        parent[name].update(given)

    def delete_weight(self, object_name: str, weight_name: str) -> None:
        """Remove one weight, such as `"1"`, of an object."""
        parent, name = self._found(object_name)
        if isinstance(parent[name].get(weight_name), (dict, type(None))):
            known = [key for key, value in parent[name].items() if not isinstance(value, dict)]
            raise ValueError(f"Object {object_name!r} has no weight {weight_name!r}. Its weights: {known}")
        del parent[name][weight_name]

    def _found(self, name: str) -> tuple[dict[str, Any], str]:
        """The dict that holds an object, and its name there."""
        objects = dict(_objects(self.weights_dict))
        paths = [name] if name in objects else [path for path in objects if path.rpartition("/")[2] == name]
        if not paths:
            raise ValueError(f"No object {name!r} is in the file. `summary()` lists all objects.")
        if len(paths) > 1:
            raise ValueError(f"The name {name!r} occurs more than once: {paths}. Pass the path.")
        return objects[paths[0]], paths[0].rpartition("/")[2]

    # --- saving ---

    def save(self, filepath: Path) -> None:
        """Write the weights to a `.weights.h5` file, whole or not at all.

        Raises:
            ValueError: for another ending.
        """
        path = os.fsdecode(os.fspath(filepath))
        if not path.endswith(".weights.h5"):
            raise ValueError(f"The edited weights are saved as `*.weights.h5`. Received: filepath={filepath}")
        arrays = {}
        for inner, parent in [("", {"": self.weights_dict}), *_objects(self.weights_dict)]:
            for key, value in parent[inner.rpartition("/")[2]].items():
                if not isinstance(value, dict):
                    arrays["/".join(filter(None, (inner, _VARS, key)))] = value
        groups = {f"{inner}/{_VARS}": {"name": name} for inner, name in self.object_metadata.items()}
        kept = {path.rpartition("/")[0] for path in arrays}
        atomic.write(path, hdf5_writer.to_bytes(arrays, {g: one for g, one in groups.items() if g in kept}))

    resave_weights = save


def _tree(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Arrays by their paths in a file as nested dicts, in which the groups `vars` are left out."""
    root: dict[str, Any] = {}
    for path, array in arrays.items():
        *parts, name = path.split("/")
        here = root
        for part in parts:
            if part != _VARS:
                here = here.setdefault(part, {})
        here[name] = array
    return root


def _objects(tree: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """The path of each object, and the dict that holds it."""
    for name, value in tree.items():
        if isinstance(value, dict):
            inner = f"{path}/{name}" if path else name
            yield inner, tree
            yield from _objects(value, inner)


def _pairs(one: dict[str, Any], other: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Weights of both sides by path, and objects that one side lacks."""
    for name in {**one, **other}:
        inner, left, right = f"{path}/{name}" if path else name, one.get(name), other.get(name)
        if isinstance(left, dict) and isinstance(right, dict):
            yield from _pairs(left, right, inner)
        else:
            yield inner, left, right


def _walk(tree: dict[str, Any], node: Tree) -> Iterator[tuple[Callable[..., None], str, object]]:
    for name, value in tree.items():
        made: list[Any] = []
        yield lambda text, made=made: made.append(node.add(text)), name, value
        if isinstance(value, dict):
            yield from _walk(value, made[0])


def _described(value: object) -> str:
    if isinstance(value, dict):
        return _plain(", ".join(value) or "empty")
    array = np.asarray(value)
    return _plain(f"shape={array.shape}, dtype={array.dtype}")


def _plain(text: object) -> str:
    """A text of a file or user, without a meaning to rich."""
    from rich.markup import escape

    return escape(str(text))


def _arrays(given: object) -> dict[str, np.ndarray]:
    if not isinstance(given, Mapping):
        raise ValueError(
            f"`weights` must be a dict from names of weights, such as '0', to arrays. Received: {type(given).__name__}"
        )
    return {str(name): np.asarray(value) for name, value in given.items()}
