# ruff: noqa
# Style transfer in the manner of the tutorials: the image is a variable, Gram matrices, clipping after each step.
import numpy as np
import tensorflow as tf

tf.random.set_seed(0)
rng = np.random.default_rng(0)
grid = np.add.outer(np.arange(24), np.arange(24))
style_image = tf.constant(np.stack([np.sin(grid), np.cos(grid), np.sin(grid / 2)], -1)[None] / 2 + 0.5, tf.float32)
content_image = tf.constant(np.repeat(np.linspace(0, 1, 24)[None, None, :, None], 24, 1).repeat(3, 3), dtype=tf.float32)

base = tf.keras.Sequential(
    [
        tf.keras.layers.Conv2D(8, 3, activation="relu", name="block1_conv1", input_shape=(24, 24, 3)),
        tf.keras.layers.MaxPooling2D(),
        tf.keras.layers.Conv2D(12, 3, activation="relu", name="block2_conv1"),
    ]
)
style_layers, content_layers = ["block1_conv1", "block2_conv1"], ["block2_conv1"]


def model_of_layers(layer_names):
    base.trainable = False
    return tf.keras.Model([base.input], [base.get_layer(name).output for name in layer_names])


def gram_matrix(input_tensor):
    channels = int(input_tensor.shape[-1])
    a = tf.reshape(input_tensor, [-1, channels])
    return tf.matmul(a, a, transpose_a=True) / tf.cast(tf.shape(a)[0], tf.float32)


class StyleContentModel(tf.keras.models.Model):
    def __init__(self, style_layers, content_layers):
        super(StyleContentModel, self).__init__()
        self.net = model_of_layers(style_layers + content_layers)
        self.style_layers, self.content_layers = style_layers, content_layers
        self.net.trainable = False

    def call(self, inputs):
        outputs = self.net(inputs)
        count = len(self.style_layers)
        style_outputs = [gram_matrix(one) for one in outputs[:count]]
        return {
            "style": dict(zip(self.style_layers, style_outputs)),
            "content": dict(zip(self.content_layers, outputs[count:])),
        }


extractor = StyleContentModel(style_layers, content_layers)
style_targets = extractor(style_image)["style"]
content_targets = extractor(content_image)["content"]
image = tf.Variable(content_image)
opt = tf.keras.optimizers.Adam(learning_rate=0.02, beta_1=0.99, epsilon=1e-1)


def clip_0_1(image):
    return tf.clip_by_value(image, clip_value_min=0.0, clip_value_max=1.0)


def style_content_loss(outputs):
    style = tf.add_n([tf.reduce_mean((outputs["style"][n] - style_targets[n]) ** 2) for n in style_targets])
    content = tf.add_n([tf.reduce_mean((outputs["content"][n] - content_targets[n]) ** 2) for n in content_targets])
    return 1e4 * style / len(style_layers) + 10.0 * content


@tf.function()
def train_step(image):
    with tf.GradientTape() as tape:
        outputs = extractor(image)
        loss = style_content_loss(outputs)
    grad = tape.gradient(loss, image)
    opt.apply_gradients([(grad, image)])
    image.assign(clip_0_1(image))
    return loss


losses = [float(train_step(image)) for step in range(80)]
assert 0 <= image.numpy().min() and image.numpy().max() <= 1
print("score", 1 - losses[-1] / losses[0])
