"""Recurrent layers: a cell knows one step, a layer runs its cell over time.

`loop.py` has the loops, `cell.py` the base of our cells, `rnn.py` what all layers share (states, masks, direction,
shapes). Each family adds a cell, and a layer that is little more than its arguments.
"""

from __future__ import annotations

from .bidirectional import Bidirectional
from .convolutional import ConvLSTM1D, ConvLSTM2D, ConvLSTM3D
from .gru import GRU, GRUCell
from .lstm import LSTM, LSTMCell
from .rnn import RNN
from .simple import SimpleRNN, SimpleRNNCell
from .stacked import StackedRNNCells
from .time_distributed import TimeDistributed

__all__ = [
    "GRU", "LSTM", "RNN", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "GRUCell", "LSTMCell", "SimpleRNN",
    "SimpleRNNCell", "StackedRNNCells", "TimeDistributed",
]  # fmt: skip
