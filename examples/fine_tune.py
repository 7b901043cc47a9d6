"""A network that Keras has saved learns something else: a new head, then adapters, which are merged; saved, quantized.

    python examples/fine_tune.py base.keras folder

`base.keras` is a network without its top for images of 32 x 32, such as this, which Keras writes:

    keras.applications.MobileNetV2((32, 32, 3), 0.35, include_top=False, pooling="avg", weights=None).save("base.keras")

Without arguments the same network is made here, with random weights, and files go into a temporary folder. Even random
filters tell digits apart a little; with weights of ImageNet the steps are the same.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

import sequax as keras
from sequax import layers
from sequax.applications import mobilenet_v2
from sequax.callbacks import ModelCheckpoint
from sequax.datasets import digits


def as_images(rows):
    """8 x 8 shades of grey from 0 to 16 -> 32 x 32 colours from -1 to 1, as this network wants them."""
    large = rows.reshape(-1, 8, 8, 1).repeat(4, axis=1).repeat(4, axis=2).repeat(3, axis=3)
    return mobilenet_v2.preprocess_input(large.astype("float32") * 255 / 16)


def scaled(rng, kernel):
    """Random numbers that neither grow nor shrink from layer to layer (He et al. 2015)."""
    inputs = kernel[..., 0].size if kernel.shape[-1] > 1 else kernel[..., 0, 0].size
    return rng.normal(scale=(2 / inputs) ** 0.5, size=kernel.shape)


def main():
    keras.utils.set_random_seed(0)
    (x, y), (x_test, y_test) = digits.load_data()

    train = as_images(x[:320]), keras.utils.to_categorical(y[:320], 10)
    test = as_images(x_test[:160]), keras.utils.to_categorical(y_test[:160], 10)

    # --- the base, as Keras saved it, under a new head ---

    if len(sys.argv) > 1:
        base = keras.models.load_model(sys.argv[1])
    else:
        base = mobilenet_v2.MobileNetV2((32, 32, 3), 0.35, include_top=False, pooling="avg", weights=None)
        rng = np.random.default_rng(0)
        base.set_weights([scaled(rng, w) if w.ndim == 4 else w for w in base.get_weights()])
    # Small images have more in common with the front of the base than with its end.
    front = keras.Model(base.input, base.get_layer("block_6_expand_relu").output, name="front")
    front.freeze()
    head = layers.Dense(10, activation="softmax", name="head")
    model = keras.Sequential([front, layers.Flatten(), layers.BatchNormalization(momentum=0.8, name="scale"), head])
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])

    def show(what):
        trained = sum(weight.size for weight in model.trainable_weights)
        print(f"{what}: {trained:,} of {model.count_params():,} trained, {accuracy():.0%} right")

    def accuracy():
        return model.evaluate(*test, batch_size=160, verbose=0)[1]

    # A frozen base gives the same features in each epoch: the head learns from those.
    features = front.predict(train[0], batch_size=160, verbose=0)
    top = model[1:]
    top.compile(keras.optimizers.Adam(0.01), loss)
    top.fit(features, train[1], epochs=30, verbose=0, augment=layers.MixUp(0.2, seed=1))
    show("a new head on frozen features")

    # --- adapters in its last blocks, the best ones kept while they are trained ---

    folder = Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp())
    front.enable_lora(4, ["block_5*", "block_6*"])
    keep = ModelCheckpoint(folder / "best.safetensors", "val_loss", save_best_only=True, adapters_only=True)
    model.compile(
        {"head": 1e-3, "*": keras.optimizers.Adam(3e-3, gradient_accumulation_steps=2)}, loss, metrics=["accuracy"]
    )
    model.fit(*train, validation_data=test, epochs=12, verbose=0, callbacks=[keep])
    model.load_lora(folder / "best.safetensors")
    show("adapters in the last blocks")
    adapted = model.predict(test[0], batch_size=160, verbose=0)

    # --- one network again, in a file that Keras reads ---

    names = model.merge_lora()
    print(f"merged: {len(names)} layers, nothing but weights: {accuracy():.0%} right")
    model.save(folder / "tuned.keras", include_optimizer=False)
    again = keras.models.load_model(folder / "tuned.keras")
    off = np.abs(again.predict(test[0], batch_size=160, verbose=0) - adapted).max()
    print(f"saved and loaded: the same predictions: {off < 1e-4}")

    # --- the weights of its head in whole numbers; convolutions have no such form ---

    again.quantize("int8", filters="head")
    again.save(folder / "int8.keras", include_optimizer=False)
    rounded = keras.models.load_model(folder / "int8.keras")
    agree = (rounded.predict(test[0], batch_size=160, verbose=0).argmax(1) == adapted.argmax(1)).mean()
    print(f"head in 8 bits: the same digit for {agree:.0%} of the images")
    sizes = [(folder / name).stat().st_size // 1000 for name in ("best.safetensors", "tuned.keras", "int8.keras")]
    print(f"the adapters take {sizes[0]} kB, the network {sizes[1]} kB, with a head in 8 bits {sizes[2]} kB")


if __name__ == "__main__":
    main()
