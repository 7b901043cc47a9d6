# ruff: noqa
# Deep Q learning in the manner of the examples: a replay buffer, a target network, one-hot masks in the tape.
import random
import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

random.seed(0)
np.random.seed(0)
tf.random.set_seed(0)
keras.utils.set_random_seed(0)
num_actions, gamma, epsilon, batch_size = 2, 0.9, 1.0, 32


def create_q_model():
    return keras.Sequential(
        [layers.Input((6,)), layers.Dense(24, activation="relu"), layers.Dense(num_actions, activation="linear")]
    )


model, model_target = create_q_model(), create_q_model()
model_target.set_weights(model.get_weights())
optimizer = keras.optimizers.Adam(learning_rate=0.01, clipnorm=1.0)
loss_function = keras.losses.Huber()
buffer = []
frame_count = 0
for episode in range(40):
    place, total = 0, 0.0
    for timestep in range(15):
        frame_count += 1
        state = np.eye(6, dtype="float32")[place]
        if epsilon > np.random.rand(1)[0]:
            action = np.random.choice(num_actions)
        else:
            state_tensor = tf.expand_dims(tf.convert_to_tensor(state), 0)
            action_probs = model(state_tensor, training=False)
            action = tf.argmax(action_probs[0]).numpy()
        epsilon = max(epsilon - 0.003, 0.05)
        place = max(place - 1, 0) if action == 0 else place + 1
        done, reward = place == 5, 1.0 if place == 5 else -0.01
        buffer.append((state, action, np.eye(6, dtype="float32")[place], reward, done))
        if frame_count % 4 == 0 and len(buffer) > batch_size:
            states, actions, next_states, rewards, dones = map(np.array, zip(*random.sample(buffer, batch_size)))
            future_rewards = model_target.predict(next_states, verbose=0)
            updated_q_values = rewards + gamma * tf.reduce_max(future_rewards, axis=1) * (1 - dones)
            masks = tf.one_hot(actions, num_actions)
            with tf.GradientTape() as tape:
                q_values = model(states)
                q_action = tf.reduce_sum(tf.multiply(q_values, masks), axis=1)
                loss = loss_function(updated_q_values, q_action)
            grads = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(grads, model.trainable_variables))
        if frame_count % 50 == 0:
            model_target.set_weights(model.get_weights())
        if done:
            break
right = np.argmax(model.predict(np.eye(6, dtype="float32")[:5], verbose=0), axis=1)
print("score", np.mean(right == 1))
