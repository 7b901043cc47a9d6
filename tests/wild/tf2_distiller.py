# ruff: noqa
# A student and its teacher: a step that calls neither the model itself nor its compiled loss, and metrics of `compile`.
import numpy as np, tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers
from sklearn.datasets import load_digits

d = load_digits()
X = (d.data / 16).astype("float32")
Y = d.target


class Distiller(keras.Model):
    def __init__(self, student, teacher):
        super().__init__()
        self.teacher = teacher
        self.student = student

    def compile(self, optimizer, metrics, student_loss_fn, distillation_loss_fn, alpha=0.1, temperature=3):
        super().compile(optimizer=optimizer, metrics=metrics)
        self.student_loss_fn = student_loss_fn
        self.distillation_loss_fn = distillation_loss_fn
        self.alpha = alpha
        self.temperature = temperature

    def train_step(self, data):
        x, y = data
        teacher_predictions = self.teacher(x, training=False)
        with tf.GradientTape() as tape:
            student_predictions = self.student(x, training=True)
            student_loss = self.student_loss_fn(y, student_predictions)
            distillation_loss = (
                self.distillation_loss_fn(
                    tf.nn.softmax(teacher_predictions / self.temperature, axis=1),
                    tf.nn.softmax(student_predictions / self.temperature, axis=1),
                )
                * self.temperature**2
            )
            loss = self.alpha * student_loss + (1 - self.alpha) * distillation_loss
        trainable_vars = self.student.trainable_variables
        gradients = tape.gradient(loss, trainable_vars)
        self.optimizer.apply_gradients(zip(gradients, trainable_vars))
        self.compiled_metrics.update_state(y, student_predictions)
        results = {m.name: m.result() for m in self.metrics}
        results.update({"student_loss": student_loss, "distillation_loss": distillation_loss})
        return results

    def test_step(self, data):
        x, y = data
        yp = self.student(x, training=False)
        student_loss = self.student_loss_fn(y, yp)
        self.compiled_metrics.update_state(y, yp)
        results = {m.name: m.result() for m in self.metrics}
        results.update({"student_loss": student_loss})
        return results


mk = lambda u: keras.Sequential([keras.Input((64,)), layers.Dense(u, activation="relu"), layers.Dense(10)])
teacher = mk(128)
teacher.compile(
    "adam",
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[keras.metrics.SparseCategoricalAccuracy()],
)
teacher.fit(X[:1400], Y[:1400], epochs=15, verbose=0)
st = mk(16)
scratch = keras.models.clone_model(st)
dist = Distiller(student=st, teacher=teacher)
dist.compile(
    optimizer=keras.optimizers.Adam(0.005),
    metrics=[keras.metrics.SparseCategoricalAccuracy()],
    student_loss_fn=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    distillation_loss_fn=keras.losses.KLDivergence(),
    alpha=0.1,
    temperature=5,
)
h = dist.fit(X[:1400], Y[:1400], epochs=15, verbose=0, validation_data=(X[1400:], Y[1400:]))
r = dist.evaluate(X[1400:], Y[1400:], verbose=0, return_dict=True)
print("score", r["sparse_categorical_accuracy"])
