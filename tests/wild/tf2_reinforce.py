# ruff: noqa
# Policy gradients in the manner of short public scripts: an episode is played first, its loss is taken in one tape.
import numpy as np
import tensorflow as tf

np.random.seed(1)
tf.keras.utils.set_random_seed(1)


class PolicyNet(tf.keras.Model):
    def __init__(self, actions):
        super().__init__()
        self.fc1 = tf.keras.layers.Dense(24, activation="relu")
        self.fc2 = tf.keras.layers.Dense(actions, activation="softmax")

    def call(self, state):
        return self.fc2(self.fc1(state))


class Agent:
    def __init__(self, lr=0.02, gamma=0.9):
        self.gamma = gamma
        self.policy = PolicyNet(3)
        self.policy.compile(optimizer=tf.keras.optimizers.Adam(learning_rate=lr))

    def choose_action(self, observation):
        state = tf.convert_to_tensor([observation], dtype=tf.float32)
        probs = self.policy(state)
        return int(np.random.choice(3, p=probs.numpy()[0] / probs.numpy()[0].sum()))

    def learn(self, states, actions, rewards):
        actions = tf.convert_to_tensor(actions, dtype=tf.int32)
        G = np.zeros_like(rewards)
        for t in range(len(rewards)):
            G[t] = sum(r * self.gamma**k for k, r in enumerate(rewards[t:]))
        G -= G.mean()
        with tf.GradientTape() as tape:
            loss = 0
            for idx, (g, state) in enumerate(zip(G, states)):
                probs = self.policy(tf.convert_to_tensor([state], dtype=tf.float32))
                log_prob = tf.math.log(tf.gather(probs[0], actions[idx]))
                loss += -g * log_prob
        gradient = tape.gradient(loss, self.policy.trainable_variables)
        self.policy.optimizer.apply_gradients(zip(gradient, self.policy.trainable_variables))


agent, history = Agent(), []
for episode in range(50):
    target = np.random.randint(3)
    states, actions, rewards = [], [], []
    for _ in range(8):
        observation = np.eye(3)[target]
        action = agent.choose_action(observation)
        states.append(observation)
        actions.append(action)
        rewards.append(1.0 if action == target else 0.0)
        target = (target + 1) % 3
    agent.learn(states, actions, np.array(rewards, "float32"))
    history.append(sum(rewards) / 8)
print("score", np.mean(history[-15:]))
