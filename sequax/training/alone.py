"""Whether the rows of a batch meet nowhere but where `core/rows.py` is asked.

Then a short batch is filled up and runs as the others do, in the same program. What is not listed here is not alone,
nor are functions, layers, losses and metrics of the user, which nobody has looked at. `tests/test_rows_alone.py` runs
all that is listed on three true rows of four, and on these three.
"""

from __future__ import annotations

from typing import Any

from ..core import names
from ..core.jaxprs import names as listed
from ..core.layer import Layer
from ..core.operation import OPERATORS
from ..core.tensor import leaves
from ..layers.preprocessing.images import RandomImageLayer
from ..losses import LossFunctionWrapper
from ..metrics import MeanMetricWrapper
from . import custom
from .readers import leaves_rows

LAYERS = listed(
    "Sequential Model Functional InputLayer Residual Parallel"
    " Dense EinsumDense Embedding ReversibleEmbedding Activation ReLU LeakyReLU ELU PReLU Softmax Identity Masking"
    " Flatten Reshape Permute RepeatVector Rescaling Normalization CategoryEncoding Discretization"
    " Dropout AlphaDropout GaussianDropout GaussianNoise SpatialDropout1D SpatialDropout2D SpatialDropout3D"
    " Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose SeparableConv1D SeparableConv2D"
    " DepthwiseConv1D DepthwiseConv2D"
    " AveragePooling1D AveragePooling2D AveragePooling3D MaxPooling1D MaxPooling2D MaxPooling3D"
    " GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D"
    " GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D"
    " AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D"
    " AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D"
    " UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D"
    " Cropping1D Cropping2D Cropping3D CenterCrop Resizing"
    " LayerNormalization RMSNormalization GroupNormalization UnitNormalization SpectralNormalization"
    " BatchNormalization"
    " Add Subtract Multiply Average Maximum Minimum Concatenate Dot"
    " Attention AdditiveAttention MultiHeadAttention GroupQueryAttention"
    " RNN SimpleRNN GRU LSTM SimpleRNNCell GRUCell LSTMCell StackedRNNCells ConvLSTM1D ConvLSTM2D ConvLSTM3D"
    " ConvLSTMCell"
    " Bidirectional TimeDistributed"
)
OPS = listed(
    "add subtract multiply divide true_divide negative absolute power square sqrt exp log maximum minimum sin cos tanh"
    " sigmoid relu silu gelu softplus less less_equal greater greater_equal equal not_equal cast get_item"
)
LOSSES = listed(
    "BinaryCrossentropy BinaryFocalCrossentropy CategoricalCrossentropy CategoricalFocalCrossentropy"
    " CategoricalGeneralizedCrossEntropy CategoricalHinge CosineSimilarity CTC Hinge Huber KLDivergence LogCosh"
    " MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson"
    " SparseCategoricalCrossentropy SquaredHinge"
)
# Functions, too, that a loss or a metric is made of.
FUNCTIONS = listed(
    "binary_crossentropy binary_focal_crossentropy categorical_crossentropy categorical_focal_crossentropy"
    " categorical_generalized_cross_entropy categorical_hinge cosine_similarity ctc hinge huber kl_divergence log_cosh"
    " mean_absolute_error mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error poisson"
    " sparse_categorical_crossentropy squared_hinge binary_accuracy categorical_accuracy sparse_categorical_accuracy"
    " top_k_categorical_accuracy sparse_top_k_categorical_accuracy"
)
METRICS = listed(
    "Accuracy BinaryAccuracy CategoricalAccuracy SparseCategoricalAccuracy TopKCategoricalAccuracy"
    " SparseTopKCategoricalAccuracy AUC Precision Recall PrecisionAtRecall RecallAtPrecision SensitivityAtSpecificity"
    " SpecificityAtSensitivity TruePositives FalsePositives TrueNegatives FalseNegatives F1Score FBetaScore BinaryIoU"
    " IoU MeanIoU OneHotIoU OneHotMeanIoU BinaryCrossentropy CategoricalCrossentropy SparseCategoricalCrossentropy"
    " CategoricalHinge Hinge SquaredHinge KLDivergence Poisson LogCoshError CosineSimilarity MeanAbsoluteError"
    " MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError RootMeanSquaredError R2Score"
    " PearsonCorrelation ConcordanceCorrelation"
)
_OF_WEIGHTS = ("_initializer", "_regularizer", "_constraint")  # functions in which no row comes


def of(model: Any, training: bool) -> bool:
    """Whether a short batch of a step of `compile` may be filled up."""
    own = custom.of(model)
    compilation = model.compilation
    metrics = [metric for group in (*compilation.metrics, *compilation.weighted_metrics) for metric in group]
    return (
        not (own.train if training else own.test)
        and not (training and compilation.augment)
        and all(one is None or loss(one.function) for one in compilation.losses)
        and all(map(metric, metrics))
        and layers(model, training)
    )


def layers(model: Any, training: bool) -> bool:
    """Whether the layers of a model, and the ops between them, leave rows alone."""
    inside = model.flatten_layers()
    if not training:  # else augmentation passes images on
        inside = [one for one in inside if not (names.is_ours(type(one)) and isinstance(one, RandomImageLayer))]
    if not all(map(layer, inside)):
        return False
    if training and any(_is_listed(one, {"TimeDistributed"}) and _takes_moments(one) for one in inside):
        return False  # there a step is a row
    graphs = [graph for one in inside if (graph := getattr(one, "recorded_graph", None)) is not None]
    nodes = [node for graph in graphs for node in graph.nodes]
    tensors = [*leaves(model.symbolic_inputs), *(tensor for node in nodes for tensor in leaves(node.outputs))]
    vectors = any(len(tensor.shape) < 2 for tensor in tensors)
    with_axis = any(getattr(one, "axis", None) is not None for one in inside)
    return not (vectors and with_axis) and all(isinstance(n.operation, Layer) or _op(n) for n in nodes)


def layer(one: Any) -> bool:
    """Whether a layer leaves rows alone, those inside of it apart."""
    functions = (value for key, value in vars(one).items() if callable(value) and not key.endswith(_OF_WEIGHTS))
    return (
        _is_listed(one, LAYERS)
        and (not one.is_model or one.is_stack or getattr(one, "recorded_graph", None) is not None)
        and all(map(names.is_ours, functions))
        and getattr(one, "activity_regularizer", None) is None
        and not getattr(one, "stateful", False)
        and one.dtype_policy.quantization_mode is None
        and all(axis > 0 or axis == -1 for axis in _axes(one))
    )


def loss(one: Any) -> bool:
    """Whether a loss gives a value for each row, and reduces them by `losses.base.reduce`."""
    return _is_listed(one, LOSSES) or (type(one) is LossFunctionWrapper and _is_function(one.fn))


def metric(one: Any) -> bool:
    """Whether a metric with sample weights of 0 for some rows is that of the other rows."""
    if getattr(one, "ignore_class", None) is not None and _is_listed(one, {"SparseCategoricalCrossentropy"}):
        return False  # it treats these labels in another way where there are weights
    return _is_listed(one, METRICS) or (type(one) is MeanMetricWrapper and _is_function(one.fn))


def _is_listed(one: Any, names_of_classes: Any) -> bool:
    return names.is_ours(type(one)) and type(one).__name__ in names_of_classes


def _is_function(function: Any) -> bool:
    return names.is_ours(function) and getattr(function, "__name__", None) in FUNCTIONS


def _takes_moments(one: Any) -> bool:
    return any(_is_listed(layer, {"BatchNormalization"}) for layer in one.flatten_layers())


def _axes(one: Any) -> list[int]:
    found = (getattr(one, name, None) for name in ("axis", "axes"))
    return [
        axis
        for given in found
        if given is not None
        for axis in (given if isinstance(given, (list, tuple)) else [given])
    ]


def _op(node: Any) -> bool:
    kind, function = getattr(node.operation, "kind", None), getattr(node.operation, "function", None)
    if kind not in OPS or not (names.is_ours(function) or function is OPERATORS.get(kind)):
        return False
    return leaves_rows(node) if kind == "get_item" else len({len(tensor.shape) for tensor in node.inputs}) == 1
