# ruff: noqa
# A straight line in the manner of the guides: variables of one's own, assign_sub, and then an optimizer and `minimize`.
import numpy as np
import tensorflow as tf

tf.random.set_seed(0)
TRUE_W, TRUE_B, NUM_EXAMPLES = 3.0, 2.0, 200
x = tf.random.normal(shape=[NUM_EXAMPLES])
noise = tf.random.normal(shape=[NUM_EXAMPLES])
y = x * TRUE_W + TRUE_B + 0.1 * noise


class MyModel(tf.Module):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.w = tf.Variable(5.0)
        self.b = tf.Variable(0.0)

    def __call__(self, x):
        return self.w * x + self.b


model = MyModel()
print("Variables:", model.variables)
assert model(3.0).numpy() == 15.0


def loss(target_y, predicted_y):
    return tf.reduce_mean(tf.square(target_y - predicted_y))


def train(model, x, y, learning_rate):
    with tf.GradientTape() as t:
        current_loss = loss(y, model(x))
    dw, db = t.gradient(current_loss, [model.w, model.b])
    model.w.assign_sub(learning_rate * dw)
    model.b.assign_sub(learning_rate * db)


for epoch in range(20):
    train(model, x, y, learning_rate=0.1)
    print(f"Epoch {epoch:2d}: W={model.w.numpy():1.2f} b={model.b.numpy():1.2f}, loss={loss(y, model(x)):2.5f}")

a, c = tf.Variable(tf.zeros(())), tf.Variable(0.0, name="c")
optimizer = tf.keras.optimizers.SGD(0.1)
for _ in range(60):
    optimizer.minimize(lambda: loss(y, a * x + c), var_list=[a, c])
found = np.array([model.w.numpy(), model.b.numpy(), a.numpy(), c.numpy()])
print("score", 1 - np.abs(found - [3, 2, 3, 2]).max())
