# ruff: noqa
# Two generators and two discriminators in the manner of CycleGAN: one persistent tape for all four.
import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
apples = (rng.normal(size=(512, 2)) * 0.3 + [1.0, 0.0]).astype("float32")
oranges = (rng.normal(size=(512, 2)) * 0.3 + [-1.0, 0.5]).astype("float32")
LAMBDA = 2


def Generator():
    return tf.keras.Sequential([layers.Dense(32, activation="relu", input_shape=(2,)), layers.Dense(2)])


def Discriminator():
    return tf.keras.Sequential([layers.Dense(32, activation="relu", input_shape=(2,)), layers.Dense(1)])


generator_g, generator_f, discriminator_x, discriminator_y = Generator(), Generator(), Discriminator(), Discriminator()
loss_obj = tf.keras.losses.BinaryCrossentropy(from_logits=True)


def discriminator_loss(real, generated):
    return (loss_obj(tf.ones_like(real), real) + loss_obj(tf.zeros_like(generated), generated)) * 0.5


def generator_loss(generated):
    return loss_obj(tf.ones_like(generated), generated)


def calc_cycle_loss(real_image, cycled_image):
    return LAMBDA * tf.reduce_mean(tf.abs(real_image - cycled_image))


optimizers = [tf.keras.optimizers.Adam(5e-3, beta_1=0.5) for _ in range(4)]


@tf.function
def train_step(real_x, real_y):
    with tf.GradientTape(persistent=True) as tape:
        fake_y = generator_g(real_x, training=True)
        cycled_x = generator_f(fake_y, training=True)
        fake_x = generator_f(real_y, training=True)
        cycled_y = generator_g(fake_x, training=True)
        disc_real_x, disc_real_y = discriminator_x(real_x, training=True), discriminator_y(real_y, training=True)
        disc_fake_x, disc_fake_y = discriminator_x(fake_x, training=True), discriminator_y(fake_y, training=True)
        total_cycle_loss = calc_cycle_loss(real_x, cycled_x) + calc_cycle_loss(real_y, cycled_y)
        total_gen_g_loss = generator_loss(disc_fake_y) + total_cycle_loss
        total_gen_f_loss = generator_loss(disc_fake_x) + total_cycle_loss
        disc_x_loss = discriminator_loss(disc_real_x, disc_fake_x)
        disc_y_loss = discriminator_loss(disc_real_y, disc_fake_y)
    pairs = [
        (total_gen_g_loss, generator_g),
        (total_gen_f_loss, generator_f),
        (disc_x_loss, discriminator_x),
        (disc_y_loss, discriminator_y),
    ]
    for (loss, network), optimizer in zip(pairs, optimizers):
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables))


data = tf.data.Dataset.zip((tf.data.Dataset.from_tensor_slices(apples), tf.data.Dataset.from_tensor_slices(oranges)))
for epoch in range(25):
    for image_x, image_y in data.shuffle(512).batch(64):
        train_step(image_x, image_y)
made = generator_g(apples).numpy()
print("score", 1 - np.abs(made.mean(0) - oranges.mean(0)).mean())
