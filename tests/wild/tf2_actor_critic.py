# ruff: noqa
# Actor and critic in the manner of the examples: one tape around an episode, numbers of the step as indices.
import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

np.random.seed(0)
tf.random.set_seed(0)
keras.utils.set_random_seed(0)
gamma, max_steps_per_episode = 0.95, 12
eps = np.finfo(np.float32).eps.item()


class Corridor:
    """Walk to the right end of five fields."""

    def reset(self):
        self.place = 2
        return np.eye(5)[self.place]

    def step(self, action):
        self.place = min(max(self.place + (1 if action == 1 else -1), 0), 4)
        done = self.place == 4
        return np.eye(5)[self.place], (1.0 if done else -0.1), done, {}


env = Corridor()
inputs = layers.Input(shape=(5,))
common = layers.Dense(16, activation="relu")(inputs)
action = layers.Dense(2, activation="softmax")(common)
critic = layers.Dense(1)(common)
model = keras.Model(inputs=inputs, outputs=[action, critic])
optimizer = keras.optimizers.Adam(learning_rate=0.02)
huber_loss = keras.losses.Huber()
running_reward = 0
for episode_count in range(50):
    action_probs_history, critic_value_history, rewards_history = [], [], []
    state, episode_reward = env.reset(), 0
    with tf.GradientTape() as tape:
        for timestep in range(1, max_steps_per_episode):
            state = tf.convert_to_tensor(state)
            state = tf.expand_dims(state, 0)
            action_probs, critic_value = model(state)
            critic_value_history.append(critic_value[0, 0])
            action = np.random.choice(2, p=np.squeeze(action_probs))
            action_probs_history.append(tf.math.log(action_probs[0, action]))
            state, reward, done, _ = env.step(action)
            rewards_history.append(reward)
            episode_reward += reward
            if done:
                break
        running_reward = 0.1 * episode_reward + (1 - 0.1) * running_reward
        returns, discounted_sum = [], 0
        for r in rewards_history[::-1]:
            discounted_sum = r + gamma * discounted_sum
            returns.insert(0, discounted_sum)
        returns = np.array(returns)
        returns = (returns - np.mean(returns)) / (np.std(returns) + eps)
        returns = returns.tolist()
        actor_losses, critic_losses = [], []
        for log_prob, value, ret in zip(action_probs_history, critic_value_history, returns):
            actor_losses.append(-log_prob * (ret - value))
            critic_losses.append(huber_loss(tf.expand_dims(value, 0), tf.expand_dims(ret, 0)))
        loss_value = sum(actor_losses) + sum(critic_losses)
    grads = tape.gradient(loss_value, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
print("running reward: {:.2f}".format(running_reward))
print("score", running_reward)
