"""An LSTM of 256 units: the recurrent product is large enough to be bound by arithmetic."""

from .shared.recurrent import text_classifier

WORKLOAD = text_classifier("lstm_wide", "LSTM", 80, 512, units=256)
