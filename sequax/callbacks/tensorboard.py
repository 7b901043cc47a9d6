"""`TensorBoard`: what happens in training, as files that TensorBoard shows."""

from __future__ import annotations

import io
import json
import os
import textwrap
import time
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np

from ..core.kinds import Kind, Owner
from .base import Callback, Frequency, Logs
from .event_files import EventWriter
from .run_facts import learning_rates

_MOST_PIXELS = 2**22


class _UpdateFrequency(Frequency):
    """Once an epoch, after so many batches, or after each."""

    expected = '"epoch", "batch" or a number of batches'

    def resolve(self, value: object, name: str, owner: Owner) -> str | int:
        return 1 if value == "batch" else super().resolve(value, name, owner)


class _Batches(Kind):
    """First and last batch; None in place of 0."""

    expected = "a batch, counted from 1, a pair of first and last batch, or 0"

    def resolve(self, value: object, name: str, owner: Owner) -> tuple[int, int] | None:
        pair = tuple(value) if isinstance(value, list | tuple) else (value, value)
        if len(pair) == 2 and all(isinstance(number, int) and number >= 0 for number in pair) and pair[0] <= pair[1]:
            return pair if pair[0] > 0 else None
        return self.refuse(value, name, owner)


UpdateFrequency = Annotated[Literal["epoch", "batch"] | int, _UpdateFrequency()]
Batches = Annotated[int | tuple[int, int], _Batches()]


class TensorBoard(Callback):
    """Writes event files: `tensorboard --logdir logs` shows them.

    Args:
        log_dir: folder for the runs `train` and `validation`.
        histogram_freq: every that many epochs, histograms of the weights; 0: none.
        write_graph: the layers and the summary of the model (tabs "Graphs" and "Text").
        write_images: with the histograms, weights as pictures: one row for a vector, and for more than two axes the
            last one across. Not for weights of more than 4 million entries.
        write_steps_per_second: the speed, per epoch and, by `update_freq`, per batch.
        update_freq: `"epoch"`; or every that many batches the means over the epoch so far (`"batch"`: 1).
        profile_batch: batch, or first and last batch, counted from 1, whose work JAX's profiler records; 0: none.
        embeddings_freq: every that many epochs, the vectors of all `Embedding` layers (tab "Projector"); 0: none.
        embeddings_metadata: file with one label per row of an embedding: a name for all layers or a dict by layer name.

    Tags are those of Keras: `epoch_loss` over epochs in both runs, `epoch_learning_rate`, `batch_loss` over batches,
    `evaluation_loss_vs_iterations` over updates, `<path of the weight>/histogram`.

    Numbers other than `"epoch"` for `update_freq`, and `profile_batch`, make the loop return to Python after every
    batch, which costs speed on small models.

    Raises:
        ValueError: for arguments out of range, or metadata for a layer that is no `Embedding`.

    Example:

        model.fit(x, y, callbacks=[TensorBoard("logs/first", histogram_freq=1)])
    """

    histogram_freq: int
    write_graph: bool
    write_images: bool
    write_steps_per_second: bool
    update_freq: str | int
    profile_batch: tuple[int, int] | None
    embeddings_freq: int

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: UpdateFrequency = "epoch",
        profile_batch: Batches = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: str | dict[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.log_dir: str = os.fspath(log_dir)
        self.embeddings_metadata = embeddings_metadata
        self._writers: dict[str, EventWriter] = {}
        self._profiling = False
        self._restart()
        # Set on the object, so that the loop sees a batch hook only where one is needed.
        if self.update_freq != "epoch" or self.profile_batch:
            vars(self).update(on_train_batch_begin=self._begin_batch, on_train_batch_end=self._end_batch)

    def _restart(self) -> None:
        self._before_epoch = 0  # batches of all epochs until this one
        self._done = 0  # batches of this epoch
        self._epoch_begun = self._batch_begun = self._last_batch = time.perf_counter()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._restart()
        self._check_metadata()
        if self.write_graph:
            self._write_model()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._before_epoch += self._done
        self._done = 0
        self._epoch_begun = self._last_batch = time.perf_counter()

    def on_train_chunk_end(self, step: int, logs: Logs | None = None) -> None:
        self._done, self._last_batch = step, time.perf_counter()

    def _begin_batch(self, batch: int, logs: Logs | None = None) -> None:
        if self.profile_batch and self._before_epoch + batch + 1 == self.profile_batch[0] and self.leads:
            import jax

            jax.profiler.start_trace(os.path.join(self.log_dir, "train"))
            self._profiling = True
        self._batch_begun = time.perf_counter()

    def _end_batch(self, batch: int, logs: Logs | None = None) -> None:
        seconds, step = time.perf_counter() - self._batch_begun, self._before_epoch + batch + 1
        if self.profile_batch and step == self.profile_batch[1]:
            self._end_profile()
        if isinstance(self.update_freq, int) and step % self.update_freq == 0:
            values = dict(logs or {})
            if self.write_steps_per_second:
                values["steps_per_second"] = 1 / max(seconds, 1e-9)
            self._write_scalars("train", "batch_{}", values, step)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        values = {name: value for name, value in (logs or {}).items() if np.ndim(value) == 0}
        train = {name: value for name, value in values.items() if not name.startswith("val_")}
        seconds = self._last_batch - self._epoch_begun
        if self.write_steps_per_second and seconds > 0:
            train["steps_per_second"] = self._done / seconds
        self._write_scalars("train", "epoch_{}", {**learning_rates(self.model), **train}, epoch)
        validation = {name.removeprefix("val_"): value for name, value in values.items() if name not in train}
        self._write_scalars("validation", "epoch_{}", validation, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings(epoch)
        for writer in self._writers.values():
            writer.flush()

    def on_test_end(self, logs: Logs | None = None) -> None:
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is not None:
            values, step = logs or {}, int(optimizer.iterations)
            self._write_scalars("validation", "evaluation_{}_vs_iterations", values, step)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self.on_close()

    def on_close(self) -> None:
        self._end_profile()
        writers, self._writers = self._writers, {}
        for writer in writers.values():
            writer.close()

    def state_dict(self) -> dict[str, Any]:
        return {"batches": self._before_epoch + self._done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._before_epoch, self._done = int(state["batches"]), 0

    # What is written
    def _writer(self, run: str) -> EventWriter:
        if run not in self._writers:
            self._writers[run] = EventWriter(os.path.join(self.log_dir, run) if self.leads else None)
        return self._writers[run]

    def _write_scalars(self, run: str, tag: str, values: dict[str, Any], step: int) -> None:
        for name, value in values.items():
            self._writer(run).scalar(tag.format(name), value, step)

    def _write_model(self) -> None:
        lines = io.StringIO()
        self.model.summary(print_fn=lambda text, **_: lines.write(f"{text}\n"))
        # Four spaces: Markdown leaves such lines as they are.
        self._writer("train").text("model", textwrap.indent(lines.getvalue(), "    ", lambda line: True))
        try:
            config = json.dumps({"class_name": type(self.model).__name__, "config": self.model.get_config()})
        except (NotImplementedError, TypeError):  # a model of the user's own without a config; there is the summary
            return
        self._writer("train").model_graph(config)

    def _write_weights(self, epoch: int) -> None:
        writer = self._writer("train")
        for weight in self.model.weights:
            values = np.asarray(weight.numpy(), "float32")
            writer.histogram(f"{weight.path}/histogram", values, epoch)
            if self.write_images and 0 < values.size <= _MOST_PIXELS:
                width = values.shape[-1] if values.ndim else 1
                writer.image(f"{weight.path}/image", values.reshape(-1, width), epoch)

    def _write_embeddings(self, epoch: int) -> None:
        """Tables of text, and the list of them that the projector looks for."""
        folder = os.path.join(self.log_dir, "train")
        if self.leads:
            os.makedirs(os.path.join(folder, "embeddings"), exist_ok=True)
        entries = []
        for layer in self._embeddings():
            path = f"embeddings/{layer.name}-{epoch}.tsv"
            variable = getattr(layer, "adapted", layer.embeddings)
            table = variable.numpy()  # which takes all processes, if it is cut over them
            if variable.adapter is not None:  # of whole numbers, the floats they stand for
                table = variable.place.fetch(variable.adapter.weight(variable.stored, "float32"))
            if not self.leads:
                continue
            np.savetxt(os.path.join(folder, path), table, "%.6g", delimiter="\t")
            lines = [("tensor_name", variable.path), ("tensor_path", path)]
            metadata = self.embeddings_metadata
            metadata = metadata.get(layer.name) if isinstance(metadata, dict) else metadata
            if metadata is not None:
                lines.append(("metadata_path", os.path.abspath(metadata)))
            entries.append("".join(f"  {key}: {json.dumps(value)}\n" for key, value in lines))
        if not self.leads:
            return
        with open(os.path.join(folder, "projector_config.pbtxt"), "w", encoding="utf-8") as file:
            file.writelines(f"embeddings {{\n{entry}}}\n" for entry in entries)

    def _embeddings(self) -> Iterator[Any]:
        return (layer for layer in self.model.layers if hasattr(layer, "embeddings"))

    def _check_metadata(self) -> None:
        names = [layer.name for layer in self._embeddings()]
        named = self.embeddings_metadata if isinstance(self.embeddings_metadata, dict) else {}
        strangers = sorted(set(named) - set(names))
        if strangers:
            raise ValueError(
                f"TensorBoard: `embeddings_metadata` names {strangers}, but the Embedding layers of the model are"
                f" {names}."
            )

    def _end_profile(self) -> None:
        if self._profiling:
            import jax

            self._profiling = False
            jax.profiler.stop_trace()
