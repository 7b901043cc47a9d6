"""The examples of pages run, one after another in one namespace each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
APART = {"docs/extending.md"}  # whose blocks are files of the package: test_extending.py
# What the text of a page takes for granted: data and files of the reader.
GIVEN = {
    "README.md": "",
    "docs/browser.md": """
import sequax as keras
from pathlib import Path
from sequax.export.formats.web import PARTS
runtime = Path("node_modules/onnxruntime-web/dist")
runtime.mkdir(parents=True)
for part in PARTS:
    (runtime / part).write_text("")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
""",
    "docs/data.md": """
import numpy as np, sequax as keras
from PIL import Image
from pathlib import Path
for label in ("cats", "dogs"):
    Path("photos", label).mkdir(parents=True)
    for number in range(4):
        Image.fromarray(np.full((8, 8, 3), 20 * number, "uint8")).save(f"photos/{label}/{number}.png")
augment = keras.layers.RandomFlip()
model = keras.Sequential([keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1)])
model.compile("adam", "mse")
np.save("images.npy", np.zeros((128, 4, 4, 3), "float32"))
labels = np.zeros(128)
""",
    "docs/distribution.md": """
import warnings
import numpy as np, sequax as keras
from sequax import layers
warnings.filterwarnings("ignore", "A step of model")
inputs = keras.Input((4, 16))
inside = layers.MultiHeadAttention(4, 4)(inputs, inputs)
outputs = layers.Dense(16, name="down")(layers.Dense(32, "relu", name="up")(inside))
model = keras.Model(inputs, outputs)
model.compile("sgd", "mse")
x = y = np.ones((64, 4, 16), "float32")
source = [(x[0], y[0])] * 256
""",
    "docs/ensemble.md": """
import numpy as np
x, y, x_new = np.ones((40, 8)), np.ones(40), np.ones((3, 8))
""",
    "docs/export.md": """
import sys
import numpy as np, sequax
keras, layers = sequax, sequax.layers
sys.path.insert(0, ".")
parts = [layers.Input((8, 8, 1), name="image"), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(3, name="classes")]
model = sequax.Sequential(parts)
features = sequax.Model(model.inputs, model.layers[0].output)
layer, x = layers.Embedding(4, 2), np.ones((5, 8, 8, 1), "float32")
layer(np.zeros((1, 1), "int32"))
model.export("digits.stablehlo", verbose=0)
""",
    "docs/files.md": """
import h5py
with h5py.File("old.h5", "w") as file:
    file.create_group("a")["b"] = [1.0, 2.0]
""",
    "docs/fine-tuning.md": """
import numpy as np, sequax as keras
from sequax import layers
x, y = np.ones((20, 8, 8, 1), "float32"), np.arange(20) % 5
x_test, y_test = x[:4], np.eye(5)[y[:4]]
keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        layers.Conv2D(4, 3, name="block5_conv1"),
        layers.Flatten(),
        layers.Dense(8),
        layers.Dense(3),
    ],
    name="base",
).save("base.keras")
""",
    "docs/quantization.md": """
import numpy as np, sequax as keras
from sequax import layers
keras.config.disable_interactive_logging()
class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.attention, self.dense = layers.MultiHeadAttention(2, 16), layers.Dense(32, "relu")
    def call(self, x):
        return x + self.dense(self.attention(x, x))
texts = ["The quick brown fox jumps over the lazy dog.", "Pack my box with five dozen liquor jugs."]
tokenizer = lambda text: [ord(letter) for letter in text]
ids = np.array([tokenizer(text)[:32] for text in texts])
dense = [layers.Dense(32, "relu"), layers.Dense(32)]
model = keras.Sequential([keras.Input((64,), dtype="int32"), layers.Embedding(128, 32), *dense])
structure = {"pre_block_layers": model.layers[:1], "sequential_blocks": model.layers[1:]}
model.get_quantization_layer_structure = lambda mode=None: structure
""",
    "docs/resume.md": """
import numpy as np, sequax
x, y = np.ones((20, 8)), np.ones(20)
model = sequax.Sequential([sequax.layers.Dense(1)])
model.compile("sgd", "mse")
""",
    "docs/serving.md": """
import sequax as keras
model, a, b = (keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]) for _ in range(3))
""",
    "docs/trackers_and_hubs.md": """
import numpy as np, sequax as keras
x, y = np.ones((20, 8)), np.ones(20)
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
""",
    "docs/scikit_learn.md": """
import numpy as np
x = np.random.default_rng(0).normal(size=(40, 4))
labels = np.array(["low", "high"])[(x[:, 0] > 0).astype(int)]
""",
}


def examples(page):
    return re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.M | re.S)


PAGES = [
    page
    for page in ("README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))
    if page not in APART and examples(page)
]


@pytest.mark.usefixtures("symbolic_sizes")
@pytest.mark.parametrize("page", PAGES)
def test_examples_run(page, tmp_path, monkeypatch):
    from sequax import config
    from sequax.core import tracebacks

    monkeypatch.chdir(tmp_path)
    filtering, namespace = tracebacks.filtering(), {"__name__": page}
    try:
        exec(GIVEN.get(page, ""), namespace)
        found = examples(page)
        for number, source in enumerate(found):
            exec(compile(source, f"{page}, example {number}", "exec"), namespace)
    finally:
        tracebacks.set_filtering(filtering)
        config.enable_interactive_logging()
    assert found
