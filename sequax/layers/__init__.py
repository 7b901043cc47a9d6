"""Layers, one module per family; this is the public namespace `keras.layers`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._lazy import listed
from ..core.input_spec import InputSpec as InputSpec
from ..core.layer import Layer as Layer
from .activation import (
    ELU as ELU,
    Activation as Activation,
    LeakyReLU as LeakyReLU,
    PReLU as PReLU,
    ReLU as ReLU,
    Softmax as Softmax,
)
from .adaptive_pooling import (
    AdaptiveAveragePooling1D as AdaptiveAveragePooling1D,
    AdaptiveAveragePooling2D as AdaptiveAveragePooling2D,
    AdaptiveAveragePooling3D as AdaptiveAveragePooling3D,
    AdaptiveMaxPooling1D as AdaptiveMaxPooling1D,
    AdaptiveMaxPooling2D as AdaptiveMaxPooling2D,
    AdaptiveMaxPooling3D as AdaptiveMaxPooling3D,
)
from .attention import AdditiveAttention as AdditiveAttention, Attention as Attention
from .batch_normalization import BatchNormalization as BatchNormalization
from .catalogue import layers as catalogue
from .containers import Parallel as Parallel, Residual as Residual
from .convolutional import Conv1D as Conv1D, Conv2D as Conv2D, Conv3D as Conv3D
from .core import Identity as Identity, Lambda as Lambda, Masking as Masking
from .dense import Dense as Dense, EinsumDense as EinsumDense
from .depthwise import (
    DepthwiseConv1D as DepthwiseConv1D,
    DepthwiseConv2D as DepthwiseConv2D,
    SeparableConv1D as SeparableConv1D,
    SeparableConv2D as SeparableConv2D,
)
from .embedding import Embedding as Embedding, ReversibleEmbedding as ReversibleEmbedding
from .input_layer import Input as Input, InputLayer as InputLayer
from .jax_layer import FlaxLayer as FlaxLayer, JaxLayer as JaxLayer
from .merging import (
    Add as Add,
    Average as Average,
    Concatenate as Concatenate,
    Dot as Dot,
    Maximum as Maximum,
    Minimum as Minimum,
    Multiply as Multiply,
    Subtract as Subtract,
    add as add,
    average as average,
    concatenate as concatenate,
    dot as dot,
    maximum as maximum,
    minimum as minimum,
    multiply as multiply,
    subtract as subtract,
)
from .multi_head_attention import GroupQueryAttention as GroupQueryAttention, MultiHeadAttention as MultiHeadAttention
from .normalization import (
    GroupNormalization as GroupNormalization,
    LayerNormalization as LayerNormalization,
    RMSNormalization as RMSNormalization,
    UnitNormalization as UnitNormalization,
)
from .padding import (
    Cropping1D as Cropping1D,
    Cropping2D as Cropping2D,
    Cropping3D as Cropping3D,
    ZeroPadding1D as ZeroPadding1D,
    ZeroPadding2D as ZeroPadding2D,
    ZeroPadding3D as ZeroPadding3D,
)
from .pooling import (
    AveragePooling1D as AveragePooling1D,
    AveragePooling2D as AveragePooling2D,
    AveragePooling3D as AveragePooling3D,
    GlobalAveragePooling1D as GlobalAveragePooling1D,
    GlobalAveragePooling2D as GlobalAveragePooling2D,
    GlobalAveragePooling3D as GlobalAveragePooling3D,
    GlobalMaxPooling1D as GlobalMaxPooling1D,
    GlobalMaxPooling2D as GlobalMaxPooling2D,
    GlobalMaxPooling3D as GlobalMaxPooling3D,
    MaxPooling1D as MaxPooling1D,
    MaxPooling2D as MaxPooling2D,
    MaxPooling3D as MaxPooling3D,
)
from .preprocessing.audio import MelSpectrogram as MelSpectrogram, STFTSpectrogram as STFTSpectrogram
from .preprocessing.categories import CategoryEncoding as CategoryEncoding
from .preprocessing.hashing import HashedCrossing as HashedCrossing, Hashing as Hashing
from .preprocessing.histograms import (
    AutoContrast as AutoContrast,
    ContrastLimitedAdaptiveHistogramEqualization as ContrastLimitedAdaptiveHistogramEqualization,
    Equalization as Equalization,
)
from .preprocessing.lookup import IntegerLookup as IntegerLookup, StringLookup as StringLookup
from .preprocessing.mixing import CutMix as CutMix, MaxNumBoundingBoxes as MaxNumBoundingBoxes, MixUp as MixUp
from .preprocessing.numeric import Discretization as Discretization, Normalization as Normalization
from .preprocessing.pipeline import Pipeline as Pipeline
from .preprocessing.policies import AugMix as AugMix, RandAugment as RandAugment
from .preprocessing.random_color import (
    RandomBrightness as RandomBrightness,
    RandomColorDegeneration as RandomColorDegeneration,
    RandomColorJitter as RandomColorJitter,
    RandomContrast as RandomContrast,
    RandomGrayscale as RandomGrayscale,
    RandomHue as RandomHue,
    RandomInvert as RandomInvert,
    RandomPosterization as RandomPosterization,
    RandomSaturation as RandomSaturation,
    Solarization as Solarization,
)
from .preprocessing.random_filters import (
    RandomErasing as RandomErasing,
    RandomGaussianBlur as RandomGaussianBlur,
    RandomSharpness as RandomSharpness,
)
from .preprocessing.random_geometry import (
    RandomElasticTransform as RandomElasticTransform,
    RandomFlip as RandomFlip,
    RandomPerspective as RandomPerspective,
    RandomRotation as RandomRotation,
    RandomShear as RandomShear,
    RandomTranslation as RandomTranslation,
    RandomZoom as RandomZoom,
)
from .preprocessing.resizing import CenterCrop as CenterCrop, RandomCrop as RandomCrop, Resizing as Resizing
from .preprocessing.text import TextVectorization as TextVectorization
from .recurrent import (
    GRU as GRU,
    LSTM as LSTM,
    RNN as RNN,
    Bidirectional as Bidirectional,
    ConvLSTM1D as ConvLSTM1D,
    ConvLSTM2D as ConvLSTM2D,
    ConvLSTM3D as ConvLSTM3D,
    GRUCell as GRUCell,
    LSTMCell as LSTMCell,
    SimpleRNN as SimpleRNN,
    SimpleRNNCell as SimpleRNNCell,
    StackedRNNCells as StackedRNNCells,
    TimeDistributed as TimeDistributed,
)
from .regularization import (
    ActivityRegularization as ActivityRegularization,
    AlphaDropout as AlphaDropout,
    Dropout as Dropout,
    GaussianDropout as GaussianDropout,
    GaussianNoise as GaussianNoise,
    SpatialDropout1D as SpatialDropout1D,
    SpatialDropout2D as SpatialDropout2D,
    SpatialDropout3D as SpatialDropout3D,
)
from .reshaping import Flatten as Flatten, Permute as Permute, RepeatVector as RepeatVector, Reshape as Reshape
from .scaling import Rescaling as Rescaling
from .transposed import (
    Conv1DTranspose as Conv1DTranspose,
    Conv2DTranspose as Conv2DTranspose,
    Conv3DTranspose as Conv3DTranspose,
)
from .upsampling import UpSampling1D as UpSampling1D, UpSampling2D as UpSampling2D, UpSampling3D as UpSampling3D
from .wrapper import SpectralNormalization as SpectralNormalization, Wrapper as Wrapper

AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
AvgPool3D = AveragePooling3D
MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
MaxPool3D = MaxPooling3D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D
Convolution1D = Conv1D
Convolution2D = Conv2D
Convolution3D = Conv3D
Convolution1DTranspose = Conv1DTranspose
Convolution2DTranspose = Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D

deserialize = catalogue.deserialize


def serialize(layer: Any) -> Any:
    """The config of a layer."""
    return catalogue.serialize(layer)


__all__ = [
    *sorted(n for n, v in globals().items() if isinstance(v, type) and v in catalogue.classes.values()),
    "Input",
    "InputSpec",
    "Layer",
    "Parallel",
    "Residual",
    "add",
    "average",
    "concatenate",
    "deserialize",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "serialize",
    "subtract",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
