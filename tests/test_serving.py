"""Models behind HTTP: what comes back is what `predict` gives, and what cannot be answered costs nothing."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import sequax as keras
from sequax import layers, serving
from tests.browser import Browser, chromium

httpx = pytest.importorskip("httpx", reason="httpx is not installed: pip install 'sequax[dev]'")
pytest.importorskip("starlette", reason="Starlette is not installed: pip install 'sequax[serve]'")
pytest.importorskip("uvicorn", reason="uvicorn is not installed: pip install 'sequax[serve]'")

from sequax.cli.serve import loaded  # noqa: E402 -- as below
from sequax.export.onnx import to_onnx  # noqa: E402 -- as below
from sequax.serving.ports import Port  # noqa: E402 -- needs what was looked for above
from sequax.serving.refused import Refused  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]


def numbers():
    return keras.Sequential(
        [keras.Input((4,), name="x"), layers.Dense(8, "tanh"), layers.Dense(3, "softmax", name="classes")],
        name="numbers",
    )


def images():
    inside = [layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(), layers.Flatten(), layers.Dense(3)]
    return keras.Sequential([keras.Input((8, 8, 1)), *inside], name="images")


def tokens():
    return keras.Sequential(
        [keras.Input((5,), dtype="int32"), layers.Embedding(20, 4, mask_zero=True), layers.LSTM(3)], name="tokens"
    )


def mixed():
    """Several inputs, one of them texts, and outputs that are not in the order of their names."""
    age, kind = keras.Input((1,), name="age"), keras.Input((1,), dtype="string", name="kind")
    codes = layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")(kind)
    together = layers.Concatenate()([age, codes])
    outputs = {"y": layers.Dense(2, name="first")(together), "x": layers.Dense(1, name="second")(together)}
    return keras.Model({"kind": kind, "age": age}, outputs, name="mixed")


def texts():
    split = layers.TextVectorization(50, output_sequence_length=6)
    split.adapt(["the cat sat", "the dog ran away", "ein Häuschen"])
    return keras.Sequential(
        [keras.Input((1,), dtype="string"), split, layers.Embedding(50, 4), layers.GlobalAveragePooling1D()],
        name="texts",
    )


def some(model, rows, seed=0):
    rng = np.random.default_rng(seed)
    data = {
        "numbers": lambda: rng.normal(size=(rows, 4)).astype("float32"),
        "images": lambda: rng.normal(size=(rows, 8, 8, 1)).astype("float32"),
        "tokens": lambda: rng.integers(0, 20, (rows, 5)).astype("int32"),
        "mixed": lambda: {
            "age": rng.normal(size=(rows, 1)).astype("float32"),
            "kind": rng.choice(["a", "b", "zzz"], (rows, 1)).astype(object),
        },
        "texts": lambda: rng.choice(["the cat", "a dog ran", "ein Häuschen", ""], (rows, 1)).astype(object),
    }
    return data[model.name]()


MODELS = {make.__name__: make for make in (numbers, images, tokens, mixed, texts)}


def columns(model, x):
    """Inputs by the names that clients know."""
    return x if isinstance(x, dict) else {model.inputs[0].name: x}


def by_name(model, outputs):
    return outputs if isinstance(outputs, dict) else {model.output_names[0]: outputs}


def datatype(array):
    return {"float32": "FP32", "int32": "INT32", "object": "BYTES"}[array.dtype.name]


def v2(model, x, **also):
    tensors = [
        {"name": name, "shape": list(a.shape), "datatype": datatype(a), "data": a.reshape(-1).tolist()}
        for name, a in columns(model, x).items()
    ]
    return {"inputs": tensors, **also}


class Calls:
    """Requests to an application without a server between."""

    def __init__(self, app):
        self.app = app

    def many(self, *requests):
        """Answers to requests that are made at once: (method, path, arguments of httpx)."""

        async def run():
            async with self.app.router.lifespan_context(self.app):
                transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
                async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                    return await asyncio.gather(*(client.request(m, path, **given) for m, path, given in requests))

        return asyncio.run(run())

    def post(self, path, document=None, **given):
        return self.many(("POST", path, {"json": document, **given} if document is not None else given))[0]

    def get(self, path, **given):
        return self.many(("GET", path, given))[0]


def calls(model, **options):
    return Calls(serving.application(model, **options))


# --- the same as predict ---


@pytest.mark.parametrize("rows", [1, 3, 70])
@pytest.mark.parametrize("name", MODELS)
def test_answers_are_those_of_predict(name, rows):
    model = MODELS[name]()
    x = some(model, rows)
    expected = by_name(model, model.predict(x, verbose=0))
    listed = [dict(zip(columns(model, x), row, strict=True)) for row in zip(*columns(model, x).values(), strict=True)]
    listed = [{key: value.tolist() for key, value in row.items()} for row in listed]
    plain = {key: value.tolist() for key, value in columns(model, x).items()}
    answers = calls(model).many(
        ("POST", f"/v2/models/{name}/infer", {"json": v2(model, x, id="one")}),
        ("POST", "/predict", {"json": listed}),
        ("POST", f"/v1/models/{name}:predict", {"json": {"instances": listed}}),
        ("POST", "/predict", {"json": {"inputs": plain}}),
    )
    assert [a.status_code for a in answers] == [200] * 4, [a.text for a in answers]
    protocol, *by_row, by_column = [a.json() for a in answers]
    assert protocol["id"] == "one" and protocol["model_name"] == name
    assert [one["name"] for one in protocol["outputs"]] == model.output_names
    for one in protocol["outputs"]:
        wanted = expected[one["name"]]
        assert one["datatype"] == "FP32" and one["shape"] == list(wanted.shape)
        np.testing.assert_allclose(np.reshape(one["data"], one["shape"]), wanted, rtol=1e-5, atol=1e-6)
    for found in by_row:
        for key, wanted in expected.items():
            values = [row[key] for row in found["predictions"]] if len(expected) > 1 else found["predictions"]
            np.testing.assert_allclose(values, wanted, rtol=1e-5, atol=1e-6)
    for key, wanted in expected.items():
        values = by_column["outputs"][key] if len(expected) > 1 else by_column["outputs"]
        np.testing.assert_allclose(values, wanted, rtol=1e-5, atol=1e-6)


def binary(model, x):
    """A body in binary form, and the length of its JSON."""
    tensors, tails = [], []
    for name, a in columns(model, x).items():
        data = a.tobytes() if a.dtype != object else b"".join(struct.pack("<I", len(t)) + t for t in encoded(a))
        tensors.append({"name": name, "shape": list(a.shape), "datatype": datatype(a)})
        tensors[-1]["parameters"] = {"binary_data_size": len(data)}
        tails.append(data)
    head = json.dumps({"inputs": tensors, "parameters": {"binary_data_output": True}}).encode()
    return head + b"".join(tails), len(head)


def encoded(array):
    return [text.encode() for text in array.flat]


@pytest.mark.parametrize("name", MODELS)
def test_tensors_in_binary_form(name):
    model = MODELS[name]()
    x = some(model, 3)
    body, length = binary(model, x)
    answer = calls(model).post(
        f"/v2/models/{name}/infer", content=body, headers={"Inference-Header-Content-Length": str(length)}
    )
    assert answer.status_code == 200, answer.text
    length = int(answer.headers["inference-header-content-length"])
    place = length
    expected = by_name(model, model.predict(x, verbose=0))
    for one in json.loads(answer.content[:length])["outputs"]:
        size = one["parameters"]["binary_data_size"]
        values = np.frombuffer(answer.content[place : place + size], "<f4").reshape(one["shape"])
        np.testing.assert_allclose(values, expected[one["name"]], rtol=1e-5, atol=1e-6)
        place += size
    assert place == len(answer.content)


def test_outputs_are_chosen_one_by_one():
    model = mixed()
    x = some(model, 2)
    wanted = [{"name": "x", "parameters": {"binary_data": True}}]
    answer = calls(model).post("/v2/models/mixed/infer", v2(model, x, outputs=wanted))
    length = int(answer.headers["inference-header-content-length"])
    (one,) = json.loads(answer.content[:length])["outputs"]
    np.testing.assert_allclose(
        np.frombuffer(answer.content[length:], "<f4")[:, None], model.predict(x, verbose=0)["x"], rtol=1e-5
    )
    assert one == {"name": "x", "shape": [2, 1], "datatype": "FP32", "parameters": {"binary_data_size": 8}}


def test_what_the_model_takes_is_told():
    found = calls({"one": numbers(), "two": mixed()})
    answers = found.many(*(("GET", path, {}) for path in ("/v2", "/v2/models/two", "/v2/models/one/versions/1")))
    server, two, one = [answer.json() for answer in answers]
    assert server["extensions"] == ["binary_tensor_data"] and server["version"] == keras.__version__
    assert one["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}]
    assert {port["name"]: port["datatype"] for port in two["inputs"]} == {"age": "FP32", "kind": "BYTES"}
    assert [port["name"] for port in two["outputs"]] == mixed().output_names
    ready = [
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/two/ready",
        "/v1/models/two",
        "/v2/models/two/versions/1/ready",
    ]
    assert {answer.status_code for answer in found.many(*(("GET", path, {}) for path in ready))} == {200}


def test_weights_that_change_are_seen():
    model = numbers()
    asked = calls(model)
    x = some(model, 2)
    first = asked.post("/predict", x.tolist()).json()
    model.set_weights([2 * weight + 1 for weight in model.get_weights()])
    then = asked.post("/predict", x.tolist()).json()
    np.testing.assert_allclose(then["predictions"], model.predict(x, verbose=0), rtol=1e-5)
    assert first != then


def test_inside_another_application():
    """A mounted application is not told when its server starts: the first request has all compiled."""
    from starlette.applications import Starlette
    from starlette.routing import Mount

    model = images()
    x = some(model, 2)
    outer = Starlette(routes=[Mount("/models", serving.application(model))])
    answers = Calls(outer).many(
        ("POST", "/models/predict", {"json": x.tolist()}),
        ("POST", "/models/v1/models/images:predict", {"json": x.tolist()}),
        ("GET", "/models/", {}),
    )
    assert [a.status_code for a in answers] == [200] * 3
    for answer in answers[:2]:
        np.testing.assert_allclose(answer.json()["predictions"], model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)


def test_models_whose_inputs_nobody_knows_are_refused():
    class Own(keras.Model):
        def call(self, x):
            return x

    own = Own()
    own(np.ones((1, 2)))
    with pytest.raises(ValueError, match=r"keras.Input\(shape\); model = keras.Model"):
        serving.application(own)
    with pytest.raises(ValueError, match="Received: 'a/b'"):
        serving.application(numbers(), "a/b")
    with pytest.raises(TypeError, match="expected a model"):
        serving.application(3)
    with pytest.raises(ValueError, match="queue must be a whole number of at least 1"):
        serving.Limits(queue=0)


def test_tensors_of_the_public_client(process):
    client_of = pytest.importorskip("tritonclient.http", reason="Triton's client is not installed (tritonclient[http])")
    model = process.model
    with client_of.InferenceServerClient(process.address.removeprefix("http://")) as client:
        assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("numbers")
        assert client.get_server_metadata()["name"] == "sequax"
        assert client.get_model_metadata("numbers")["inputs"][0]["shape"] == [-1, 4]
        x = some(model, 3)
        for is_binary in (True, False):
            tensor = client_of.InferInput("x", x.shape, "FP32")
            tensor.set_data_from_numpy(x, binary_data=is_binary)
            for outputs in (None, [client_of.InferRequestedOutput("classes", binary_data=not is_binary)]):
                found = client.infer("numbers", [tensor], outputs=outputs, request_id="7")
                assert found.get_response()["id"] == "7"
                np.testing.assert_allclose(found.as_numpy("classes"), model.predict(x, verbose=0), rtol=1e-5)
        text = client_of.InferInput("x", [1], "BYTES")
        text.set_data_from_numpy(np.array(["a"], dtype=object))
        with pytest.raises(Exception, match="the model takes FP32"):
            client.infer("numbers", [text])


# --- exported models ---


@pytest.mark.parametrize("ending", ["stablehlo", "onnx"])
def test_exported_models_are_served_alike(ending, tmp_path):
    model, path = numbers(), tmp_path / f"numbers.{ending}"
    x = some(model, 5)
    if ending == "onnx":
        pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'sequax[dev]'")
        path.write_bytes(to_onnx(model).SerializeToString())
    else:
        model.export(path, format=ending, verbose=False)
    served = loaded(str(path), "numbers")
    assert served.together and served.platform == ending
    expected = model.predict(x, verbose=0)
    answer = calls(served).post("/predict", x.tolist())
    np.testing.assert_allclose(answer.json()["predictions"], expected, rtol=1e-5, atol=1e-6)
    requests = (("POST", "/v2/models/plain/infer", {"json": v2(model, x[i : i + 1])}) for i in range(5))
    found = calls(keras.export.load(path), name="plain").many(*requests)
    values = [a.json()["outputs"][0]["data"] for a in found]
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)
    described = calls(served).get("/v2/models/numbers").json()
    assert described["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}]
    assert calls(served).get("/").status_code == 200
    wrong = calls(served).post("/predict", [[1, 2, 3]])
    assert wrong.status_code == 400 and "the model takes (n, 4)" in wrong.text


def test_rows_that_meet_in_an_exported_model_stay_by_themselves(tmp_path):
    class Share(layers.Layer):
        def call(self, x):
            return x / x.sum(0)

    keras.Sequential([keras.Input((2,)), Share()]).export(tmp_path / "share.stablehlo", verbose=False)
    assert not loaded(str(tmp_path / "share.stablehlo"), "share").together


# --- together ---


class Slow:
    """A model that takes its time, and notes what it is given."""

    platform, together, any_size = "test", True, False

    def __init__(self, name="slow", seconds=0.05, together=True):
        self.name, self.seconds, self.together = name, seconds, together
        self.inputs, self.outputs = [Port("x", (None, 2), "float32")], [Port("y", (None, 2), "float32")]
        self.batches = []

    def prepared(self, arrays):
        return arrays

    def run(self, arrays):
        time.sleep(self.seconds)
        (x,) = arrays
        self.batches.append(len(x))
        if (x == 13).any():
            raise Refused(400, "13 brings bad luck.", "invalid")
        if (x == 14).any():
            raise RuntimeError("secret of the server")
        return [2 * x]

    def as_html(self):
        return "a table"


def asking(values):
    return [("POST", "/predict", {"json": [[value, value]]}) for value in values]


def test_requests_that_wait_together_go_together():
    slow = Slow()
    answers = calls(slow, limits=serving.Limits(batch=16)).many(*asking(range(20, 52)))
    assert [a.json()["predictions"] for a in answers] == [[[2 * value, 2 * value]] for value in range(20, 52)]
    warm = [16, 8, 4, 2, 1]
    assert [size for size in sorted(set(slow.batches), reverse=True)] == warm
    assert len(slow.batches) <= len(warm) + 3 + 4, slow.batches


def test_a_request_may_wait_for_others():
    slow = Slow(seconds=0.002)
    app = serving.application(slow, limits=serving.Limits(wait=0.1))

    async def run():
        async with app.router.lifespan_context(app):
            slow.batches.clear()
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:

                async def later(value):
                    await asyncio.sleep(0.01 * value)
                    return await client.post("/predict", json=[[value, value]])

                return await asyncio.gather(*map(later, range(4)))

    assert [a.json()["predictions"][0][0] for a in asyncio.run(run())] == [0, 2, 4, 6]
    assert slow.batches == [4]


def test_large_requests_are_cut():
    slow = Slow(seconds=0.001)
    x = np.arange(100.0).reshape(50, 2) + 20
    answers = calls(slow, limits=serving.Limits(batch=8)).many(
        ("POST", "/predict", {"json": x.tolist()}), *asking([5, 6]), ("POST", "/predict", {"json": (x + 1).tolist()})
    )
    assert answers[0].json()["predictions"] == (2 * x).tolist()
    assert answers[3].json()["predictions"] == (2 * x + 2).tolist()
    assert [answers[i].json()["predictions"][0][0] for i in (1, 2)] == [10, 12]
    assert max(slow.batches) == 8


def test_rows_that_meet_stay_by_themselves():
    class Share(layers.Layer):
        def call(self, x):
            return x / x.sum(0)

    model = keras.Sequential([keras.Input((2,)), Share()], name="share")
    asked = calls(model)
    x, other = np.array([[1.0, 2.0], [3.0, 2.0]]), np.array([[5.0, 5.0]])
    answers = asked.many(*(("POST", "/predict", {"json": part.tolist()}) for part in (x, other, x)))
    np.testing.assert_allclose(
        [a.json()["predictions"] for a in (answers[0], answers[2])], [[[0.25, 0.5], [0.75, 0.5]]] * 2
    )
    assert answers[1].json()["predictions"] == [[1.0, 1.0]]


@pytest.mark.parametrize(("value", "status", "told"), [(13, 400, "bad luck"), (14, 500, "The log of the server")])
def test_a_bad_request_spoils_no_other(value, status, told):
    answers = calls(Slow(seconds=0.01)).many(*asking([1, 2, value, 4, 5]))
    assert [a.status_code for a in answers] == [200, 200, status, 200, 200]
    assert told in answers[2].text and "secret" not in answers[2].text and "Traceback" not in answers[2].text
    assert [a.json()["predictions"][0][0] for a in answers[3:]] == [8, 10]


def test_lengths_that_differ_are_different_batches():
    model = keras.Sequential([keras.Input((None,), dtype="int32"), layers.Embedding(9, 3), layers.GlobalMaxPooling1D()])
    asked = calls(model, name="lengths", limits=serving.Limits(length=8))
    rows = [[1], [1, 2, 3], [4, 5], [3, 2, 1], [8] * 8]
    answers = asked.many(*(("POST", "/predict", {"json": [row]}) for row in [*rows, [1] * 9]))
    for row, answer in zip(rows, answers[:-1], strict=True):
        np.testing.assert_allclose(answer.json()["predictions"], model.predict(np.array([row]), verbose=0), rtol=1e-6)
    assert answers[-1].status_code == 400 and "longer than 8" in answers[-1].text


def test_a_model_of_a_fixed_batch():
    model = keras.Sequential([keras.Input(batch_shape=(4, 2)), layers.Dense(1)], name="four")
    x = np.random.default_rng(0).normal(size=(3, 2))
    answer = calls(model).post("/predict", x.tolist())
    np.testing.assert_allclose(
        answer.json()["predictions"], model.predict(np.concatenate([x, x[:1]]), verbose=0)[:3], rtol=1e-5
    )


# --- bounds ---


def test_a_full_queue_says_so_and_loses_nothing():
    slow = Slow(seconds=0.05)
    answers = calls(slow, limits=serving.Limits(batch=4, queue=8)).many(*asking(range(20, 120)))
    taken = [(value, a) for value, a in zip(range(20, 120), answers, strict=True) if a.status_code == 200]
    refused = [a for a in answers if a.status_code == 503]
    assert len(taken) + len(refused) == 100 and len(taken) >= 8 and len(refused) > 50
    assert all(a.json()["predictions"] == [[2 * value, 2 * value]] for value, a in taken)
    assert all(a.headers["retry-after"] == "1" and "of 8 that may" in a.json()["error"] for a in refused)


def test_what_takes_too_long_is_given_up():
    slow = Slow(seconds=0.3)
    app = serving.application(slow, limits=serving.Limits(batch=1, timeout=0.45))
    answers = Calls(app).many(*asking([1, 2, 3, 4]))
    assert [a.status_code for a in answers] == [200, 504, 504, 504]
    time.sleep(0.4)
    assert len(slow.batches) <= 4 + 2, "nothing runs that nobody waits for"


def test_a_model_that_hangs_does_not_keep_the_server():
    slow = Slow(seconds=0.01)
    app = serving.application(slow, limits=serving.Limits(timeout=0.2))

    async def run():
        async with app.router.lifespan_context(app):
            slow.seconds = 2.0
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
                answer = await client.post("/predict", json=[[1, 2]])
            start = time.perf_counter()
        return answer.status_code, time.perf_counter() - start

    status, seconds = asyncio.run(run())
    assert status == 504 and seconds < 1.5


def test_sizes_are_bounded():
    limits = serving.Limits(rows=3, body=2000)
    asked = calls(numbers(), limits=limits)
    rows = asked.post("/predict", [[1, 2, 3, 4]] * 4)
    assert rows.status_code == 413 and "At most 3" in rows.text
    body = asked.post("/predict", [[1, 2, 3, 4]] * 400)
    assert body.status_code == 413 and "2,000 bytes" in body.text

    rows_of_four = (1 << 16) + 4096 * (1 + 64 + 4 * 64)
    wide = calls(numbers()).post("/predict", content=b" " * (rows_of_four + 1))
    assert wide.status_code == 413 and f"{rows_of_four:,} bytes" in wide.text

    async def chunks():
        for _ in range(100):
            yield b" " * 100

    unannounced = asked.post("/predict", content=chunks(), headers={"Content-Type": "application/json"})
    assert unannounced.status_code == 413
    memory = calls(numbers(), limits=serving.Limits(memory=10)).post("/predict", [[1, 2, 3, 4]])
    assert memory.status_code == 503 and "bytes are on their way" in memory.text


# --- bad input ---

GOOD = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]}
JUNK = [None, True, -1, 0, 10**30, 1.5, 1e300, "", "text", "\u0000", [], [[]], [None], [[1], [2, 3]], {}, {"a": {}}]


def spoiled(seed):
    """A request that is wrong in one place."""
    rng = random.Random(seed)
    place = rng.choice(["document", "inputs", "tensor", "name", "shape", "datatype", "data", "value", "outputs", "id"])
    junk = rng.choice(JUNK)
    tensor = dict(GOOD["inputs"][0])
    document = {"inputs": [tensor]}
    if place == "document":
        document = junk
    elif place == "inputs":
        document["inputs"] = junk
    elif place == "tensor":
        document["inputs"] = [junk]
    elif place in ("name", "shape", "datatype", "data"):
        tensor[place] = junk
        if rng.random() < 0.3:
            del tensor[place]
    elif place == "value":
        bad = [one for one in JUNK if type(one) is not int and not isinstance(one, (bool, float))]
        tensor["data"] = [1, 2, 3, rng.choice([*bad, 1e300, 10**30])]
    elif place == "outputs":
        document["outputs"] = rng.choice([one for one in JUNK if one not in (None, [])])
    else:
        document["id"] = rng.choice([one for one in JUNK if one is not None and not isinstance(one, str)])
    return document


def test_a_thousand_bad_requests_cost_nothing():
    model = numbers()
    requests = [("POST", "/v2/models/numbers/infer", {"json": spoiled(seed)}) for seed in range(600)]
    whole = json.dumps(GOOD).encode()
    rng = random.Random(0)
    json_type = {"headers": {"Content-Type": "application/json"}}
    for _ in range(200):  # cut anywhere, with a byte too much, with bytes that are no text
        cut = rng.randrange(len(whole))
        body = rng.choice(
            [whole[:cut], whole[:cut] + b"\xff" + whole[cut:], whole[:cut] + b"]" + whole[cut:], b"[" * 10**4]
        )
        requests.append(("POST", "/v2/models/numbers/infer", {"content": body, **json_type}))
    for _ in range(200):
        rows = rng.choice([junk for junk in JUNK if junk != 0])
        rows = rng.choice(
            [
                rows,
                [rows],
                [[1, 2, 3, rows]] if not isinstance(rows, (bool, int, float)) else [rows],
                {"instances": rows},
            ]
        )
        requests.append(("POST", "/predict", {"json": rows}))
    asked = calls(model)
    x = some(model, 1)
    answers = asked.many(*requests, ("POST", "/predict", {"json": x.tolist()}))
    assert len(requests) == 1000
    wrong = [
        (r, a.status_code, a.text) for r, a in zip(requests, answers, strict=False) if not 400 <= a.status_code < 500
    ]
    assert not wrong, wrong[:3]
    assert all(set(a.json()) == {"error"} for a in answers[:-1])
    assert not any("Traceback" in a.text or ".py" in a.text or str(ROOT) in a.text for a in answers)
    np.testing.assert_allclose(answers[-1].json()["predictions"], model.predict(x, verbose=0), rtol=1e-5)


def head_of(tail, tensor):
    given = {"name": "x", "shape": [1, 4], "datatype": "FP32", "parameters": {"binary_data_size": 16}, **tensor}
    head = json.dumps({"inputs": [given]}).encode()
    return head + tail, str(len(head))


BINARY = {
    "too short": (b"\0" * 15, {}, "binary_data_size 16; 15 bytes"),
    "too long": (b"\0" * 17, {}, "1 bytes that belong to no input"),
    "other shape": (b"\0" * 16, {"shape": [1, 5]}, "shape (1, 5) has 20"),
    "huge shape": (b"\0" * 16, {"shape": [1 << 39, 1 << 39]}, "16 bytes"),
    "negative size": (b"\0" * 16, {"parameters": {"binary_data_size": -1}}, "says binary_data_size -1"),
    "not finite": (np.array([1, np.nan, 1, 1], "<f4").tobytes(), {}, "NaN"),
    "texts": (b"\0" * 16, {"datatype": "BYTES"}, "the model takes FP32"),
    "shared memory": (b"", {"parameters": {"shared_memory_region": "a"}}, "shared memory"),
    "twice": (b"\0" * 16, {"data": [1, 2, 3, 4]}, "both data and binary_data_size"),
}


@pytest.mark.parametrize("case", BINARY)
def test_bad_bytes_are_refused(case):
    data, tensor, told = BINARY[case]
    body, length = head_of(data, tensor)
    answer = calls(numbers()).post(
        "/v2/models/numbers/infer", content=body, headers={"Inference-Header-Content-Length": length}
    )
    assert answer.status_code == 400 and told in answer.json()["error"], answer.text


@pytest.mark.parametrize("length", ["-1", "x", "²", "999999", "9" * 5000, ""])
def test_bad_lengths_of_heads_are_refused(length):
    headers = [(b"Inference-Header-Content-Length", length.encode())]
    answer = calls(numbers()).post("/v2/models/numbers/infer", content=json.dumps(GOOD).encode(), headers=headers)
    assert answer.status_code == 400 and "Inference-Header-Content-Length" in answer.text


@pytest.mark.parametrize(
    "data", [b"\x05\0\0\0abc", b"\xff\xff\xff\xffabcd", b"\x01\0\0", b"\x01\0\0\0\xff", b"\x01\0\0\0a\x01\0\0\0b", b""]
)
def test_bad_texts_are_refused(data):
    name = texts().inputs[0].name
    body, length = head_of(
        data, {"name": name, "shape": [1, 1], "datatype": "BYTES", "parameters": {"binary_data_size": len(data)}}
    )
    answer = calls(texts()).post(
        "/v2/models/texts/infer", content=body, headers={"Inference-Header-Content-Length": length}
    )
    assert answer.status_code == 400, answer.text


SENTENCES = {
    "shape": (numbers, [[1, 2, 3]], "Input 'x' has shape (1, 3); the model takes (n, 4)."),
    "text": (numbers, [["1", "2", "3", "4"]], "takes numbers"),
    "too far": (numbers, [[1e39, 1, 1, 1]], "FP32 cannot hold"),
    "fraction": (tokens, [[1, 2, 3, 4, 0.5]], "takes whole numbers. Received: others, such as 0.5"),
    "beyond 32 bits": (tokens, [[1, 2, 3, 4, 2**40]], "INT32"),
    "beyond the table": (tokens, [[1, 2, 3, 4, 20]], "has index 20"),
    "number for text": (texts, [[1]], "takes strings"),
    "lacking": (mixed, [{"age": 3}], "Row 0 must be an object with age, kind"),
    "too much": (mixed, [{"age": 3, "kind": "a", "more": 1}], "and nothing else"),
    "no names": (mixed, [[3, "a"]], "A row must be an object with age, kind"),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_sentences_say_what_is_wrong(case):
    make, rows, told = SENTENCES[case]
    answer = calls(make()).post("/predict", rows)
    assert answer.status_code == 400 and told in answer.json()["error"], answer.text
    assert "set_data_checks" not in answer.text


def test_outputs_that_json_cannot_carry():
    model = numbers()
    model.layers[-1].kernel.assign(np.full((8, 3), np.nan))
    asked = calls(model)
    assert "NaN or infinite" in asked.post("/predict", [[1, 2, 3, 4]]).json()["error"]
    answer = asked.post("/v2/models/numbers/infer", {**GOOD, "parameters": {"binary_data_output": True}})
    assert answer.status_code == 200 and np.isnan(np.frombuffer(answer.content[-12:], "<f4")).all()


ADDRESSES = [
    ("GET", "/nothing", {}, 404),
    ("GET", "/v2/models/other", {}, 404),
    ("POST", "/v2/models/numbers/versions/2/infer", {"json": GOOD}, 404),
    ("POST", "/v2/models/..%2f..%2fetc/infer", {"json": GOOD}, 404),
    ("GET", "/page.js/../../server.py", {}, 404),
    ("GET", "/predict", {}, 405),
    ("POST", "/", {}, 405),
    ("DELETE", "/v2/models/numbers", {}, 405),
    ("POST", "/predict", {"content": b"[[1,2,3,4]]", "headers": {"Content-Type": "text/plain"}}, 415),
    ("POST", "/predict", {"data": {"a": "b"}}, 415),
    ("POST", "/predict", {"content": b"", "headers": {"Content-Encoding": "gzip"}}, 415),
]


def test_addresses_methods_and_media():
    answers = calls(numbers()).many(*(request[:3] for request in ADDRESSES))
    assert [a.status_code for a in answers] == [status for *_, status in ADDRESSES]
    assert all(set(a.json()) == {"error"} for a in answers)
    assert answers[5].headers["allow"] == "POST"


def test_names_that_a_server_goes_by():
    app = serving.application(numbers(), hosts=["localhost", "::1"])
    for host, status in {
        "localhost": 200,
        "localhost:80": 200,
        "[::1]:80": 200,
        "[::1]": 200,
        "evil.org": 421,
        "": 421,
    }.items():
        assert Calls(app).get("/v2", headers={"Host": host}).status_code == status, host


# --- what is shown ---


def test_the_page_shows_the_model_and_escapes_it():
    name = "<script>alert(1)"
    odd = keras.Sequential([keras.Input((2,), name=f"{name}2"), layers.Dense(1, name=f"{name}3")], name=name)
    answer = calls(odd, name="odd").get("/")
    assert answer.status_code == 200 and "<script>alert" not in answer.text
    assert answer.text.count("&lt;script&gt;alert(1)") >= 4
    answer = calls(mixed()).get("/")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "string_lookup" in answer.text and "BYTES" in answer.text
    loaded = re.findall(r'(?:src|href)="([^"]*)"', answer.text)
    assert not any(address.startswith(("http", "//")) for address in loaded), loaded
    assert {"page.js", "page.css"} <= set(loaded)
    row = re.search(r"<textarea[^>]*>(.*?)</textarea>", answer.text, re.S)[1].replace("&quot;", '"')
    tried = calls(mixed()).post("/predict", [json.loads(row)])
    assert tried.status_code == 200, tried.text


def test_the_page_predicts(process):
    if chromium() is None:
        pytest.skip("Chromium is not installed")
    with Browser() as browser:
        browser.open(f"{process.address}/", "document.querySelector('button:enabled')")
        for row, told in {"[1, 2, 3, 4]": None, "[1, 2": "This is no JSON", "[1]": "the model takes (n, 4)"}.items():
            browser.run(f"document.querySelector('textarea').value = {json.dumps(row)}")
            browser.run("document.querySelector('.answer').textContent = ''")
            browser.run("document.querySelector('button').click()")
            browser.wait("document.querySelector('.answer').textContent")
            shown = browser.run("document.querySelector('.answer').textContent")
            if told is not None:
                assert told in shown
                continue
            expected = process.model.predict(np.array([json.loads(row)]), verbose=0)[0]
            np.testing.assert_allclose(json.loads(shown), expected, rtol=1e-5)
            widths = browser.run("[...document.querySelectorAll('.bar')].map((one) => parseFloat(one.style.width))")
            np.testing.assert_allclose(widths, 100 * expected, rtol=1e-3)
        assert all(one.startswith(process.address) or one == "data:," for one in browser.requests), browser.requests
        assert not [one for one in browser.complaints if "400" not in one], browser.complaints


def test_measures():
    asked = calls(numbers())
    asked.many(
        *[("POST", "/predict", {"json": [[1, 2, 3, 4]]})] * 3, ("POST", "/predict", {"json": []}), ("GET", "/x", {})
    )
    text = asked.get("/metrics").text
    assert 'sequax_requests_total{endpoint="predict",status="200"} 3.0' in text
    assert 'sequax_requests_total{endpoint="none",status="404"} 1.0' in text
    assert 'sequax_refused_total{reason="invalid"} 1.0' in text
    assert 'sequax_batch_rows_sum{model="numbers"} 3.0' in text
    assert 'sequax_waiting_rows{model="numbers"} 0.0' in text


# --- real processes ---

SCRIPT = """
import sys, time
import numpy as np
import sequax as keras
from sequax import serving
from sequax.serving.ports import Port

model = keras.models.load_model({path!r})

class Served:
    name, platform, together, any_size = "slow", "test", True, False
    inputs = [Port("x", (None, 4), "float32")]
    outputs = [Port("classes", (None, 3), "float32")]
    prepared = staticmethod(lambda arrays: arrays)
    as_html = staticmethod(lambda: "")

    def run(self, arrays):
        time.sleep({seconds})
        return [model.predict_on_batch(arrays[0])]

serving.serve(Served(), port=0, limits=serving.Limits({limits}), started=lambda address: print(address, flush=True))
print("ended", flush=True)
"""


class Process:
    """A server in a process of its own."""

    def __init__(self, model, command):
        self.model = model
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        self.child = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
        line = self.child.stdout.readline()
        found = re.search(r"http://[\d.]+:\d+", line)
        assert found, line + self.child.stderr.read()
        self.address = found[0]
        self.port = int(self.address.rpartition(":")[2])

    def socket(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def exchanged(self, data):
        """What comes back for some bytes until the server closes the connection; at least the first part of it."""
        with self.socket() as there:
            there.sendall(data)
            return there.recv(65536)

    def measure(self, name):
        text = httpx.get(f"{self.address}/metrics").text
        return float(re.search(rf"^{name} (\S+)$", text, re.M)[1])

    def until(self, condition):
        """Wait for what is to happen soon."""
        for _ in range(200):
            if condition():
                return
            time.sleep(0.05)
        raise AssertionError("it did not happen")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.communicate()

    def end(self, tell=True):
        if tell:
            self.child.terminate()
        out, err = self.child.communicate(timeout=60)
        return self.child.returncode, out, err


def slow_process(tmp_path, seconds=0.2, **limits):
    model = numbers()
    model.save(tmp_path / "numbers.keras")
    script = tmp_path / "script.py"
    told = ", ".join(f"{name}={value}" for name, value in limits.items())
    script.write_text(SCRIPT.format(path=str(tmp_path / "numbers.keras"), seconds=seconds, limits=told))
    return Process(model, [sys.executable, str(script)])


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    """`sequax serve` as users run it; it must end well, and say nothing of what clients did wrong."""
    path = tmp_path_factory.mktemp("served") / "numbers.keras"
    model = numbers()
    model.save(path)
    found = Process(model, [sys.executable, "-m", "sequax", "serve", str(path), "--port", "0"])
    yield found
    code, _, err = found.end()
    assert code == 0 and "Traceback" not in err, err


def request_of(document, more=b""):
    body = json.dumps(document).encode()
    return (
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n%s\r\n" % (len(body), more)
    ) + body


BYTES = {
    "noise": bytes(range(128, 256)) * 4 + b"\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "two lengths": b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "negative length": b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    "bad chunks": b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "long head": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000,
    "too large": b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n",
    "two kinds of length": b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v2 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "other name": b"GET / HTTP/1.1\r\nHost: evil.org\r\n\r\n",
}


@pytest.mark.parametrize("case", BYTES)
def test_bytes_that_are_no_request(process, case):
    assert re.match(rb"HTTP/1.1 4\d\d ", process.exchanged(BYTES[case])), case
    x = some(process.model, 1)
    found = httpx.post(f"{process.address}/predict", json=x.tolist()).json()["predictions"]
    np.testing.assert_allclose(found, process.model.predict(x, verbose=0), rtol=1e-5)


def test_a_head_with_two_kinds_of_length_ends_the_connection(process):
    with process.socket() as there:
        there.sendall(BYTES["two kinds of length"])
        parts = b"".join(iter(lambda: there.recv(65536), b""))
    assert parts.count(b"HTTP/1.1 ") == 1 and b"Send one of them" in parts


def test_probes_of_old_balancers_name_no_host(process):
    assert process.exchanged(b"GET /v2/health/ready HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_clients_that_are_killed_leave_nothing_behind(process):
    def killed(count):
        for i in range(count):
            with process.socket() as there:
                there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closes with a reset
                whole = request_of([[1, 2, 3, 4]] * 50)
                there.sendall(whole if i % 2 else whole[: 20 + i % 100])

    killed(300)
    before = process.measure("process_resident_memory_bytes")
    killed(600)
    time.sleep(0.5)
    assert process.measure("process_resident_memory_bytes") < before + 8e6
    assert process.measure("process_open_fds") < 40
    assert process.measure(r'sequax_waiting_rows\{model="numbers"\}') == 0


def test_many_clients_at_once(process):
    x = some(process.model, 200)
    expected = process.model.predict(x, verbose=0)

    def ask(part):
        with httpx.Client(base_url=process.address) as client:
            return [client.post("/predict", json=[x[i].tolist()]).json()["predictions"][0] for i in part]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, np.array_split(np.arange(200), 8)))
    np.testing.assert_allclose(np.concatenate(found), expected, rtol=1e-5, atol=1e-6)


def all_of(there):
    """What comes until the server closes the connection."""
    parts = []
    while part := there.recv(65536):
        parts.append(part)
    return b"".join(parts)


def ends_within(there, seconds):
    """Whether the server closes a connection."""
    there.settimeout(seconds)
    try:
        while there.recv(65536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


def test_clients_that_dawdle_are_let_go(tmp_path):
    with slow_process(tmp_path, seconds=0.0, head=0.6, timeout=1.0, connections=20) as served:
        with served.socket() as silent, served.socket() as dripping, served.socket() as body, served.socket() as rest:
            dripping.sendall(b"GET / HTTP/1.1\r\n")
            body.sendall(request_of([[1, 2, 3, 4]])[:-3])
            rest.sendall(request_of([[1, 2, 3, 4]]) + b"GET / HT")  # a request, and a part of the next one
            stop = threading.Event()
            thread = threading.Thread(target=drip, args=(dripping, stop))
            thread.start()
            assert ends_within(silent, 5) and ends_within(dripping, 5)
            assert b"408" in body.recv(65536) and ends_within(body, 5)
            assert b"200 OK" in rest.recv(65536) and ends_within(rest, 8)
            stop.set()
            thread.join()
        held = [served.socket() for _ in range(20)]
        answer = served.exchanged(b"")
        assert b"503" in answer and b"Retry-After" in answer
        for one in held:
            one.close()
        served.until(lambda: b"200 OK" in served.exchanged(request_of([[1, 2, 3, 4]])))
        assert served.end()[0] == 0


def drip(there, stop):
    """Send a head line by line, which never ends."""
    while not stop.wait(0.1):
        try:
            there.sendall(b"X-A: b\r\n")
        except OSError:
            return


def test_clients_that_read_nothing_are_let_go(tmp_path):
    with slow_process(tmp_path, seconds=0.0, head=0.5, timeout=2.0) as served:
        with socket.socket() as there:
            there.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            there.connect(("127.0.0.1", served.port))
            there.settimeout(10)
            whole = request_of([[1, 2, 3, 4]] * 4000)
            with pytest.raises((ConnectionError, TimeoutError)):
                for _ in range(200):
                    there.sendall(whole)
                    time.sleep(0.02)
        assert served.measure("process_open_fds") < 40
        assert served.end()[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_asked_is_answered_before_the_end(tmp_path, number):
    with slow_process(tmp_path, seconds=0.4, batch=2) as served:
        x = some(served.model, 6)
        asked = [served.socket() for _ in x]
        for there, row in zip(asked, x, strict=True):
            there.sendall(request_of([row.tolist()]))
        served.until(lambda: served.measure(r'sequax_waiting_rows\{model="slow"\}') >= 3)
        served.child.send_signal(number)
        time.sleep(0.3)
        with pytest.raises(OSError):
            served.socket()
        found = [json.loads(all_of(there).partition(b"\r\n\r\n")[2])["predictions"][0] for there in asked]
        np.testing.assert_allclose(found, served.model.predict(x, verbose=0), rtol=1e-5)
        for there in asked:
            there.close()
        code, out, err = served.end(tell=False)
    assert code == 0 and out == "ended\n" and "Traceback" not in err, err


def test_the_command_line_says_what_is_wrong(tmp_path, process):
    def run(*arguments):
        command = [sys.executable, "-m", "sequax", "serve", *map(str, arguments)]
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
        )
        assert "Traceback" not in done.stderr
        return done.returncode, done.stderr

    code, told = run(tmp_path / "no.keras")
    assert code == 1 and told.startswith("sequax serve: ") and "no.keras" in told
    (tmp_path / "bad.keras").write_bytes(b"PK\3\4 nothing")
    assert run(tmp_path / "bad.keras")[0] == 1
    numbers().save(tmp_path / "a.keras")
    code, told = run(tmp_path / "a.keras", tmp_path / "a.keras")
    assert code == 1 and "Two models are called 'a'" in told
    code, told = run(tmp_path / "a.keras", "--port", process.port)
    assert code == 1 and "in use" in told


def test_options_and_addresses_of_the_page_are_there():
    from sequax.cli import make_parser

    text = (ROOT / "docs" / "serving.md").read_text()
    program, command, *given = json.loads(re.search(r"^CMD (.*)$", text, re.M)[1])
    assert (program, command) == ("sequax", "serve") and make_parser().parse_args([command, *given]).host == "0.0.0.0"
    for option in set(re.findall(r"`(--[a-z-]+)", text)):
        make_parser().parse_args(["serve", "m.keras", option, *([] if option == "--together" else ["1"])])
    paths = {route.path for route in serving.application(numbers()).routes}
    assert {path for path in re.findall(r"path: (/\S+),", text)} <= paths


def test_what_is_absent_is_named():
    code = (
        "import sys\nsys.modules['starlette'] = sys.modules['starlette.applications'] = None\n"
        "import sequax.serving\ntry:\n    sequax.serving.application\nexcept ImportError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert "pip install 'sequax[serve]'" in done.stdout, done.stderr
