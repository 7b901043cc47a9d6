"""Models in a browser: what `export(format="web")` writes, and the page that reads drawn digits, in Chromium."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import sequax as keras
from sequax import layers
from sequax.export import ExportError
from sequax.export.formats import web
from tests.browser import Browser, Folder, chromium
from tests.conftest import private_folder

pytest.importorskip("onnx", reason="onnx is not installed: pip install 'sequax[dev]'")

pytestmark = pytest.mark.usefixtures("symbolic_sizes")
ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "web"


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    """The folder of onnxruntime-web, which npm installs once for all runs."""
    if chromium() is None:
        pytest.skip("Chromium is not installed")
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed, which brings onnxruntime-web")
    place = (private_folder() or tmp_path_factory.mktemp("npm")) / f"web-{web.VERSION}"
    found = [EXAMPLE / "node_modules" / "onnxruntime-web" / "dist", place / "node_modules" / "onnxruntime-web" / "dist"]
    for one in found:
        if all((one / part).is_file() for part in web.PARTS):
            return one
    place.mkdir(exist_ok=True)
    quietly = ("--no-audit", "--no-fund", "--fetch-retries=0")  # without a network a test should not wait for one
    command = ["npm", "install", *quietly, "--prefix", str(place), f"onnxruntime-web@{web.VERSION}"]
    if subprocess.run(command, capture_output=True, timeout=300, check=False).returncode:
        pytest.skip("npm could not install onnxruntime-web")
    return found[1]


@pytest.fixture(scope="module")
def browser(runtime):
    with Browser() as found:
        yield found


# --- any model ---


def numbers():
    return keras.Sequential([keras.Input((4,), name="x"), layers.Dense(8, "tanh"), layers.Dense(3, "softmax")])


def sequences():
    inside = [layers.Embedding(9, 4, mask_zero=True), layers.Bidirectional(layers.GRU(3)), layers.Dense(2)]
    return keras.Sequential([keras.Input((None,), dtype="int32"), *inside])


def pictures():
    inside = [layers.Conv2D(8, 3, strides=2), layers.BatchNormalization(), layers.ReLU(max_value=6.0)]
    inside += [layers.DepthwiseConv2D(3, padding="same"), layers.MaxPooling2D(), layers.GlobalAveragePooling2D()]
    return keras.Sequential([keras.Input((10, 10, 3)), *inside, layers.Dense(4, "softmax")])


def transformer():
    x = keras.Input((6,), dtype="int32")
    y = layers.Embedding(20, 8)(x)
    y = layers.LayerNormalization()(y + layers.MultiHeadAttention(2, 4)(y, y))
    y = layers.LayerNormalization()(y + layers.Dense(8)(layers.Dense(16, "gelu")(y)))
    return keras.Model(x, layers.Dense(3)(layers.GlobalAveragePooling1D()(y)))


def texts():
    split = layers.TextVectorization(vocabulary=["the", "cat", "dog", "häuschen"], output_sequence_length=5)
    return keras.Sequential([keras.Input((1,), dtype="string"), split, layers.Embedding(9, 4), layers.GRU(3)])


def several():
    age, kind = keras.Input((1,), name="age"), keras.Input((1,), dtype="string", name="kind")
    codes = layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")(kind)
    together = layers.Concatenate()([age, codes])
    return keras.Model({"kind": kind, "age": age}, {"y": layers.Dense(2)(together), "x": layers.Dense(1)(together)})


MODELS = {
    "numbers": (numbers, [[1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.5, -1.0], [9.0, 0.0, 0.0, 0.0]]),
    "sequences": (sequences, [[1, 2, 0, 3, 0, 0], [8, 8, 8, 1, 2, 3]]),
    "pictures": (pictures, np.random.default_rng(0).normal(size=(3, 10, 10, 3)).round(3).tolist()),
    "transformer": (transformer, [[1, 2, 3, 4, 5, 6], [19, 0, 0, 7, 7, 8]]),
    "texts": (texts, [["The cat!"], ["a dog, the Häuschen"], [""]]),
    "several": (several, {"age": [[3.0], [4.0]], "kind": [["a"], ["other"]]}),
}


def arrays(x):
    if isinstance(x, dict):
        return {key: arrays(value) for key, value in x.items()}
    return np.array(x, object if isinstance(x[0][0], str) else None)


@pytest.mark.parametrize("name", MODELS)
def test_the_browser_predicts_what_the_model_predicts(name, tmp_path, browser, runtime):
    make, x = MODELS[name]
    model = make()
    model.export(tmp_path / "page", format="web", runtime=str(runtime), verbose=False)
    expected = model.predict(arrays(x), verbose=0)
    with Folder(tmp_path / "page") as there:
        browser.open(f"{there.address}/", "!document.querySelector('button').disabled")
        browser.requests.clear(), browser.complaints.clear()
        found = browser.run(f"import('./model.js').then((m) => m.load()).then((m) => m.predict({json.dumps(x)}))")
        assert isinstance(found, dict) == isinstance(expected, dict)
        for key in expected if isinstance(expected, dict) else [...]:
            theirs, ours = (found[key], expected[key]) if key is not ... else (found, expected)
            np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-6)
        browser.run("document.querySelector('button').click()")
        browser.wait("document.querySelector('#answer').textContent")
        shown = json.loads(browser.run("document.querySelector('#answer').textContent"))
        assert isinstance(shown, dict) == isinstance(expected, dict)
        assert all(one.startswith(there.address) for one in browser.requests)
        assert not browser.complaints


def test_models_in_eight_bits(tmp_path, browser, runtime):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 8, 8, 1)).astype("float32")
    inside = [
        layers.Conv2D(8, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(4, "softmax"),
    ]
    model = keras.Sequential([keras.Input((8, 8, 1)), *inside])
    model.export(tmp_path / "page", format="web", runtime=str(runtime), quantize="int8", calibration=x, verbose=False)
    with Folder(tmp_path / "page") as there:
        browser.open(f"{there.address}/", "!document.querySelector('button').disabled")
        rows = x[:16].round(3).tolist()
        found = browser.run(f"import('./model.js').then((m) => m.load()).then((m) => m.predict({json.dumps(rows)}))")
    np.testing.assert_allclose(found, model.predict(x[:16], verbose=0), atol=0.05)


def test_wrong_rows_are_told(tmp_path, browser, runtime):
    numbers().export(tmp_path / "page", format="web", runtime=str(runtime), verbose=False)
    with Folder(tmp_path / "page") as there:
        browser.open(f"{there.address}/", "!document.querySelector('button').disabled")
        for row, told in {
            "[1, 2, 3]": "has shape (1,3)",
            "[[1], [2, 3], 4, 5]": "regular",
            '["a", 1, 2, 3]': "numbers",
        }.items():
            browser.run(f"document.querySelector('textarea').value = {json.dumps(row)}")
            browser.run("document.querySelector('#answer').textContent = ''")
            browser.run("document.querySelector('button').click()")
            browser.wait("document.querySelector('#answer').textContent")
            assert told in browser.run("document.querySelector('#answer').textContent")


def test_a_page_opened_as_a_file_says_what_to_do(tmp_path, browser, runtime):
    numbers().export(tmp_path / "page", format="web", runtime=str(runtime), verbose=False)
    for page in (tmp_path / "page" / "index.html", EXAMPLE / "index.html"):
        browser.open(page.as_uri(), "document.querySelector('#state')?.textContent.includes('http.server')")
    browser.complaints.clear()


def runtime_of_nothing(folder):
    folder.mkdir()
    for part in web.PARTS:
        (folder / part).write_text("// a runtime")
    return folder


def test_what_the_folder_holds(tmp_path):
    keras.Sequential([keras.Input((2,)), layers.Dense(1, name="<b>x")], name="<i>").export(
        tmp_path / "page", format="web", runtime=runtime_of_nothing(tmp_path / "dist"), verbose=False
    )
    files = {
        path.relative_to(tmp_path / "page").as_posix() for path in (tmp_path / "page").rglob("*") if path.is_file()
    }
    assert files == {
        "host.js",
        "index.html",
        "model.js",
        "model.json",
        "model.onnx",
        *(f"runtime/{p}" for p in web.PARTS),
    }
    text = (tmp_path / "page" / "index.html").read_text()
    assert "<b>x" not in text and "<i>" not in text and "&lt;i&gt;" in text
    assert "@" not in (tmp_path / "page" / "model.js").read_text() and str(tmp_path) not in text


def test_the_runtime_is_never_fetched_unasked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given in (None, str(tmp_path)):
        with pytest.raises(ExportError, match=r"npm install onnxruntime-web@.*runtime='.*dist'"):
            numbers().export(tmp_path / "page", format="web", runtime=given, verbose=False)
    assert not (tmp_path / "page").exists()
    with pytest.raises(ExportError, match="is no address"):
        numbers().export(tmp_path / "page", format="web", runtime="https://a/\"'", verbose=False)
    numbers().export(tmp_path / "page", format="web", runtime="https://cdn.example/dist", verbose=False)
    text = (tmp_path / "page" / "model.js").read_text()
    assert 'from "https://cdn.example/dist/ort.wasm.min.mjs"' in text and not (tmp_path / "page" / "runtime").exists()
    modules = tmp_path / "node_modules" / "onnxruntime-web"
    modules.mkdir(parents=True)
    runtime_of_nothing(modules / "dist")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    numbers().export("page", format="web", verbose=False)
    assert (tmp_path / "below" / "page" / "runtime" / web.PARTS[0]).read_text() == "// a runtime"


# --- drawn digits ---


def arc(x, y, wide, high, start, stop):
    """Points of an ellipse, from one angle to another in degrees."""
    angles = [math.radians(start + (stop - start) * i / 24) for i in range(25)]
    return [(x + wide * math.cos(a), y + high * math.sin(a)) for a in angles]


STROKES = {
    0: [arc(0.5, 0.5, 0.24, 0.36, -90, 270)],
    1: [[(0.38, 0.28), (0.53, 0.14), (0.53, 0.86)]],
    2: [[*arc(0.5, 0.34, 0.22, 0.2, 190, 395), (0.28, 0.84), (0.74, 0.84)]],
    3: [arc(0.47, 0.32, 0.2, 0.18, 200, 450) + arc(0.47, 0.68, 0.23, 0.18, -90, 160)],
    4: [[(0.6, 0.14), (0.26, 0.6), (0.76, 0.6)], [(0.6, 0.14), (0.6, 0.88)]],
    5: [[(0.7, 0.15), (0.34, 0.15), (0.32, 0.46), *arc(0.48, 0.64, 0.22, 0.21, 220, 510)]],
    6: [[(0.62, 0.12), (0.4, 0.4), *arc(0.5, 0.66, 0.2, 0.2, 200, 560)]],
    7: [[(0.28, 0.16), (0.72, 0.16), (0.44, 0.88)]],
    8: [arc(0.5, 0.32, 0.17, 0.17, 90, 450) + arc(0.5, 0.68, 0.2, 0.19, -90, 270)],
    9: [[*arc(0.5, 0.34, 0.19, 0.2, 20, 380), (0.66, 0.6), (0.56, 0.88)]],
}


@pytest.fixture(scope="module")
def digits(tmp_path_factory, runtime):
    """The folder that `make web` builds."""
    folder = tmp_path_factory.mktemp("web") / "digits"
    done = made(folder, "--epochs", "20", "--runtime", str(runtime))
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.partition("%")[0]) > 97
    with Folder(folder) as there:
        yield there


def made(folder, *options):
    command = [sys.executable, str(EXAMPLE / "make.py"), str(folder), *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def drawn(browser, digit, draw, scale=1.0, move=(0.0, 0.0)):
    """The answer to a digit that is drawn."""
    browser.run("document.getElementById('clear').click()")
    browser.wait("!document.querySelector('.best')")
    left, top, width, height = browser.run(
        "(r => [r.left, r.top, r.width, r.height])(document.getElementById('pad').getBoundingClientRect())"
    )
    for points in STROKES[digit]:
        draw([(left + (x * scale + move[0]) * width, top + (y * scale + move[1]) * height) for x, y in points])
    browser.wait("document.querySelector('.best')")
    time.sleep(0.1)  # of two strokes, the first one may have been read already
    return int(browser.run("document.getElementById('answer').textContent"))


def test_digits_drawn_with_the_mouse_are_read(browser, digits):
    browser.open(f"{digits.address}/", "document.body.dataset.ready")
    browser.requests.clear(), browser.complaints.clear()
    found = {digit: drawn(browser, digit, browser.stroke) for digit in STROKES}
    assert sum(digit == read for digit, read in found.items()) >= 9, found
    small = {digit: drawn(browser, digit, browser.stroke, 0.4, (0.5, 0.1)) for digit in (0, 3, 8)}
    assert small == {0: 0, 3: 3, 8: 8}
    shown = browser.run("[...document.querySelectorAll('.value')].map((one) => parseFloat(one.textContent))")
    assert len(shown) == 10 and abs(sum(shown) - 100) < 1 and max(shown) == shown[8]
    widths = browser.run("[...document.querySelectorAll('.bar')].map((one) => parseFloat(one.style.width))")
    np.testing.assert_allclose(widths, shown, atol=0.06)
    seen = "document.getElementById('seen').getContext('2d').getImageData(0, 0, 8, 8).data"
    seen = f"[...{seen}].filter((_, i) => i % 4 == 0)"
    pixels = np.array(browser.run(seen)).reshape(8, 8)
    assert pixels.min() < 30 and pixels[:, 0].min() > 200, "dark strokes, centred"
    browser.run("document.getElementById('clear').click()")
    browser.wait("!document.querySelector('.best')")
    assert min(browser.run(seen)) == 255
    assert not browser.requests and not browser.complaints, "all of it in the page"


def test_digits_drawn_with_a_finger_on_a_phone(digits, runtime):
    with Browser() as phone:
        phone.screen(360, 640)
        phone.open(f"{digits.address}/", "document.body.dataset.ready")
        assert phone.run("document.documentElement.scrollWidth") <= 360
        assert {digit: drawn(phone, digit, phone.finger) for digit in (1, 3, 7)} == {1: 1, 3: 3, 7: 7}
        assert phone.run("window.scrollY") == 0, "drawing moves no page"


def test_the_script_tells_what_is_missing(tmp_path):
    done = made(tmp_path / "page", "--epochs", "1", "--runtime", str(tmp_path))
    assert done.returncode and "Run `npm install` in" in done.stderr and not (tmp_path / "page").exists()
