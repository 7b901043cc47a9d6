# ruff: noqa
# A convolutional autoencoder that takes noise away; the encoder is Model(input_img, encoded) over the same layers.
import numpy as np
from keras.layers import Conv2D, Input, MaxPooling2D, UpSampling2D
from keras.models import Model
from sklearn.datasets import load_digits

np.random.seed(0)
x = load_digits().images.astype("float32")[..., None] / 16
noisy = np.clip(x + 0.3 * np.random.normal(size=x.shape), 0.0, 1.0)
input_img = Input(shape=(8, 8, 1))
h = Conv2D(16, (3, 3), activation="relu", padding="same")(input_img)
h = MaxPooling2D((2, 2), border_mode="same")(h)
encoded = Conv2D(8, (3, 3), activation="relu", padding="same")(h)
h = UpSampling2D((2, 2))(encoded)
decoded = Conv2D(1, (3, 3), activation="sigmoid", padding="same")(h)
autoencoder = Model(input_img, decoded)
autoencoder.compile(optimizer="adam", loss="binary_crossentropy")
autoencoder.fit(
    noisy[:1500], x[:1500], epochs=10, batch_size=64, shuffle=True, verbose=0, validation_data=(noisy[1500:], x[1500:])
)
encoder = Model(input_img, encoded)
encoded_imgs = encoder.predict(noisy[1500:], verbose=0)
assert encoded_imgs.shape == (297, 4, 4, 8)
decoded_imgs = autoencoder.predict(noisy[1500:], verbose=0)
print("score", 1 - np.mean((decoded_imgs - x[1500:]) ** 2) / np.mean((noisy[1500:] - x[1500:]) ** 2))
