"""Folders and series as data sets of batches."""

from __future__ import annotations

import copy
import pickle
import struct
import wave

import numpy as np
import pytest

import sequax
from sequax.utils import audio_dataset, folders

SUFFIXES = (".png",)


@pytest.fixture
def pictures(tmp_path):
    """Three classes with four files each, one of them deeper; a hidden folder, and a file that has no class."""
    for number, name in enumerate(("cats", "dogs", "ants", ".hidden")):
        (tmp_path / name / "deep").mkdir(parents=True)
        for i, file in enumerate(("b.png", "a.PNG", "deep/z.png", "c.png")):
            sequax.utils.save_img(tmp_path / name / file, np.full((4, 6, 3), 10.0 * number + i), scale=False)
        (tmp_path / name / "notes.md").write_text("not an image")
    sequax.utils.save_img(tmp_path / "top.png", np.zeros((4, 6, 3)))
    return tmp_path


def images(folder, **options):
    return sequax.utils.image_dataset_from_directory(folder, **{"image_size": (4, 6), "verbose": False, **options})


# --- which files, which labels ---


@pytest.mark.parametrize(
    "options",
    [
        {"labels": "inferred", "shuffle": False},
        {"labels": "inferred", "shuffle": True},
        {"labels": None, "shuffle": False},
        {"labels": None, "shuffle": True},
        {"labels": list(range(17)), "shuffle": True},
        {"labels": "inferred", "class_names": ["dogs", "cats"], "shuffle": False},
        {"labels": "inferred", "class_names": ["dogs", "cats", "ants"], "shuffle": True},
    ],
)
def test_files_and_labels_are_those_of_keras(options, pictures, keras, capsys):
    from keras.src.utils import dataset_utils

    given = copy.deepcopy(options)  # Keras mixes a list of labels in place
    paths, labels, names = dataset_utils.index_directory(str(pictures), formats=SUFFIXES, seed=3, **given)
    message = capsys.readouterr().out
    data = images(pictures, **options, seed=3, verbose=True)
    assert data.file_paths == paths
    assert np.array_equal(data.labels, labels) if labels is not None else data.labels is None
    assert data.class_names == names
    assert capsys.readouterr().out == message


@pytest.mark.parametrize("subset", ["training", "validation"])
def test_splits_are_those_of_keras(subset, pictures, keras, capsys):
    from keras.src.utils import dataset_utils

    everything = images(pictures, seed=5)
    expected = dataset_utils.get_training_or_validation_split(
        everything.file_paths, everything.labels.tolist(), 0.3, subset
    )
    message = capsys.readouterr().out
    part = images(pictures, seed=5, validation_split=0.3, subset=subset, verbose=True)
    assert (part.file_paths, part.labels.tolist()) == expected
    assert capsys.readouterr().out.endswith(message)
    both = images(pictures, seed=5, validation_split=0.3, subset="both")
    assert both[subset == "validation"].file_paths == part.file_paths
    assert (both[0].mixes, both[1].mixes) == (True, False)


def test_links_are_followed_on_request(pictures, tmp_path):
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    (elsewhere / "more").mkdir(parents=True)
    sequax.utils.save_img(elsewhere / "more" / "far.png", np.zeros((4, 6, 3)))
    (pictures / "cats" / "link").symlink_to(elsewhere)
    (elsewhere / "round").symlink_to(pictures / "cats")
    assert len(images(pictures).file_paths) == 12
    assert len(images(pictures, follow_links=True).file_paths) == 13


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": "x"}, "`labels` argument should be a list/tuple"),
        ({"labels": [0, 1]}, r"len\(labels\) is 2 while we found 17 files"),
        ({"labels": [0.5] * 17}, "`labels` must be whole numbers"),
        ({"labels": [0, 2] * 8 + [0], "label_mode": "categorical"}, "without gaps unless"),
        ({"labels": [0] * 17, "class_names": ["a"]}, "can only pass `class_names` if"),
        ({"label_mode": "x"}, "`label_mode` argument must be one of"),
        ({"label_mode": "binary"}, "there must be exactly 2 class_names"),
        ({"class_names": ["cats", "cows"]}, r"Expected: \['ants', 'cats', 'dogs'\] \(or a subset"),
        ({"batch_size": 0}, "`batch_size` must be a whole number from 1 on"),
        ({"validation_split": 1.5, "subset": "training"}, "must be between 0 and 1, received: 1.5"),
        ({"validation_split": 0.5}, "If `subset` is set, `validation_split` must be set"),
        ({"subset": "training"}, "If `subset` is set, `validation_split` must be set"),
        ({"validation_split": 0.5, "subset": "x"}, '"training", "validation" or "both"'),
        ({"validation_split": 0.5, "subset": "training"}, "you must provide a `seed`"),
        ({"validation_split": 0.01, "subset": "validation", "seed": 1}, "none of the 12 image files is left"),
        ({"color_mode": "x"}, "`color_mode` must be one of"),
        ({"interpolation": "x"}, "`interpolation` should be one of"),
        ({"image_size": (3,)}, "`image_size` to be a tuple of 2 integers"),
        ({"image_size": 0}, "`image_size` to be a tuple of 2 integers"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "Only one of `pad_to_aspect_ratio`"),
        ({"data_format": "x"}, "`data_format` argument must be one of"),
        ({"format": "x"}, '`format` should be either "tf" or "grain"'),
    ],
)
def test_folders_refused(options, message, pictures):
    with pytest.raises(ValueError, match=message):
        images(pictures, **options)


def test_empty_folders_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        images(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="No images found"):
        images(tmp_path)
    sequax.utils.save_img(tmp_path / "top.png", np.zeros((4, 6, 3)))
    with pytest.raises(ValueError, match="pass labels=None for files without classes"):
        images(tmp_path)


# --- batches ---


def test_batches_of_images(pictures):
    data = images(pictures, shuffle=False, batch_size=5)
    x, y = data[1]
    assert (len(data), data.num_batches, len(data[2][0])) == (3, 3, 2)
    assert (x.shape, x.dtype, y.dtype) == ((5, 4, 6, 3), "float32", "int32")
    # Of each class: a.PNG, b.png, c.png and deep/z.png, which hold 1, 0, 3 and 2 more than ten times their class.
    assert x[:, 0, 0, 0].tolist() == [0, 3, 2, 11, 10]
    assert y.tolist() == [1, 1, 1, 2, 2]
    with pytest.raises(IndexError, match="There are 3 batches"):
        data[3]
    assert isinstance(data, sequax.utils.PyDataset)
    assert np.array_equal(pickle.loads(pickle.dumps(data))[1][0], x)  # for workers in other processes


@pytest.mark.parametrize(
    ("options", "shape", "labels"),
    [
        ({"label_mode": "categorical"}, (12, 4, 6, 3), [1.0, 0.0, 0.0]),
        ({"label_mode": "binary", "class_names": ["dogs", "cats"]}, (8, 4, 6, 3), [0.0]),
        ({"label_mode": None}, (17, 4, 6, 3), None),
        ({"color_mode": "grayscale"}, (12, 4, 6, 1), 0),
        ({"color_mode": "rgba"}, (12, 4, 6, 4), 0),
        ({"data_format": "channels_first"}, (12, 3, 4, 6), 0),
        ({"batch_size": None}, (4, 6, 3), 0),
        ({"image_size": 5}, (12, 5, 5, 3), 0),
        ({"image_size": (2, 9), "pad_to_aspect_ratio": True}, (12, 2, 9, 3), 0),
    ],
)
def test_kinds_of_batches(options, shape, labels, pictures):
    batch = images(pictures, shuffle=False, **options)[0]
    x, y = (batch, None) if labels is None else batch
    assert (x.shape, x.dtype) == (shape, "float32")
    if options.get("batch_size", 0) is None:
        assert y == labels
    elif labels is not None:
        assert y[0].tolist() == labels


def test_images_are_cut_or_filled_instead_of_distorted(tmp_path):
    picture = np.tile(np.arange(8.0)[None, :, None] * 10, (4, 1, 3))
    sequax.utils.save_img(tmp_path / "a.png", picture, scale=False)
    cut = images(tmp_path, labels=None, image_size=(4, 4), crop_to_aspect_ratio=True)[0]
    assert cut[0, 0, :, 0].tolist() == [20, 30, 40, 50]
    filled = images(tmp_path, labels=None, image_size=(8, 8), pad_to_aspect_ratio=True)[0]
    assert filled[0, :, 3, 0].tolist() == [0, 0, 30, 30, 30, 30, 0, 0]


def test_images_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"\x89PNG no image")
    with pytest.raises(ValueError, match=r"bad.png cannot be read"):
        images(tmp_path, labels=None)[0]


def test_epochs_are_mixed_by_the_seed(pictures):
    def order(data):
        return [float(x[0, 0, 0]) for x, _ in data]

    data, again = (images(pictures, batch_size=None, seed=2) for _ in range(2))
    epochs = [order(data) for _ in range(3)]
    assert [sorted(epoch) for epoch in epochs] == [sorted(epochs[0])] * 3
    assert epochs[0] != epochs[1] != epochs[2]
    assert [order(again) for _ in range(3)] == epochs
    assert order(images(pictures, batch_size=None, seed=3)) != epochs[0]
    data = images(pictures, batch_size=None, seed=2)
    data.on_epoch_end()
    assert [float(data[i][0][0, 0, 0]) for i in range(12)] == epochs[1]


# --- texts ---


def test_batches_of_texts(tmp_path):
    for name, text in (("a", "héllo\r\nworld"), ("b", "zwei")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file.txt").write_bytes(text.encode())
        (tmp_path / name / "file.html").write_text("no")
    texts = sequax.utils.text_dataset_from_directory
    x, y = texts(tmp_path, shuffle=False, verbose=False)[0]
    assert (x.dtype, x.tolist(), y.tolist()) == (object, ["héllo\r\nworld", "zwei"], [0, 1])
    x, y = texts(tmp_path, shuffle=False, verbose=False, max_length=2, label_mode="binary")[0]
    assert (x.tolist(), y.tolist()) == (["hé", "zw"], [[0.0], [1.0]])
    assert texts(tmp_path, labels=None, batch_size=None, shuffle=False, verbose=False)[1] == "zwei"
    words = sequax.layers.TextVectorization(standardize=None)
    words.adapt(texts(tmp_path, batch_size=1, verbose=False))
    assert sorted(words.get_vocabulary()[2:]) == ["héllo", "world", "zwei"]
    (tmp_path / "a" / "file.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"file.txt is not UTF-8 \(byte 0\)"):
        texts(tmp_path, shuffle=False, verbose=False)[0]
    with pytest.raises(ValueError, match="`max_length` must be a whole number"):
        texts(tmp_path, max_length=0)


# --- sounds ---


def write_wave(path, samples, width=2, rate=100, channels=1):
    scale = 2 ** (8 * width - 1)
    numbers = np.round(np.asarray(samples) * scale).astype("int64")
    data = b"".join(
        int(n + 128).to_bytes(1, "little") if width == 1 else int(n).to_bytes(width, "little", signed=True)
        for n in numbers.ravel()
    )
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_waves_of_all_widths_are_read(width, tmp_path):
    samples = np.array([0.0, 0.5, -0.5, -1.0, 0.25, -0.75])
    write_wave(tmp_path / "a.wav", samples, width, rate=8000, channels=2)
    sound, rate = audio_dataset.read_wave(str(tmp_path / "a.wav"))
    assert (sound.dtype, rate) == ("float32", 8000)
    assert np.array_equal(sound, samples.reshape(3, 2))


def test_batches_of_sounds(tmp_path):
    for name, length in (("a", 5), ("b", 3)):
        (tmp_path / name).mkdir()
        write_wave(tmp_path / name / "x.wav", np.full(length, 0.5))
    sounds = sequax.utils.audio_dataset_from_directory
    x, y = sounds(tmp_path, shuffle=False, verbose=False)[0]
    assert (x.shape, y.tolist()) == ((2, 5, 1), [0, 1])
    assert x[1, :, 0].tolist() == [0.5, 0.5, 0.5, 0, 0]
    assert sounds(tmp_path, output_sequence_length=4, verbose=False)[0][0].shape == (2, 4, 1)


def test_sounds_are_resampled(tmp_path):
    seconds = np.arange(400) / 400
    write_wave(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 5 * seconds), width=4, rate=400)
    for rate in (200, 1000):
        x = sequax.utils.audio_dataset_from_directory(tmp_path, labels=None, sampling_rate=rate, verbose=False)[0]
        times = (np.arange(rate) + 0.5) / rate - 0.5 / 400
        assert x.shape == (1, rate, 1)
        assert np.allclose(x[0, 20:-20, 0], 0.5 * np.sin(2 * np.pi * 5 * times)[20:-20], atol=0.01)


def test_sounds_refused(tmp_path):
    sounds = sequax.utils.audio_dataset_from_directory
    for options, message in (
        ({"ragged": True}, "`ragged=True` is not supported"),
        ({"ragged": True, "output_sequence_length": 3}, "Cannot set both"),
        ({"sampling_rate": -1}, "`sampling_rate` should be higher than 0"),
        ({"sampling_rate": "a"}, "`sampling_rate` should have an integer value"),
        ({"output_sequence_length": 0}, "`output_sequence_length` should be higher than 0"),
    ):
        with pytest.raises(ValueError, match=message):
            sounds(tmp_path, **options)
    floats = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36, b"WAVE", b"fmt ", 16, 3, 1, 8, 32, 4, 32, b"data", 0)
    (tmp_path / "a.wav").write_bytes(floats)
    with pytest.raises(ValueError, match=r"a.wav cannot be read: .* Expected a .wav file with samples of 8, 16"):
        sounds(tmp_path, labels=None, verbose=False)[0]
    write_wave(tmp_path / "a.wav", [0.0, 0.0])
    write_wave(tmp_path / "b.wav", [0.0, 0.0], channels=2)
    with pytest.raises(ValueError, match="sounds of 1 and 2 channels"):
        sounds(tmp_path, labels=None, verbose=False)[0]


# --- series ---


@pytest.mark.parametrize(
    ("options", "starts"),
    [
        # The expected starts were taken from Keras 3.15.1 (format="grain").
        ({"sequence_length": 5}, range(16)),
        ({"sequence_length": 5, "sampling_rate": 2, "sequence_stride": 3}, range(0, 10, 3)),
        ({"sequence_length": 3, "start_index": 4, "end_index": 12}, range(4, 10)),
        ({"sequence_length": 20}, range(1)),
    ],
)
def test_windows_start_where_those_of_keras_do(options, starts):
    data = np.arange(20)
    windows = sequax.utils.timeseries_dataset_from_array(data, None, batch_size=None, **options)
    rate = options.get("sampling_rate", 1)
    expected = [[start + i * rate for i in range(options["sequence_length"])] for start in starts]
    assert [window.tolist() for window in windows] == expected


def test_windows_have_the_target_of_their_start():
    data, targets = np.arange(40).reshape(20, 2), np.arange(20) * 10
    windows = sequax.utils.timeseries_dataset_from_array(data, targets[:12], 3, batch_size=5, start_index=4)
    assert [y.tolist() for _, y in windows] == [[40, 50, 60, 70, 80], [90, 100, 110]]
    assert windows[0][0].shape == (5, 3, 2)
    assert windows[0][0][0].tolist() == [[8, 9], [10, 11], [12, 13]]


def test_windows_are_mixed_with_their_targets():
    data = np.arange(30)
    windows = sequax.utils.timeseries_dataset_from_array(data, data, 3, batch_size=50, shuffle=True, seed=1)
    (later, _), (x, y) = (windows[0], next(iter(windows)))
    assert np.array_equal(x[:, 0], y)
    assert sorted(y.tolist()) == list(range(28))
    assert y.tolist() != list(range(28))
    assert np.array_equal(x, later)  # the epoch that the pass begins is the present one
    assert not np.array_equal(x, windows[0][0])  # the next pass has another order, even if this one is left early
    windows.on_epoch_end()
    assert not np.array_equal(windows[0][0], x)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start_index": -1}, "`start_index` must be 0 or greater"),
        ({"start_index": 10}, "`start_index` must be lower than the length"),
        ({"end_index": 0}, "`end_index` must be higher than 0"),
        ({"end_index": 11}, "`end_index` must not be higher than the length"),
        ({"start_index": 5, "end_index": 3}, "than `start_index`"),
        ({"sampling_rate": 0}, "`sampling_rate` must be a whole number higher than 0"),
        ({"sampling_rate": 20}, "`sampling_rate` must be lower than the length"),
        ({"sequence_stride": 0}, "`sequence_stride` must be a whole number"),
        ({"sequence_length": 0}, "`sequence_length` must be a whole number"),
        ({"sequence_length": 11}, "There is no window: 11 entries"),
        ({"batch_size": 0}, "`batch_size` must be a whole number"),
        ({"format": "x"}, '`format` should be either "tf" or "grain"'),
    ],
)
def test_series_refused(options, message):
    with pytest.raises(ValueError, match=message):
        sequax.preprocessing.timeseries_dataset_from_array(np.arange(10), None, **{"sequence_length": 3, **options})


def test_binary_labels_are_a_column():
    assert folders.encoded(np.array([0, 1]), "binary", 2).tolist() == [[0.0], [1.0]]


def test_the_first_batches_of_each_epoch():
    data = np.arange(10)

    def firsts():
        windows = sequax.utils.timeseries_dataset_from_array(data, data * 2, 5, batch_size=1, shuffle=True, seed=123)
        return [next(iter(list(windows.take(1))))[0].tolist() for _ in range(4)], len(list(windows.take(-1)))

    found, count = firsts()
    assert len({str(one) for one in found}) > 1 and count == 6  # each epoch has its own order
    assert firsts() == (found, count)


def test_a_folder_without_images_is_named_before_pillow_is_missed(tmp_path, monkeypatch):
    def missing():
        raise ImportError("no Pillow")

    monkeypatch.setattr("sequax.utils.image_dataset.pillow", missing)
    (tmp_path / "a").mkdir()
    with pytest.raises(ValueError, match="No images found"):
        sequax.utils.image_dataset_from_directory(tmp_path)
