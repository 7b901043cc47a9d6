"""`tf.summary`: values written for TensorBoard, at steps; and the messages with which its plugins write their own."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...callbacks.event_files import EventWriter
from ...core.needed import needed
from ...core.types import ArrayLike, DTypeLike
from .files import FileName, path_of
from .member import Member
from .serving import Table
from .values import StringTensor, as_dtype, bytes_of, tensor

MEMBERS = Table()
_writers: list[Writer | None] = []
_step: list[Any] = [None]
_recording: list[Any] = [True]


class Writer:
    """Writes into a folder. Values go to the writer that is the default when they are made."""

    def __init__(self, logdir: FileName):
        self._events = EventWriter(path_of(logdir))

    @property
    def events(self) -> EventWriter:
        return self._events

    @contextlib.contextmanager
    def as_default(self, step: ArrayLike | None = None) -> Iterator[Writer]:
        before = _step[0]
        _writers.append(self)
        _step[0] = before if step is None else step
        try:
            yield self
        finally:
            _writers.pop()
            _step[0] = before
            self.flush()

    def set_as_default(self, step: ArrayLike | None = None) -> None:
        _writers[:] = [self]
        _step[0] = _step[0] if step is None else step

    def init(self) -> None: ...

    def flush(self) -> None:
        self._events.flush()

    def close(self) -> None:
        self._events.close()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()


@MEMBERS.serve("summary.create_file_writer")
def create_file_writer(
    logdir: FileName,
    max_queue: object = None,
    flush_millis: object = None,
    filename_suffix: object = None,
    **old: object,
) -> Writer:
    return Writer(logdir)


def _place(name: str, step: ArrayLike | None) -> tuple[EventWriter, int] | None:
    """Where to write and at which step; None where nothing is written."""
    writer = _writers[-1] if _writers else None
    if writer is None or not _records():
        return None
    step = _step[0] if step is None else step
    if step is None:
        raise ValueError(
            f"tensorflow.summary: {name!r} has no step. Pass `step=`, or call tf.summary.experimental.set_step."
        )
    return writer.events, int(np.asarray(step))


def _records() -> bool:
    found = _recording[0]
    return bool(np.asarray(found() if callable(found) else found))


@MEMBERS.serve("summary.scalar", "scalar_summary")
def scalar(name: str, data: Any = None, step: ArrayLike | None = None, description: object = None) -> bool:
    place = _place(name, step)
    if place is not None:
        place[0].scalar(name, float(np.asarray(tensor(data))), place[1])
    return place is not None


@MEMBERS.serve("summary.histogram", "histogram_summary")
def histogram(
    name: str, data: ArrayLike, step: ArrayLike | None = None, buckets: object = None, description: object = None
) -> bool:
    place = _place(name, step)
    if place is not None:
        place[0].histogram(name, np.asarray(tensor(data)).view(np.ndarray), place[1])
    return place is not None


@MEMBERS.serve("summary.text")
def text(name: str, data: ArrayLike, step: ArrayLike | None = None, description: object = None) -> bool:
    place = _place(name, step)
    if place is not None:
        texts = StringTensor(data).reshape(-1)
        place[0].text(name, "\n\n".join(bytes_of(one).decode() for one in texts), place[1])
    return place is not None


@MEMBERS.serve("summary.image")
def image(
    name: str, data: ArrayLike, step: ArrayLike | None = None, max_outputs: int = 3, description: object = None
) -> bool:
    place = _place(name, step)
    if place is None:
        return False
    from PIL import Image

    values = np.asarray(tensor(data)).view(np.ndarray)
    if values.dtype.kind == "f":
        values = (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)
    for number, one in enumerate(values[: int(max_outputs)]):
        written = io.BytesIO()
        Image.fromarray(one[..., 0] if one.shape[-1] == 1 else one).save(written, "PNG")
        tag = f"{name}/image/{number}" if len(values) > 1 else f"{name}/image"
        place[0].picture(tag, one.shape, written.getvalue(), place[1])
    return True


@MEMBERS.serve("summary.experimental.write_raw_pb", "summary.write_raw_pb")
def write_raw_pb(tensor: Any, step: ArrayLike | None = None, name: str | None = None) -> bool:
    """Write an encoded message `Summary`, as plugins of TensorBoard do."""
    place = _place(name or "write_raw_pb", step)
    if place is not None:
        place[0].summary(bytes_of(tensor), place[1])
    return place is not None


@contextlib.contextmanager
def summary_scope(name: str, default_name: str = "summary", values: object = None) -> Iterator[tuple[str, str]]:
    yield name or default_name, name or default_name


class TensorBoardMessage:
    """A type of message that TensorBoard has as well, imported when it is used."""

    def __init__(self, module: str, name: str):
        self._module, self._name = module, name

    def _found(self) -> Any:
        return getattr(needed(f"tensorboard.compat.proto.{self._module}", f"tensorflow.{self._name}"), self._name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._found()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._found(), name)


@MEMBERS.serve("make_tensor_proto")
def make_tensor_proto(values: ArrayLike, dtype: DTypeLike | None = None, shape: Any = None) -> Any:
    """An array as a message, by TensorBoard's own function."""
    made = needed("tensorboard.util.tensor_util", "tensorflow.make_tensor_proto").make_tensor_proto
    return made(values, None if dtype is None else as_dtype(dtype).name, shape)


@MEMBERS.serve("make_ndarray")
def make_ndarray(tensor: Any) -> np.ndarray:
    return needed("tensorboard.util.tensor_util", "tensorflow.make_ndarray").make_ndarray(tensor)


@MEMBERS.serve("summary.experimental.set_step")
def set_step(step: ArrayLike | None) -> None:
    _step[0] = step


@MEMBERS.serve("summary.experimental.get_step")
def get_step() -> Any:
    return _step[0]


@contextlib.contextmanager
def record_if(condition: Any) -> Iterator[None]:
    before, _recording[0] = _recording[0], condition
    try:
        yield
    finally:
        _recording[0] = before


@MEMBERS.serve("summary.should_record_summaries")
def should_record_summaries() -> bool:
    return bool(_writers) and _records()


@MEMBERS.serve("summary.flush")
def flush(writer: Writer | Silent | None = None) -> None:
    for one in [writer] if writer is not None else _writers:
        if one is not None:
            one.flush()


@MEMBERS.serve("summary.trace_on", "summary.trace_off", "summary.trace_export", "summary.graph")
def no_trace(*args: object, **kwargs: object) -> None:
    """There is no graph to trace; `jax.profiler` shows what runs."""


class Silent(contextlib.AbstractContextManager["Silent"]):
    """A writer that writes nothing."""

    @contextlib.contextmanager
    def as_default(self, step: ArrayLike | None = None) -> Iterator[Silent]:
        _writers.append(None)
        try:
            yield self
        finally:
            _writers.pop()

    def __exit__(self, *problem: object) -> None: ...

    def flush(self) -> None: ...

    close = set_as_default = init = flush


MEMBERS |= {
    "summary.SummaryWriter": Member(Writer),
    "summary.create_noop_writer": Member(Silent),
    "summary.record_if": Member(record_if),
    **dict.fromkeys(("summary.summary_scope", "summary.experimental.summary_scope"), Member(summary_scope)),
    **{name: Member(TensorBoardMessage("summary_pb2", name)) for name in ("Summary", "SummaryMetadata")},
}
