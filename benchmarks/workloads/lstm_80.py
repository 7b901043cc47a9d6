"""An LSTM over short texts."""

from .shared.recurrent import text_classifier

WORKLOAD = text_classifier("lstm_80", "LSTM", 80, 1024)
