"""A GRU over short texts."""

from .shared.recurrent import text_classifier

WORKLOAD = text_classifier("gru_80", "GRU", 80, 1024)
