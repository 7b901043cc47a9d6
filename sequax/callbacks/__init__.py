"""Callbacks: code that runs at fixed moments of `fit`, `evaluate` and `predict`."""

from typing import TYPE_CHECKING

from sequax._lazy import listed
from sequax.callbacks.backup_and_restore import BackupAndRestore
from sequax.callbacks.base import Callback
from sequax.callbacks.callback_list import CallbackList
from sequax.callbacks.csv_logger import CSVLogger
from sequax.callbacks.early_stopping import EarlyStopping
from sequax.callbacks.history import History
from sequax.callbacks.lambda_callback import LambdaCallback
from sequax.callbacks.layer_statistics import LayerStatistics
from sequax.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from sequax.callbacks.learning_rate_finder import LearningRateFinder
from sequax.callbacks.model_checkpoint import ModelCheckpoint
from sequax.callbacks.one_cycle import OneCycle
from sequax.callbacks.one_line import OneLine
from sequax.callbacks.progbar_logger import ProgbarLogger
from sequax.callbacks.remote_monitor import RemoteMonitor
from sequax.callbacks.swap_ema_weights import SwapEMAWeights
from sequax.callbacks.tensorboard import TensorBoard
from sequax.callbacks.terminate_on_nan import TerminateOnNaN
from sequax.callbacks.time_limit import TimeLimit

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LayerStatistics",
    "LearningRateFinder",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "OneCycle",
    "OneLine",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
    "TimeLimit",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
