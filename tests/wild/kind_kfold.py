# ruff: noqa
# Folds by hand and by scikit-learn: a KerasClassifier in cross_val_score, then one model per fold with its own scores.
import numpy as np
from keras.layers import Dense
from keras.models import Sequential
from keras.wrappers.scikit_learn import KerasClassifier
from sklearn.datasets import make_classification
from sklearn.model_selection import StratifiedKFold, cross_val_score

seed = 7
np.random.seed(seed)
X, Y = make_classification(240, 6, n_informative=4, class_sep=2.0, random_state=0)


def create_model():
    model = Sequential()
    model.add(Dense(12, input_dim=6, init="uniform", activation="relu"))
    model.add(Dense(1, init="uniform", activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


model = KerasClassifier(build_fn=create_model, nb_epoch=30, batch_size=10, verbose=0)
kfold = StratifiedKFold(n_splits=3, shuffle=True, random_state=seed)
results = cross_val_score(model, X, Y, cv=kfold)
cvscores = []
for train, test in kfold.split(X, Y):
    model = create_model()
    model.fit(X[train], Y[train], nb_epoch=30, batch_size=10, verbose=0)
    scores = model.evaluate(X[test], Y[test], verbose=0)
    cvscores.append(scores[1] * 100)
print("%.2f%% (+/- %.2f%%)" % (np.mean(cvscores), np.std(cvscores)))
print("score", min(results.mean(), np.mean(cvscores) / 100))
