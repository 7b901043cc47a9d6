"""Losses with the targets and last activation they are for, metrics for such targets, and optimizers."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

from .case import Head, New
from .catalogue import Choices, several

REDUCTION: Choices = {"reduction": ["sum", "mean_with_sample_weight", "mean"]}
SMOOTHED: Choices = {"label_smoothing": [0.1], **REDUCTION}
FOCAL: Choices = {"gamma": [1.5], "alpha": [0.4], **SMOOTHED}


class Goal(NamedTuple):
    """A loss, the activations its outputs come from, the kind of its targets, and its smallest and largest width."""

    loss: str
    activations: tuple[str | None, ...]
    targets: str
    least: int = 1
    most: int = 3
    more: Choices = {}  # noqa: RUF012 - never written to


GOALS = [
    Goal("MeanSquaredError", (None, "tanh"), "real", more=REDUCTION),
    Goal("MeanAbsoluteError", (None, "tanh"), "real", more=REDUCTION),
    Goal("MeanAbsolutePercentageError", ("softplus",), "positive", more=REDUCTION),
    Goal("MeanSquaredLogarithmicError", ("softplus", "sigmoid"), "positive", more=REDUCTION),
    Goal("Huber", (None, "gelu"), "real", more={"delta": [0.5], **REDUCTION}),
    Goal("LogCosh", (None,), "real", more=REDUCTION),
    Goal("CosineSimilarity", (None,), "real", 2, more=REDUCTION),
    Goal("Poisson", ("softplus", "exponential"), "counts", more=REDUCTION),
    Goal("KLDivergence", ("softmax",), "shares", 2, more=REDUCTION),
    Goal("Hinge", (None, "tanh"), "signs", more=REDUCTION),
    Goal("SquaredHinge", (None, "tanh"), "signs", more=REDUCTION),
    Goal("CategoricalHinge", (None, "softmax"), "onehot", 2, more=REDUCTION),
    Goal("BinaryCrossentropy", ("sigmoid",), "binary", more=SMOOTHED),
    Goal("BinaryCrossentropy", ("sigmoid",), "binary", more=SMOOTHED),
    Goal("BinaryFocalCrossentropy", ("sigmoid",), "binary", more={"apply_class_balancing": [True], **FOCAL}),
    Goal("CategoricalCrossentropy", ("softmax",), "onehot", 2, more=SMOOTHED),
    Goal("CategoricalCrossentropy", ("softmax",), "shares", 2, more=SMOOTHED),
    Goal("CategoricalFocalCrossentropy", ("softmax",), "onehot", 2, more=FOCAL),
    Goal("CategoricalGeneralizedCrossEntropy", ("softmax",), "classes", 2, more={"q": [0.7], **REDUCTION}),
    Goal("SparseCategoricalCrossentropy", ("softmax",), "classes", 2, more={"ignore_class": [0], **REDUCTION}),
    Goal("SparseCategoricalCrossentropy", ("softmax",), "classes", 2, more=REDUCTION),
    Goal("Circle", (None,), "classes", 2, more={"margin": [0.3], **REDUCTION}),
    Goal("Dice", ("sigmoid",), "binary", 2, more={"axis": [-1]}),
    Goal("Tversky", ("sigmoid",), "binary", 2, more={"alpha": [0.3], "beta": [0.6]}),
]
LOGITS = {"BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy", "BinaryFocalCrossentropy"}
SHORT = {
    **{"MeanSquaredError": ["mse", "mean_squared_error"], "MeanAbsoluteError": ["mae"], "Huber": ["huber"]},
    **{"Poisson": ["poisson"], "LogCosh": ["log_cosh"], "KLDivergence": ["kl_divergence"], "Hinge": ["hinge"]},
    **{"BinaryCrossentropy": ["binary_crossentropy", "bce"], "CategoricalCrossentropy": ["categorical_crossentropy"]},
    **{"SparseCategoricalCrossentropy": ["sparse_categorical_crossentropy"], "SquaredHinge": ["squared_hinge"]},
    **{"MeanAbsolutePercentageError": ["mape"], "MeanSquaredLogarithmicError": ["msle"]},
}
THRESHOLDS: Choices = {"thresholds": [0.3, [0.2, 0.6]]}
AT: Choices = {"num_thresholds": [20]}
METRICS: dict[str, list[tuple[str, dict[str, Any], Choices]]] = {
    "real": [
        ("MeanAbsoluteError", {}, {}),
        ("MeanSquaredError", {}, {}),
        ("RootMeanSquaredError", {}, {}),
        ("LogCoshError", {}, {}),
        ("R2Score", {}, {"class_aggregation": ["variance_weighted_average", None], "num_regressors": [1]}),
        ("CosineSimilarity", {}, {}),
        ("PearsonCorrelation", {}, {}),
        ("ConcordanceCorrelation", {}, {}),
    ],
    "positive": [("MeanAbsolutePercentageError", {}, {}), ("MeanSquaredLogarithmicError", {}, {})],
    "counts": [("Poisson", {}, {}), ("MeanAbsoluteError", {}, {})],
    "shares": [("KLDivergence", {}, {}), ("CategoricalCrossentropy", {}, {"label_smoothing": [0.1]})],
    "signs": [("Hinge", {}, {}), ("SquaredHinge", {}, {})],
    "binary": [
        ("BinaryAccuracy", {}, {"threshold": [0.4]}),
        ("BinaryCrossentropy", {}, {"label_smoothing": [0.1]}),
        ("AUC", {}, {"num_thresholds": [30], "curve": ["PR"], "summation_method": ["minoring", "majoring"]}),
        ("Precision", {}, THRESHOLDS),
        ("Recall", {}, THRESHOLDS),
        ("TruePositives", {}, THRESHOLDS),
        ("TrueNegatives", {}, THRESHOLDS),
        ("FalsePositives", {}, THRESHOLDS),
        ("FalseNegatives", {}, THRESHOLDS),
        ("PrecisionAtRecall", {"recall": 0.6}, AT),
        ("RecallAtPrecision", {"precision": 0.5}, AT),
        ("SensitivityAtSpecificity", {"specificity": 0.4}, AT),
        ("SpecificityAtSensitivity", {"sensitivity": 0.5}, AT),
        ("BinaryIoU", {}, {"target_class_ids": [(1,)], "threshold": [0.4]}),
        ("F1Score", {"threshold": 0.5}, {"average": ["micro", "macro", "weighted"]}),
        ("FBetaScore", {"threshold": 0.4}, {"beta": [0.5], "average": ["macro"]}),
    ],
    "classes": [
        ("SparseCategoricalAccuracy", {}, {}),
        ("SparseTopKCategoricalAccuracy", {"k": 2}, {}),
        ("SparseCategoricalCrossentropy", {}, {"ignore_class": [0]}),
        ("MeanIoU", {"num_classes": 4, "sparse_y_pred": False}, {"ignore_class": [0]}),
        ("IoU", {"num_classes": 4, "target_class_ids": (0, 1), "sparse_y_pred": False}, {}),
    ],
    "onehot": [
        ("CategoricalAccuracy", {}, {}),
        ("TopKCategoricalAccuracy", {"k": 2}, {}),
        ("CategoricalCrossentropy", {}, {"label_smoothing": [0.1]}),
        ("CategoricalHinge", {}, {}),
        ("F1Score", {}, {"average": ["micro", "macro", "weighted"]}),
        ("FBetaScore", {}, {"beta": [2.0], "average": ["micro", "macro"]}),
        ("OneHotIoU", {"num_classes": 4, "target_class_ids": [1]}, {}),
        ("OneHotMeanIoU", {"num_classes": 4}, {}),
        ("Precision", {}, {"top_k": [1], "class_id": [0]}),
        ("Recall", {}, {"top_k": [2], "class_id": [1]}),
        ("AUC", {"multi_label": True}, {"num_labels": []}),
    ],
}
NAMED = {"binary": ["accuracy", "acc"], "classes": ["accuracy"], "onehot": ["accuracy", "acc"], "real": ["mae", "mse"]}
# Kinds of goals in which the mean of all rows of a batch in evaluate is what one metric after the other makes of it.
OPTIMIZERS: dict[str, tuple[float, Choices]] = {
    "SGD": (0.2, {"momentum": [0.9], "nesterov": [True]}),
    "Adam": (0.03, {"beta_1": [0.8], "beta_2": [0.9], "amsgrad": [True]}),
    "AdamW": (0.03, {"weight_decay": [0.1], "beta_1": [0.8]}),
    "Adamax": (0.03, {"beta_1": [0.8]}),
    "Nadam": (0.03, {"beta_1": [0.8]}),
    "Adadelta": (2.0, {"rho": [0.8]}),
    "Adagrad": (0.1, {"initial_accumulator_value": [0.2]}),
    "RMSprop": (0.02, {"rho": [0.7], "momentum": [0.5], "centered": [True]}),
    "Ftrl": (
        0.2,
        {
            "learning_rate_power": [-0.6],
            "initial_accumulator_value": [0.3],
            "l1_regularization_strength": [0.002],
            "l2_regularization_strength": [0.01],
            "l2_shrinkage_regularization_strength": [0.02],
            "beta": [0.1],
        },
    ),
    "Lamb": (0.03, {"beta_1": [0.8]}),
    "Lion": (0.01, {"beta_1": [0.8]}),
    "Adafactor": (0.05, {"beta_2_decay": [-0.7], "clip_threshold": [0.8], "relative_step": [False]}),
    "Muon": (0.03, {"momentum": [0.8], "nesterov": [False], "ns_steps": [3], "adam_lr_ratio": [0.5]}),
    "ScheduleFreeAdamW": (0.05, {"beta_1": [0.8], "warmup_steps": [2]}),
}
OPTIMIZER: Choices = {
    "weight_decay": [0.05],
    "use_ema": [True],
    "gradient_accumulation_steps": [2, 3],
    "loss_scale_factor": [8.0],
}
CLIPS: list[dict[str, Any]] = [{"clipnorm": 0.5}, {"clipvalue": 0.05}, {"global_clipnorm": 0.5}]
AVERAGED: Choices = {"ema_momentum": [0.8], "ema_overwrite_frequency": [2, 3]}
DEAF = (
    "Lion",
    "Muon",
)  # turn any gradient, however small, into a step of full length: only where none is mere rounding


FORMS = {
    **{
        "real": ["flat", "float64"],
        "positive": ["flat"],
        "counts": ["int32", "flat"],
        "binary": ["flat", "int32", "bool"],
    },
    **{"signs": ["int32", "flat"], "classes": ["column", "float32", "int64"], "onehot": ["int32", "float64"]},
    "shares": ["float64"],
}


def goal(pick: random.Random) -> Goal:
    return pick.choice(GOALS)


def head(pick: random.Random, goal: Goal, units: int) -> tuple[Head, str | None]:
    """What is asked of an output of so many units, and its activation."""
    arguments = several(pick, goal.more, 0.2)
    activation = pick.choice(goal.activations)
    if goal.loss in LOGITS and pick.random() < 0.3:
        arguments, activation = {"from_logits": True, **arguments}, None
    if goal.loss == "Circle":
        arguments["gamma"] = 2.0  # the usual 80 makes large numbers of small roundings
    loss: Any = New(f"losses.{goal.loss}", arguments)
    if not arguments and goal.loss in SHORT and pick.random() < 0.5:
        loss = pick.choice(SHORT[goal.loss])
    plain, weighted = metrics(pick, goal.targets, units), metrics(pick, goal.targets, units, 0.15)
    form = pick.choice(FORMS[goal.targets]) if pick.random() < 0.2 else ""
    return Head(loss, goal.targets, plain, weighted, form), activation


def metrics(pick: random.Random, targets: str, units: int, chance: float = 0.6) -> tuple[Any, ...]:
    if pick.random() > chance:
        return ()
    found: dict[str, Any] = {}
    for _ in range(pick.randint(1, 3)):
        name, needed, more = pick.choice(METRICS[targets])
        arguments = {**needed, **several(pick, {key: all for key, all in more.items() if all}, 0.25)}
        if "num_classes" in arguments:
            arguments["num_classes"] = units
        found[name] = New(f"metrics.{name}", arguments)
    if targets in NAMED and pick.random() < 0.4:
        found["named"] = pick.choice(NAMED[targets])
    return tuple(found.values())


def schedule(pick: random.Random, rate: float) -> New:
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("ExponentialDecay", {"initial_learning_rate": rate, "decay_steps": 3, "decay_rate": 0.7}),
        ("InverseTimeDecay", {"initial_learning_rate": rate, "decay_steps": 2, "decay_rate": 0.5}),
        ("PolynomialDecay", {"initial_learning_rate": rate, "decay_steps": 4, "power": 1.5}),
        ("PolynomialDecay", {"initial_learning_rate": rate, "decay_steps": 4, "end_learning_rate": rate / 4}),
        ("CosineDecay", {"initial_learning_rate": rate, "decay_steps": 10, "alpha": 0.2}),
        (
            "CosineDecay",
            {"initial_learning_rate": rate / 2, "decay_steps": 9, "warmup_target": rate, "warmup_steps": 3},
        ),
        ("CosineDecayRestarts", {"initial_learning_rate": rate, "first_decay_steps": 5, "m_mul": 0.8}),
        ("PiecewiseConstantDecay", {"boundaries": [1, 3], "values": [rate, rate / 2, rate / 3]}),
    ]
    name, arguments = pick.choice(kinds)
    return New(f"optimizers.schedules.{name}", arguments)


def optimizer(pick: random.Random, steady: bool) -> New:
    """`steady`: no gradient of the model is mere rounding, so that a small epsilon enlarges none."""
    name = pick.choice([name for name in OPTIMIZERS if steady or name not in DEAF])
    rate, own = OPTIMIZERS[name]
    arguments: dict[str, Any] = {"learning_rate": schedule(pick, rate) if pick.random() < 0.2 else rate}
    arguments |= several(pick, own, 0.25) | several(pick, OPTIMIZER, 0.08)
    if pick.random() < 0.2:
        arguments |= pick.choice(CLIPS)
    if arguments.get("nesterov") and name == "SGD":
        arguments["momentum"] = 0.9
    if arguments.get("use_ema"):
        arguments |= several(pick, AVERAGED, 0.5)
    if name == "Adafactor":
        arguments |= {"epsilon_1": 1e-30 if steady else 1e-5}
    elif name not in ("SGD", "Ftrl", "Lion") and (not steady or pick.random() < 0.3):
        arguments["epsilon"] = 1e-3
    made = New(f"optimizers.{name}", arguments)
    # Not around Nadam: Keras loses its product of momenta there (docs/differences.md).
    if "loss_scale_factor" not in arguments and pick.random() < 0.04 and name != "Nadam":
        return New("optimizers.LossScaleOptimizer", {"inner_optimizer": made, "initial_scale": 16.0})
    return made
