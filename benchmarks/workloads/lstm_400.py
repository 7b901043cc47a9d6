"""An LSTM over long texts: many steps in time, each of them small."""

from .shared.recurrent import text_classifier

WORKLOAD = text_classifier("lstm_400", "LSTM", 400, 512)
