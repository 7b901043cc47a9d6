"""Where arrays lie while a model is trained, evaluated or asked for predictions: on one device, or over several.

A `Placement` is found once per public call (`where`), and handed to sources, jobs and compiled programs, so that
nothing else has to know how many devices there are. That of one device is the identity. `Spread` answers with
shardings over a mesh of devices; the programs are the same, and XLA adds what the devices have to tell each other.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec, Sharding

from .._holding import Holding
from . import peers, scope, tracking
from .types import Tensor

if TYPE_CHECKING:
    from .layer import Layer
    from .variable import Variable

T = TypeVar("T")


class Placement:
    """One device, JAX' default.

    Attributes:
        devices: how many there are.
        is_spread: whether arrays say themselves on which devices they lie.
        cuts_rows: whether each device has a part of the rows of a batch.
        cuts_weights: whether no device may have all of a variable.
        processes: whose devices they are.
        own_rows: each process has other rows, which together are a batch.
        key: placements of equal keys place alike.
    """

    devices: int = 1
    is_spread: bool = False
    cuts_rows: bool = False
    cuts_weights: bool = False
    processes: int = 1
    own_rows: bool = False
    key: Hashable = None

    # --- processes ---

    @property
    def leads(self) -> bool:
        """Whether this process writes files and shows what is shown."""
        return self.processes == 1 or peers.leads()

    def agreed(self, value: T) -> T:
        """What process 0 has: for what a clock or a single process decides. All call it in the same order."""
        return value if self.processes == 1 else peers.agreed(value)

    # --- arrays ---

    def put(self, arrays: object, in_place: bool = False) -> Any:
        """A structure of NumPy arrays as device arrays, whole on each device.

        Args:
            in_place: the device may use the memory of the arrays.
        """
        return jax.device_put(arrays, may_alias=in_place or None)

    def fetch(self, array: Tensor) -> np.ndarray:
        """A device array as a NumPy array, which may look into its memory.

        One that is cut over processes is put together: all of them have to call this.
        """
        # Not jax.device_get, which takes twenty microseconds for what takes two.
        try:
            return np.asarray(array)
        except RuntimeError:
            if array.is_fully_addressable:
                raise
            return _collected(array)

    def variable(self, variable: Variable, value: jax.Array) -> jax.Array:
        """The value of a variable where it has to lie."""
        return value if len(value.sharding.device_set) == 1 else jnp.asarray(self.fetch(value))

    def share_of(self, variable: Variable) -> tuple[int, ...]:
        """The shape of what each device has of a variable."""
        return variable.shape

    def lay(self, variables: Iterable[Variable]) -> None:
        """Let the variables lie here, if they lie elsewhere."""
        if Spread.exists:
            _move(self, variables)

    def laid(self, table: dict[str, Variable], values: dict[str, jax.Array]) -> dict[str, jax.Array]:
        """New values of variables, made by a program, where they have to lie."""
        return values

    def columns(self, batch_size: int) -> np.ndarray | None:
        """Which rows of each batch this process has to have, ascending; None: all."""
        return None

    # --- programs ---

    def jitted(
        self, function: Callable[..., Any], examples: tuple[Any, ...], donate: tuple[int, ...], out: Any = None
    ) -> jax.stages.Wrapped:
        """The function for JAX to trace.

        Args:
            examples: its arguments, or abstract ones.
            donate: positions of arguments whose buffers the program may reuse.
            out: arrays, or structures of them, that its results lie like; None: on each device.
        """
        return jax.jit(function, donate_argnums=donate)

    def eager(self, function: T) -> T:
        """The function where nothing is compiled."""
        return function

    def unused(self) -> list[str]:
        """Paths that layouts were given for, and that nothing has had so far."""
        return []

    def lies(self, arrays: Sequence[Any]) -> Hashable:
        """What a program depends on besides the shapes of its arguments."""
        return None

    # --- inside of programs ---

    def batch(self, rows: T) -> T:
        """The rows of one step, each device its part of them."""
        return rows

    def whole(self, arrays: T) -> T:
        """Arrays that each device has all of."""
        return arrays

    def gathered(self, params: T) -> T:
        """Values of variables as a loss is to see them."""
        return params

    def gradients(self, values: Sequence[Any], variables: Sequence[Variable]) -> list[Any]:
        """Gradients that lie like their variables."""
        return list(values)

    def output(self, layer: Layer, outputs: T) -> T:
        """The outputs of a layer as they were asked to lie."""
        return outputs


DEVICE = Placement()


class Spread(Placement):
    """The devices of a mesh: rows of a batch are cut along one axis of it, variables as `layout` says.

    Args:
        mesh: of JAX devices.
        batch_axis: the name of the axis that batches are cut along.
        key: tells layouts apart, if there are any.
        layout: gives the sharding of a variable; None: it is whole on each device.
        output: gives the sharding of what the layer of a path returns, None: as it comes.
        gathers: variables are put together at the start of a loss.
        cuts_weights: whether a layout may cut variables.
        own_rows: of several processes, each has rows of its own in data sets.
        unused: gives the paths that layouts were given for and that nothing has had so far.
    """

    mesh: Mesh
    batch_axis: str
    gathers: bool
    exists: bool = False  # whether there was one in this process
    is_spread = cuts_rows = True

    def __init__(
        self,
        mesh: Mesh,
        batch_axis: str,
        key: Hashable = None,
        layout: Callable[[Variable], Sharding] | None = None,
        output: Callable[[str], Sharding | None] | None = None,
        gathers: bool = False,
        cuts_weights: bool = False,
        own_rows: bool = False,
        unused: Callable[[], list[str]] = list,
    ):
        Spread.exists = True
        self.mesh, self.batch_axis, self.gathers = mesh, batch_axis, gathers
        self.devices: int = mesh.devices.size
        self.parts: int = mesh.shape[batch_axis]
        self.key: Hashable = (mesh, batch_axis, key, gathers, own_rows)
        self.cuts_weights: bool = cuts_weights
        self._devices = frozenset(mesh.devices.flat)
        owners = {device.process_index for device in self._devices}
        self.processes = len(owners)
        if peers.index() not in owners or self.processes not in (1, peers.count()):
            raise ValueError(
                f"A mesh has devices of all {peers.count()} processes of the run, or of one's own alone. Received, in"
                f" process {peers.index()}, devices of {sorted(owners)}: {list(mesh.devices.flat)}"
            )
        self.own_rows = own_rows and self.processes > 1
        self._layout, self._output, self._unused = layout, output, unused
        self._whole = NamedSharding(mesh, PartitionSpec())
        self._rows = NamedSharding(mesh, PartitionSpec(batch_axis))
        self._columns = NamedSharding(mesh, PartitionSpec(None, batch_axis))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spread) and (self is other or self.key == other.key)

    def __hash__(self) -> int:
        return hash(self.key)

    def put(self, arrays: object, in_place: bool = False) -> Any:
        return jax.tree.map(lambda array: _put(array, self._whole), arrays)

    def columns(self, batch_size: int) -> np.ndarray | None:
        if self.processes == 1 or batch_size % self.parts:
            return None
        part = batch_size // self.parts
        return (np.array(self._parts_here)[:, None] * part + np.arange(part)).reshape(-1)

    def put_columns(self, array: np.ndarray, batch_size: int) -> jax.Array:
        """An array of batches, each of which is cut; whole on each device if its rows cannot be shared out evenly.

        Args:
            array: the `columns` of the batches.
            batch_size: rows of a whole batch.
        """
        here = self.columns(batch_size)
        if here is None:
            return _put(array, self._columns if batch_size % self.parts == 0 else self._whole)

        def part(index: Any) -> np.ndarray:
            first, stop, _ = index[1].indices(batch_size)
            begin = int(np.searchsorted(here, first))
            return array[:, begin : begin + stop - first]

        return jax.make_array_from_callback((len(array), batch_size, *array.shape[2:]), self._columns, part)

    @cached_property
    def _parts_here(self) -> list[int]:
        """Which parts of a batch the devices of this process have."""
        cut = self.mesh.axis_names.index(self.batch_axis)
        places = np.ndenumerate(self.mesh.devices)
        return sorted({place[cut] for place, device in places if device.process_index == peers.index()})

    @property
    def row_processes(self) -> int:
        """Into how many parts, one for a process, the rows of a batch are cut."""
        return self.parts // max(1, len(self._parts_here))

    def put_own_columns(self, array: np.ndarray) -> jax.Array:
        """The same of batches of which each process has a part.

        Raises:
            ValueError: if the rows of this process cannot be shared out evenly over its devices.
        """
        here = self.parts // self.row_processes
        if array.shape[1] % here:
            raise ValueError(
                f"With `auto_shard_dataset=False`, each process gives batches whose rows its {here} devices can share"
                f" evenly. Received a batch of {array.shape[1]} rows; leave a short last batch out"
                f" (`drop_remainder=True`), or take another batch size."
            )
        return jax.make_array_from_process_local_data(self._columns, array)

    def sharding_of(self, variable: Variable) -> Sharding:
        """How a variable lies: as one it stands beside does, if there is one of its shape."""
        leader = variable.beside
        if self._layout is None:
            return self._whole
        found = self._layout(variable if leader is None or leader.shape != variable.shape else leader)
        # One way to say it, as programs are found by how their arguments lie.
        return self._whole if found.is_fully_replicated and found.device_set == self._devices else found

    def share_of(self, variable: Variable) -> tuple[int, ...]:
        return tuple(self.sharding_of(variable).shard_shape(variable.shape))

    def variable(self, variable: Variable, value: jax.Array) -> jax.Array:
        return _put(value, self.sharding_of(variable))

    def lay(self, variables: Iterable[Variable]) -> None:
        given = list(variables)
        if any(variable.place != self for variable in given):
            for variable in given:
                self.sharding_of(variable)  # raises before anything moves
            _move(self, given)

    def laid(self, table: dict[str, Variable], values: dict[str, jax.Array]) -> dict[str, jax.Array]:
        return {key: self.variable(table[key], value) for key, value in values.items()}

    def jitted(
        self, function: Callable[..., Any], examples: tuple[Any, ...], donate: tuple[int, ...], out: Any = None
    ) -> jax.stages.Wrapped:
        def here(*given: Any) -> Any:
            with active_is(self):
                return function(*given)

        results = self._whole if out is None else jax.tree.map(self._sharding, out, is_leaf=lambda one: one is None)
        given = jax.tree.map(self._sharding, examples)
        return jax.jit(here, donate_argnums=donate, in_shardings=given, out_shardings=results)

    def eager(self, function: Any) -> Any:
        def here(*given: Any) -> Any:
            with active_is(self):
                return function(*given)

        return here

    def lies(self, arrays: Sequence[Any]) -> Hashable:
        return self.key, tuple(map(self._sharding, arrays))

    def _sharding(self, array: Any) -> Sharding:
        found = getattr(array, "sharding", None)
        return found if isinstance(found, NamedSharding) and found.device_set == self._devices else self._whole

    def unused(self) -> list[str]:
        return self._unused()

    def batch(self, rows: Any) -> Any:
        return jax.tree.map(lambda array: _constrained(array, self._rows) if np.ndim(array) else array, rows)

    def whole(self, arrays: Any) -> Any:
        return jax.tree.map(lambda array: _constrained(array, self._whole), arrays)

    def gathered(self, params: Any) -> Any:
        return self.whole(params) if self.gathers else params

    def gradients(self, values: Sequence[Any], variables: Sequence[Variable]) -> list[Any]:
        if not self.cuts_weights:
            return list(values)
        pairs = zip(values, variables, strict=True)
        return [None if value is None else _constrained(value, self.sharding_of(v)) for value, v in pairs]

    def output(self, layer: Layer, outputs: Any) -> Any:
        wanted = None if self._output is None or layer.path is None else self._output(f"{layer.path}/output")
        return outputs if wanted is None else jax.tree.map(lambda array: _constrained(array, wanted), outputs)


def _put(array: Any, sharding: Sharding) -> jax.Array:
    if isinstance(array, jax.Array) and array.sharding == sharding:
        return array
    with jax.ensure_compile_time_eval():  # layers may be built while something is traced
        return _put_now(array, sharding)


def _put_now(array: Any, sharding: Sharding) -> jax.Array:
    if sharding.is_fully_addressable:
        return jax.device_put(array if getattr(array, "is_fully_addressable", True) else _collected(array), sharding)
    # Every process has all of it and takes what is its own: nothing is told, so that threads may do so, too.
    whole = _collected(array) if isinstance(array, jax.Array) else np.asarray(array)
    return jax.make_array_from_callback(whole.shape, sharding, lambda index: whole[index])


def _collected(array: jax.Array) -> np.ndarray:
    """All of an array; of one that is cut over processes, it takes all of them to call this."""
    if _is_cut_over_processes(array):
        mesh = array.sharding.mesh  # type: ignore[attr-defined] # it is one of ours
        array = jax.jit(_same, out_shardings=NamedSharding(mesh, PartitionSpec()))(array)
    return np.asarray(array)


def _is_cut_over_processes(array: Any) -> bool:
    if not isinstance(array, jax.Array) or isinstance(array, jax.core.Tracer):
        return False
    return not array.is_fully_addressable and not array.is_fully_replicated


def whole_here(array: T) -> T:
    """An array for who computes with it alone: one that is cut over processes is put together, as by `fetch`."""
    return jnp.asarray(_collected(array)) if _is_cut_over_processes(array) else array  # type: ignore[arg-type,return-value] # a JAX array


@contextmanager
def fetched(variables: Iterable[Variable]) -> Iterator[None]:
    """Inside, one process alone may read these variables, and compute with them: all processes put together here what
    is cut over them."""
    outer = scope.frame()
    known = {} if outer is None else outer.values  # of a file that is a part of what is written
    cut = [v for v in variables if v.place.processes > 1 and id(v) not in known and _is_cut_over_processes(v.stored)]
    whole = [whole_here(v.stored) for v in cut]
    with scope.framed(scope.Frame(cut, whole, strict=False, outer=outer) if cut else outer):
        yield


def _same(array: jax.Array) -> jax.Array:
    return array


def _constrained(array: Any, sharding: Sharding) -> Any:
    return jax.lax.with_sharding_constraint(array, sharding)


def _move(place: Placement, variables: Iterable[Variable]) -> None:
    moved = False
    for variable in variables:
        if variable.place != place:
            variable.move(place)
            moved = True
    if moved:
        tracking.note_change()  # programs and predictors were made for where they lay


# --- which one ------------------------------------------------------------------------------------------------------

_chosen: Placement | None = None
_choices = 0  # that were made
_active: ContextVar[Placement] = ContextVar("placement", default=DEVICE)


def choose(place: Placement | None) -> None:
    """Let models lie here, those that are there and those that will be made; None: each where it is."""
    global _chosen, _choices
    if place is not _chosen:
        _chosen = place
        _choices += 1
        tracking.note_change()


def chosen() -> Placement | None:
    """What was chosen for all models; None if nothing was."""
    return _chosen


def want(model: Any, place: Placement) -> None:
    """Let one model lie here, until another choice is made for all."""
    vars(model)["_wanted_place"] = place, _choices


def is_chosen(model: Layer) -> bool:
    """Whether somebody has said where a model is to lie."""
    return _chosen is not None or "_wanted_place" in vars(model)


def where(model: Layer) -> Placement:
    """Where a model is to be computed with: as wanted or chosen, whichever was last; else where its weights lie."""
    wanted, choices = vars(model).get("_wanted_place", (None, -1))
    if choices == _choices:
        return wanted
    if _chosen is not None:
        return _chosen
    if not Spread.exists:
        return DEVICE
    return next((variable.place for variable in model.state_variables), DEVICE)


def active() -> Placement:
    """Inside of a program: the one that it is traced for."""
    return _active.get()


def active_is(place: Placement) -> Holding[Placement]:
    """Inside, what is traced is for this placement."""
    return Holding(_active, place)
