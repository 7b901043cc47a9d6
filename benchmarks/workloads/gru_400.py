"""A GRU over long texts: many steps in time, each of them small."""

from .shared.recurrent import text_classifier

WORKLOAD = text_classifier("gru_400", "GRU", 400, 512)
