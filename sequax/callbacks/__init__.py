"""Callbacks: code that runs at fixed moments of `fit`, `evaluate` and `predict`."""

from sequax.callbacks.base import Callback
from sequax.callbacks.callback_list import CallbackList
from sequax.callbacks.csv_logger import CSVLogger
from sequax.callbacks.early_stopping import EarlyStopping
from sequax.callbacks.history import History
from sequax.callbacks.lambda_callback import LambdaCallback
from sequax.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from sequax.callbacks.progbar_logger import ProgbarLogger
from sequax.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]
