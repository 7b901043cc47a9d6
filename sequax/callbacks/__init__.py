"""Callbacks: code that runs at fixed moments of `fit`, `evaluate` and `predict`."""

from typing import TYPE_CHECKING

from .._lazy import listed
from .backup_and_restore import BackupAndRestore
from .base import Callback
from .callback_list import CallbackList
from .csv_logger import CSVLogger
from .early_stopping import EarlyStopping
from .gradual_unfreezing import GradualUnfreezing
from .history import History
from .interval_validation import IntervalValidation
from .lambda_callback import LambdaCallback
from .layer_statistics import LayerStatistics
from .learning_rate import LearningRateScheduler, ReduceLROnPlateau
from .learning_rate_finder import LearningRateFinder
from .model_checkpoint import ModelCheckpoint
from .one_cycle import OneCycle
from .one_line import OneLine
from .orbax_checkpoint import OrbaxCheckpoint
from .progbar_logger import ProgbarLogger
from .remote_monitor import RemoteMonitor
from .run_report import RunReport
from .swap_ema_weights import SwapEMAWeights
from .tensorboard import TensorBoard
from .terminate_on_nan import TerminateOnNaN
from .time_limit import TimeLimit
from .trackers import Aim, MLflow, WandB
from .weight_averaging import WeightAveraging

__all__ = [
    "Aim", "BackupAndRestore", "CSVLogger", "Callback", "CallbackList", "EarlyStopping", "GradualUnfreezing", "History",
    "IntervalValidation", "LambdaCallback", "LayerStatistics", "LearningRateFinder", "LearningRateScheduler", "MLflow",
    "ModelCheckpoint", "OneCycle", "OneLine", "OrbaxCheckpoint", "ProgbarLogger", "ReduceLROnPlateau", "RemoteMonitor",
    "RunReport", "SwapEMAWeights", "TensorBoard", "TerminateOnNaN", "TimeLimit", "WandB", "WeightAveraging",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
