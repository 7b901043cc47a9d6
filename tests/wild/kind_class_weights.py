# ruff: noqa
# Few of one class: weights of classes from scikit-learn, and weights of rows.
import numpy as np
from keras.layers import Activation, Dense
from keras.models import Sequential
from keras.optimizers import SGD
from sklearn.metrics import recall_score
from sklearn.utils import class_weight

np.random.seed(0)
x = np.random.randn(600, 2)
y = (np.arange(600) % 20 == 0).astype(int)
x[y == 1] += 1.2


def build():
    model = Sequential()
    model.add(Dense(8, input_dim=2, init="glorot_normal"))
    model.add(Activation("tanh"))
    model.add(Dense(1))
    model.add(Activation("sigmoid"))
    model.compile(SGD(lr=0.1, momentum=0.9, decay=1e-5, nesterov=True), "binary_crossentropy", ["accuracy"])
    return model


weights = class_weight.compute_class_weight(class_weight="balanced", classes=np.unique(y), y=y)
model = build()
model.fit(x, y, batch_size=64, nb_epoch=25, verbose=0, class_weight=dict(enumerate(weights)))
by_class = recall_score(y, model.predict_classes(x).ravel())
model = build()
model.fit(x, y, batch_size=64, nb_epoch=25, verbose=0, sample_weight=class_weight.compute_sample_weight("balanced", y))
by_row = recall_score(y, model.predict_classes(x).ravel())
plain = build()
plain.fit(x, y, batch_size=64, nb_epoch=25, verbose=0)
assert recall_score(y, plain.predict_classes(x).ravel()) < min(by_class, by_row)
print("score", min(by_class, by_row))
