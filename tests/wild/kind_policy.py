# ruff: noqa
# Policy gradients of Keras 1 and 2: placeholders, a loss of symbolic tensors, and K.function with the optimizer's updates.
import numpy as np
from keras import backend as K
from keras.layers import Dense, Input
from keras.models import Model
from keras.optimizers import Adam

np.random.seed(0)
state = Input(shape=(3,))
x = Dense(16, activation="relu")(state)
policy = Dense(3, activation="softmax")(x)
model = Model(inputs=state, outputs=policy)


def build_train_fn(model):
    action_prob_placeholder = model.output
    action_onehot_placeholder = K.placeholder(shape=(None, 3), name="action_onehot")
    discount_reward_placeholder = K.placeholder(shape=(None,), name="discount_reward")
    action_prob = K.sum(action_prob_placeholder * action_onehot_placeholder, axis=1)
    log_action_prob = K.log(action_prob)
    loss = K.mean(-log_action_prob * discount_reward_placeholder)
    adam = Adam(lr=0.02)
    updates = adam.get_updates(params=model.trainable_weights, loss=loss)
    return K.function(
        inputs=[model.input, action_onehot_placeholder, discount_reward_placeholder], outputs=[], updates=updates
    )


train_fn = build_train_fn(model)
for episode in range(60):
    S = np.random.rand(32, 3)
    probabilities = model.predict(S, verbose=0).astype("float64")
    A = np.array([np.random.choice(3, p=p / p.sum()) for p in probabilities])
    R = (A == S.argmax(axis=1)).astype("float32")
    R = (R - R.mean()) / (R.std() + K.epsilon())
    train_fn([S, np.eye(3)[A], R])
S = np.random.rand(200, 3)
print("score", np.mean(model.predict(S, verbose=0).argmax(axis=1) == S.argmax(axis=1)))
