# ruff: noqa
# Deep Q-learning: an agent with a memory, that predicts and fits one row at a time, over an environment of its own.
import random
from collections import deque

import numpy as np
from keras.layers import Dense
from keras.models import Sequential
from keras.optimizers import Adam


class Corridor:
    """Walk to the right end; each step costs a little."""

    size = 5

    def reset(self):
        self.place = 0
        return self.state()

    def state(self):
        return np.eye(self.size)[self.place]

    def step(self, action):
        self.place = min(max(self.place + (1 if action == 1 else -1), 0), self.size - 1)
        done = self.place == self.size - 1
        return self.state(), 1.0 if done else -0.1, done, {}


class DQNAgent:
    def __init__(self, state_size, action_size):
        self.state_size = state_size
        self.action_size = action_size
        self.memory = deque(maxlen=500)
        self.gamma = 0.9
        self.epsilon = 1.0
        self.epsilon_min = 0.05
        self.epsilon_decay = 0.97
        self.learning_rate = 0.02
        self.model = self._build_model()

    def _build_model(self):
        model = Sequential()
        model.add(Dense(16, input_dim=self.state_size, activation="relu"))
        model.add(Dense(self.action_size, activation="linear"))
        model.compile(loss="mse", optimizer=Adam(lr=self.learning_rate))
        return model

    def remember(self, state, action, reward, next_state, done):
        self.memory.append((state, action, reward, next_state, done))

    def act(self, state):
        if np.random.rand() <= self.epsilon:
            return random.randrange(self.action_size)
        return np.argmax(self.model.predict(state, verbose=0)[0])

    def replay(self, batch_size):
        for state, action, reward, next_state, done in random.sample(self.memory, batch_size):
            target = reward
            if not done:
                target = reward + self.gamma * np.amax(self.model.predict(next_state, verbose=0)[0])
            target_f = self.model.predict(state, verbose=0)
            target_f[0][action] = target
            self.model.fit(state, target_f, epochs=1, verbose=0)
        if self.epsilon > self.epsilon_min:
            self.epsilon *= self.epsilon_decay


random.seed(0)
np.random.seed(0)
env = Corridor()
agent = DQNAgent(env.size, 2)
for episode in range(15):
    state = np.reshape(env.reset(), [1, env.size])
    for time in range(25):
        action = agent.act(state)
        next_state, reward, done, _ = env.step(action)
        next_state = np.reshape(next_state, [1, env.size])
        agent.remember(state, action, reward, next_state, done)
        state = next_state
        if done:
            print("episode: {}, steps: {}, e: {:.2}".format(episode, time, agent.epsilon))
            break
    if len(agent.memory) > 16:
        agent.replay(16)
agent.model.save_weights("dqn.h5")
agent.model.load_weights("dqn.h5")
policy = agent.model.predict(np.eye(env.size)[:-1], verbose=0).argmax(axis=1)
print("score", policy.mean())
