"""What several processes do together, as functions that one process can do alone: `test_together.py` compares.

As a script: `sequax launch --processes 2 tests/together.py NAME FOLDER`; each process writes what the function of that
name returns.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

import sequax as sq
from sequax import distribution
from sequax.core import peers
from sequax.training import fit as training

ROWS = 100


def here():
    return distribution.process_index()


def everywhere():
    return "all" if distribution.process_count() > 1 else None


def data(rows=ROWS):
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, 8)).astype("float32")
    return x, (x.sum(axis=1, keepdims=True) > 0).astype("float32")


def model(seed=3, dropout=0.3, optimizer="sgd"):
    sq.utils.set_random_seed(seed)
    layers = sq.layers
    stack = [sq.Input((8,)), layers.Dense(24, "relu"), layers.BatchNormalization(), layers.Dropout(dropout)]
    made = sq.Sequential([*stack, layers.Dense(1, "sigmoid")])
    made.compile(optimizer, "binary_crossentropy", metrics=["accuracy", "auc"])
    return made


def told(made, history):
    x, y = data()
    return {
        "history": history.history,
        "evaluated": made.evaluate(x, y, batch_size=30, verbose=0, return_dict=True),
        "predicted": made.predict(x[:5], verbose=0).tolist(),
        "weights": [float(np.abs(w).sum()) for w in made.get_weights()],
    }


# --- all of them train one model ---


def arrays(folder):
    x, y = data()
    made = model()
    log, best = sq.callbacks.CSVLogger(folder / "log.csv"), sq.callbacks.ModelCheckpoint(folder / "{epoch}.keras")
    history = made.fit(
        x, y, batch_size=30, epochs=3, verbose=2, validation_split=0.2, callbacks=[log, best], devices=everywhere()
    )
    return told(made, history)


def blocks(folder):
    os.environ["SEQUAX_RESIDENT_MB"] = "0"
    try:
        x, y = data()
        made = model()
        history = made.fit(x, y, batch_size=32, epochs=2, verbose=0, devices=everywhere())
        only_first_writes(folder, made, history)
        return told(made, history)
    finally:
        del os.environ["SEQUAX_RESIDENT_MB"]


class Logged:
    """Rows on a disk, of which one can say later which were asked for."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.asked = array, array.shape, array.dtype, []

    def __len__(self):
        return len(self.array)

    def __getitem__(self, rows):
        self.asked.extend(range(rows.start, rows.stop))
        return self.array[rows]


def on_disk(folder):
    """Arrays of which each process reads its rows alone: half of them, in batches that can be shared out."""
    os.environ["SEQUAX_RESIDENT_MB"] = "0"
    try:
        x, y = data(96)
        stored, made = Logged(x), model()
        settings = {"epochs": 2, "verbose": 0, "devices": everywhere()}
        history = made.fit(stored, y, batch_size=24, resume=folder / "run", **settings)
        # The first batch, from which the model could be built, and which the snapshots compare, is read by all.
        assert len(stored.asked) == 24 + 24 + 2 * 96 // distribution.process_count()
        stored.asked.clear()
        measured = made.evaluate(stored, y, batch_size=24, verbose=0, return_dict=True)
        assert len(stored.asked) == (48 if everywhere() else 24) + 96 // distribution.process_count()
        short = made.fit(stored, y, batch_size=36, **settings).history["loss"]
        predicted = made.predict(stored, verbose=0).tolist()
        return {**told(made, history), "measured": measured, "short": short, "all": predicted}
    finally:
        del os.environ["SEQUAX_RESIDENT_MB"]


def stream(folder):
    x, y = data()

    def batches():
        while True:
            time.sleep(0.06 * here())  # which has a block ended where one process is alone
            for start in range(0, ROWS, 30):  # the last has 10 rows
                yield x[start : start + 30], y[start : start + 30]

    made = model()
    return told(made, made.fit(batches(), steps_per_epoch=4, epochs=2, verbose=0, devices=everywhere()))


class Part(sq.utils.PyDataset):
    """Batches of 24 rows, of which each process has a part."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        x, y = data()
        rows = 24 // distribution.process_count()
        start = index * 24 + here() * rows
        return x[start : start + rows], y[start : start + rows]


def own_rows(folder):
    made, x = model(), data()
    place = distribution.DataParallel(auto_shard_dataset=False) if everywhere() else None
    history = made.fit(Part(workers=2), epochs=2, shuffle=False, verbose=0, validation_data=x, devices=place)
    return {**told(made, history), "own": made.evaluate(Part(), verbose=0)}


def sharded(folder):
    """Each process has a part of the weights; files and snapshots are whole."""
    x, y = data()
    made = model(optimizer="adam", dropout=0.0)
    place = distribution.FullySharded(least=1) if everywhere() else None
    history = made.fit(x, y, batch_size=32, epochs=2, verbose=0, devices=place, resume=folder / "run")
    made.save(folder / "model.keras")
    made.save_weights(folder / "model.weights.h5")
    if everywhere():
        try:
            made.export(folder / "model.npz", format="numpy", verbose=False)
        except sq.export.ExportError as error:
            assert "cut over several processes" in str(error)
        else:
            raise AssertionError
    loaded = sq.models.load_model(folder / "model.keras")
    found = told(made, history)
    np.testing.assert_allclose(loaded.predict(x[:5], verbose=0), found["predicted"], atol=1e-6)
    made.layers[0].quantize("int8")
    loaded.layers[0].quantize("int8")
    np.testing.assert_allclose(made.predict(x[:5], verbose=0), loaded.predict(x[:5], verbose=0), atol=1e-2)
    by_hand(made, x, found["predicted"])
    adapted(folder, made, x, y, place)
    return found


def by_hand(made, x, expected):
    """What layers called by hand give can be looked at, and so can what is computed with cut variables."""
    hidden = x[:5]
    for layer in made.layers:
        hidden = np.asarray(layer(hidden))
    np.testing.assert_allclose(hidden, expected, atol=1e-2)  # with whole numbers
    kernel = made.layers[-1].kernel
    np.testing.assert_allclose(sq.ops.convert_to_numpy(kernel * 2), 2 * kernel.numpy())


def adapted(folder, made, x, y, place):
    """What process 0 computes of cut weights while it writes: products of adapters, beside whole numbers and floats."""
    made.enable_lora(2)
    made.compile("adam", "mse")
    made.fit(x, y, verbose=0, devices=place)
    made.save_lora(folder / "parts.lora.safetensors")
    made.save(folder / "adapted.keras")
    expected = made.predict(x[:5], verbose=0)
    found = sq.models.load_model(folder / "adapted.keras").predict(x[:5], verbose=0)
    np.testing.assert_allclose(found, expected, atol=2e-2)  # one layer's numbers are rounded again


@sq.saving.register_keras_serializable()
class Own(sq.layers.Layer):
    """Computes what it writes."""

    def build(self, shape):
        self.kernel = self.add_weight((shape[-1], 12), name="kernel")

    def call(self, x):
        return x @ self.kernel

    def save_own_variables(self, store):
        store["doubled"] = self.kernel.value * 2

    def load_own_variables(self, store):
        self.kernel.assign(store["doubled"][()] / 2)


def watched(folder):
    """What callbacks and layers compute of cut weights to write it, and to round them by data."""
    sq.utils.set_random_seed(2)
    calls, layers = sq.callbacks, sq.layers
    made = sq.Sequential([sq.Input((2,)), layers.Embedding(12, 6), layers.Flatten(), layers.Dense(12), Own()])
    made.layers[0].enable_lora(2)
    made.compile("adam", "mse")
    x, y = np.arange(48).reshape(24, 2) % 12, np.ones((24, 12), "float32")
    place = distribution.FullySharded(least=1) if everywhere() else None
    for epochs in (1, 2):
        board = calls.TensorBoard(folder / "board", histogram_freq=1, write_images=True, embeddings_freq=1)
        statistics, means = calls.LayerStatistics(gradients=True), calls.WeightAveraging(1)
        callbacks = [board, statistics, means]
        made.fit(x, y, epochs=epochs, verbose=0, devices=place, callbacks=callbacks, resume=folder / "run")
    table = np.loadtxt(folder / "board" / "train" / "embeddings" / "embedding-1.tsv") if here() == 0 else None
    assert table is None or table.shape == (12, 6)
    made.save(folder / "own.keras")
    loaded = sq.models.load_model(folder / "own.keras")
    found = {"predicted": made.predict(x, verbose=0).tolist(), "statistics": statistics.history}
    np.testing.assert_allclose(loaded.predict(x, verbose=0), found["predicted"], atol=1e-5)
    structure = {"pre_block_layers": made.layers[:2], "sequential_blocks": [made.layers[2]]}
    sizes = {"num_samples": 24, "sequence_length": 2, "group_size": -1}
    made.quantize(config=sq.quantizers.GPTQConfig(x, None, quantization_layer_structure=structure, **sizes))
    return {**found, "rounded": float(np.mean(made.predict(x, verbose=0)))}


def ended(folder):
    """What a clock or one process decides holds for all."""

    class Stop(sq.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = here() == 0 and epoch == 2

    x, y = data()
    first = model()
    first.fit(x, y, epochs=10, verbose=0, callbacks=[Stop()], devices=everywhere())
    second = model()
    limit = sq.callbacks.TimeLimit(0.2 + here())
    second.fit(x, y, epochs=100_000, verbose=0, callbacks=[limit], devices=everywhere())
    third, training._AHEAD_SECONDS = model(), 0.25 * (1 - here())
    third.fit(x, y, epochs=6, verbose=0, devices=everywhere())
    return {"epochs": len(first.history.epoch), "ended": len(second.history.epoch) < 100_000}


def alone(folder):
    """Without devices, each process trains a model of its own, and writes its own files."""
    x, y = data()
    made = model(seed=here())
    made.fit(x, y, verbose=0)
    made.save(folder / f"own-{here()}.keras")
    return {"files": (folder / f"own-{here()}.keras").exists()}


def only_first_writes(folder, made, history):
    """What is drawn and exported: all ask for it, and go on when it is there."""
    moved, real = [], os.replace
    os.replace = lambda *given, **named: (moved.append(given), real(*given, **named))[1]
    history.plot(folder / "curves.png")
    made.export(folder / "model.onnx", verbose=0, input_signature=[sq.InputSpec(shape=(1, 8))])
    archive = sq.export.ExportArchive()
    archive.track_and_add_endpoint("serve", made, [sq.InputSpec(shape=(1, 8))])
    archive.write_out(folder / "model.stablehlo", verbose=False)
    os.replace = real
    files = [folder / "model.onnx", folder / "model.stablehlo"]
    assert all(map(Path.exists, files)) and [Path(new) for _, new in moved] == ([] if here() else files), moved


def drawn():
    """What nobody has seeded is random, and the same in all."""
    mine = [random.random(), np.random.random(), float(sq.random.uniform(()))]
    others = peers.gathered(mine)
    assert others == [mine] * len(others)


def main(folder):
    drawn()
    return each(folder, arrays, own_rows, on_disk, sharded)


def first_alone(folder):
    """What people do in process 0 alone: a bar, callbacks, files."""

    class Look(sq.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)

    seen, callbacks = [], []
    if here() == 0:
        callbacks = [Look(), sq.callbacks.ModelCheckpoint(folder / "best.keras"), sq.callbacks.TerminateOnNaN()]
    x, y = data()
    made = model()
    verbose = 1 if here() == 0 else 0
    history = made.fit(x, y, batch_size=30, epochs=2, verbose=verbose, callbacks=callbacks, devices=everywhere())
    if here() == 0:
        made.save(folder / "model.keras")
    assert seen == [0, 1, 2, 3] * 2 or here()
    made.save_weights(folder / "model.weights.h5")
    made.load_weights(folder / "model.weights.h5")
    if here() == 0:  # with a device of its own, one process may go on alone
        made.evaluate(x, y, verbose=0, devices=1)
    return {"history": history.history}


def rest(folder):
    return each(folder, blocks, stream, ended, first_alone, watched)


def each(folder, *parts):
    found = {}
    for part in parts:
        (folder / part.__name__).mkdir(exist_ok=True)
        found[part.__name__] = part(folder / part.__name__)
    return found


def recurrent(folder):
    """A masked LSTM, attention, a convolution, with streams of several inputs."""
    sq.utils.set_random_seed(1)
    random = np.random.default_rng(0)
    layers = sq.layers
    tokens, pictures = layers.Input((6,), dtype="int32"), layers.Input((4, 4, 2))
    x = layers.Embedding(10, 8, mask_zero=True)(tokens)
    x = layers.LSTM(8, return_sequences=True)(layers.MultiHeadAttention(2, 4)(x, x))
    seen = layers.Flatten()(layers.Conv2D(3, 2)(pictures))
    outputs = layers.Dense(3, "softmax")(layers.concatenate([layers.GRU(4)(x), seen]))
    made = sq.Model([tokens, pictures], outputs)
    made.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    rows = [random.integers(0, 10, (50, 6)), random.normal(size=(50, 4, 4, 2)).astype("float32")]
    y = random.integers(0, 3, 50)
    history = made.fit(rows, y, batch_size=16, epochs=2, verbose=0, validation_split=0.2, devices=everywhere())
    return {"history": history.history, "predicted": made.predict(rows, verbose=0).tolist()}


def grain_rows(folder):
    import grain

    x, y = data(96)
    made = model(dropout=0.0)  # of which the order of rows in a batch is no matter
    place = distribution.DataParallel(auto_shard_dataset=False) if everywhere() else None
    count = distribution.process_count()
    source = grain.MapDataset.range(96).map(lambda n: (x[n], y[n]))
    batches = source[here() :: count].batch(24 // count, drop_remainder=True).to_iter_dataset()
    history = made.fit(batches, epochs=2, shuffle=False, verbose=0, devices=place).history
    shard = grain.sharding.ShardByJaxProcess(drop_remainder=True)
    sampler = grain.samplers.IndexSampler(96, shard_options=shard, shuffle=False, num_epochs=1)
    rows = [grain.transforms.Batch(24 // count, drop_remainder=True)]
    loader = grain.DataLoader(data_source=Pairs(), sampler=sampler, operations=rows, worker_count=0)
    return {"history": history, "evaluated": made.evaluate(loader, verbose=0)}


class Pairs:
    def __len__(self):
        return 96

    def __getitem__(self, index):
        x, y = data(96)
        return x[index], y[index]


def orbax(folder):
    x, y = data()
    made = model(optimizer="adam", dropout=0.0)
    place = distribution.FullySharded(least=1) if everywhere() else None
    checkpoint = sq.callbacks.OrbaxCheckpoint(folder / "orbax")
    made.fit(x, y, batch_size=32, verbose=0, devices=place, callbacks=[checkpoint])
    made.evaluate(x, y, verbose=0)
    made.train_on_batch(x[:8], y[:8])
    history = made.fit(x, y, batch_size=32, epochs=2, verbose=0, devices=place, callbacks=[checkpoint])
    return told(made, history)


def late(folder):
    """Process 0 is busy with something of its own for longer than a process may be out of touch."""
    if here() == 0:
        time.sleep(float(os.environ["SEQUAX_HEARTBEAT_SECONDS"]) + 4)
    return {}


# --- one of them ends ---


class At(sq.callbacks.Callback):
    """Does something once, in epoch 5 of a run."""

    def __init__(self, act, folder):
        super().__init__()
        self.act, self.folder = act, folder

    def on_epoch_end(self, epoch, logs=None):
        mark = self.folder / "happened"
        if epoch == 4 and not mark.exists():
            mark.write_text(repr(time.time())) if here() == self.process else time.sleep(0.3)
            self.act() if here() == self.process else None

    process = 1


def interrupted(folder, act=lambda: None, process=1, epochs=8, place=None):
    x, y = data()
    made = model()
    At.process = process
    place = place or everywhere()
    history = made.fit(
        x, y, epochs=epochs, verbose=0, callbacks=[At(act, folder)], devices=place, resume=folder / "run"
    )
    return told(made, history)


def killed(folder):
    return interrupted(folder, lambda: os.kill(os.getpid(), signal.SIGKILL))


def first_killed(folder):
    return interrupted(folder, lambda: os.kill(os.getpid(), signal.SIGKILL), process=0)


def stopped(folder):
    return interrupted(folder, lambda: os.kill(os.getpid(), signal.SIGSTOP))


def raised(folder):
    def act():
        raise KeyError("mine")

    return interrupted(folder, act)


def exited(folder):
    return interrupted(folder, lambda: sys.exit(4))


def sharded_killed(folder):
    place = distribution.FullySharded(least=1) if everywhere() else None
    return interrupted(folder, lambda: os.kill(os.getpid(), signal.SIGKILL), place=place)


# --- they do not do the same ---


def refused(made, x, y, **given):
    """A fit that is, before the first step."""
    before = [float(np.abs(w).sum()) for w in made.get_weights()]
    try:
        made.fit(x, y, verbose=0, **given)
    except ValueError:
        assert [float(np.abs(w.value.addressable_data(0)).sum()) for w in made.weights] == before
        raise


def other_seeds(folder):
    refused(model(seed=here()), *data(), devices=everywhere())


def other_order(folder):
    """Of equal weights and data."""
    made = model()
    sq.utils.set_random_seed(here())
    refused(made, *data(), devices=everywhere())


def other_weights(folder):
    """Of which each process will have a part, so that the whole cannot be compared later."""
    made = model()
    made.layers[0].kernel.assign(made.layers[0].kernel + here())
    made.fit(*data(), verbose=0, devices=distribution.FullySharded(least=1))


def other_data(folder):
    """Which one of them learns late: process 0 must not end before."""
    gathered = peers.gathered

    def late(*given):
        told = gathered(*given)
        time.sleep(0.7)
        return told

    if here():
        peers.gathered = late
    refused(model(), *data(ROWS - here()), devices=everywhere())


def other_batches(folder):
    x, y = data()

    def batches():
        for start in range(0, ROWS - 20 * here(), 20):
            yield x[start : start + 20], y[start : start + 20]

    model().fit(batches(), verbose=0, devices=everywhere())


def bad_on_disk(folder):
    """In a row that one process alone reads."""
    os.environ["SEQUAX_RESIDENT_MB"] = "0"
    x, y = data(96)
    x[60] = np.nan  # place 12 of 24
    model().fit(Logged(x), y, batch_size=24, shuffle=False, verbose=0, devices=everywhere())


def broken_stream(folder):
    x, y = data()

    def batches():
        for start in range(0, ROWS, 20):
            if here() == 1 and start == 60:
                raise OSError("the disk is gone")
            yield x[start : start + 20], y[start : start + 20]

    model().fit(batches(), verbose=0, devices=everywhere())


def measured_apart(folder):
    """Each process has rows of its own, as people do who are used to other libraries."""
    made, (x, y) = model(), data()
    made.fit(x, y, verbose=0, devices=distribution.FullySharded(least=1))
    mine, told = slice(here(), None, distribution.process_count()), []
    for call in (
        lambda: made.evaluate(x[mine], y[mine], verbose=0),
        lambda: made.evaluate(x, y, batch_size=20 + here(), verbose=0),
        lambda: made.predict(x[mine], verbose=0),
        lambda: made.predict(x[: 20 + here()], verbose=0),
        lambda: made.predict(x[mine], verbose=2),
        lambda: made.train_on_batch(x[mine], y[mine]),
        lambda: made.test_on_batch(x[mine], y[mine]),
    ):
        try:
            call()
        except ValueError as error:
            told.append(str(error)[:100])
    return told


def early(folder):
    """One has nothing more to do, which the other would wait for."""
    peers._PATIENCE_SECONDS, made = 1, model()
    if here() == 0:
        made.fit(*data(), verbose=0, devices="all")
    sys.exit(0)


def other_rows(folder):
    x, y = data()

    def batches():
        for size in (12, 12 - 4 * here()):
            yield x[:size], y[:size]

    model().fit(batches(), verbose=0, devices=distribution.DataParallel(auto_shard_dataset=False))


if __name__ == "__main__":
    name, folder = sys.argv[1], Path(sys.argv[2])
    result = globals()[name](folder)
    (folder / f"result-{here()}.json").write_text(json.dumps(result))
