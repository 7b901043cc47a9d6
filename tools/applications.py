"""The networks beside Keras' own: layers, numbers of weights, and outputs with weights from Keras' files.

    python -m tools.applications [NAME ...]             # all 40 unless named; with JAX an hour
    KERAS_BACKEND=torch python -m tools.applications    # minutes, where PyTorch is installed
    python -m tools.applications --record               # writes what Keras says into tests/applications.json

Exits with 1 if one differs. `tests/test_applications.py` compares with the record, since Keras takes long.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

RECORD = Path(__file__).resolve().parents[1] / "tests" / "applications.json"
CLASSES = 10
SIZES = {"Xception": 71, "InceptionV3": 75, "InceptionResNetV2": 75}  # the least that a network takes; 32 for others
# A factor of the variance of weights; with 1.5, one bit of an image changes 1e-4 and .4 of the outputs of these two.
GAINS = {"EfficientNetV2M": 1.2, "EfficientNetV2L": 1.2}
SMALLEST = (
    *("ConvNeXtTiny", "DenseNet121", "EfficientNetB0", "EfficientNetV2B0", "InceptionResNetV2", "InceptionV3"),
    *("MobileNet", "MobileNetV2", "MobileNetV3Small", "NASNetMobile", "ResNet50", "ResNet50V2", "VGG16"),
    "Xception",
)


def small(constructor: Any, name: str, **options: Any) -> Any:
    """A network for the smallest images that it takes and few classes, which it gives logits of."""
    size = SIZES.get(name, 32)
    options = {"weights": None, "classes": CLASSES, "classifier_activation": None, **options}
    return constructor(input_shape=(size, size, 3), **options)


def images(size: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (2, size, size, 3)).astype("float32")


def set_known_weights(model: Any, gain: float = 1.5) -> None:
    """Weights that hang on their place and name alone, and keep signals in bounds."""
    model.set_weights([known(place, variable, gain) for place, variable in enumerate(model.weights)])


def known(place: int, variable: Any, gain: float) -> np.ndarray:
    shape, rng = tuple(variable.shape), np.random.default_rng(place)
    if variable.name in ("moving_variance", "variance"):
        values = rng.uniform(0.8, 1.2, shape)
    elif variable.name == "count":
        return np.zeros(shape, "int32")
    elif len(shape) > 1:
        inputs = math.prod(shape[:-1]) if shape[-1] > 1 else math.prod(shape[:2])
        values = rng.normal(0, math.sqrt(gain / inputs), shape)
    else:  # offsets and means, or factors, of which Keras names those of ConvNeXt by number
        values = rng.normal(0, 0.1, shape) + (variable.name == "gamma" or variable.name.startswith("variable"))
    return values.astype("float32")


def layers_of(model: Any) -> list[str]:
    """Names and classes, also of layers inside of layers."""
    found = []
    for layer in model.layers:
        found.append(f"{layer.name}:{type(layer).__name__}")
        found += layers_of(layer) if hasattr(layer, "layers") else []
    return found


def facts(model: Any) -> dict[str, Any]:
    """What is compared of a network as it was published."""
    layers = layers_of(model)
    digest = hashlib.sha256("\n".join(layers).encode()).hexdigest()
    return {"name": model.name, "params": model.count_params(), "layers": len(layers), "digest": digest[:16]}


def outputs(model: Any) -> np.ndarray:
    return np.asarray(model.predict(images(model.input_shape[1]), verbose=0))


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest, by the largest output."""
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def compare(name: str, keras: Any, sequax: Any, folder: Path) -> list[str]:
    """What differs between the networks of a name."""
    theirs = small(getattr(keras.applications, name), name)
    set_known_weights(theirs, GAINS.get(name, 1.5))
    expected = outputs(theirs)
    weights, whole, old = folder / "a.weights.h5", folder / "a.keras", folder / "a.h5"
    theirs.save_weights(weights)
    theirs.save(whole)
    theirs.save(old)
    sequax.utils.clear_session()
    start = time.process_time()
    ours = small(getattr(sequax.applications, name), name)
    seconds = time.process_time() - start
    wrong = [] if facts(ours) == facts(theirs) else ["layers"]
    for path in (weights, old):
        ours = small(getattr(sequax.applications, name), name, weights=path)
        wrong += [] if difference(outputs(ours), expected) < 1e-5 else [path.name]
    for path in (whole, old):
        loaded = sequax.models.load_model(path)
        wrong += [] if difference(outputs(loaded), expected) < 1e-5 else [f"{path.name} as a model"]
    found = "differs: " + ", ".join(wrong) if wrong else "equal"
    print(f"{name:20} {seconds:5.2f} s to build   {found}", flush=True)
    return wrong


def record(name: str, keras: Any) -> dict[str, Any]:
    model = small(getattr(keras.applications, name), name)
    set_known_weights(model)
    logits = [[float(f"{value:.8g}") for value in row] for row in outputs(model)] if name in SMALLEST else None
    keras.utils.clear_session()
    return {**facts(getattr(keras.applications, name)(weights=None)), "logits": logits}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--record", action="store_true", help="write tests/applications.json")
    wanted = parser.parse_args(arguments)
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    import sequax

    names = wanted.names or [name for name in dir(sequax.applications) if name[0].isupper()]
    if wanted.record:
        known_so_far = json.loads(RECORD.read_text()) if RECORD.exists() else {}
        for name in names:
            keras.utils.clear_session()
            known_so_far[name] = record(name, keras)
            lines = (f" {json.dumps(key)}: {json.dumps(value)}" for key, value in sorted(known_so_far.items()))
            RECORD.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        return 0
    wrong = []
    for name in names:
        keras.utils.clear_session()
        with tempfile.TemporaryDirectory() as folder:
            wrong += compare(name, keras, sequax, Path(folder))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
