"""What the networks share: their arguments, images, head, and the files of their weights.

The file of a family says in a table and a loop what stands between the images and the head. Names and order of the
layers are Keras', since files of weights are read by them.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any, Literal, NamedTuple, Protocol

from .. import activations
from ..core import settings
from ..core.kinds import ActivationLike
from ..core.tensor import KerasTensor, is_tensor
from ..core.types import Path, Shape, ShapeLike
from ..core.variable import values_may_wait
from ..core.warning import warn
from ..layers import BatchNormalization, Dense, GlobalAveragePooling2D, GlobalMaxPooling2D, Input, ZeroPadding2D
from ..model import Model
from ..utils.downloads import cache_folder, get_file
from ..utils.graphs import get_source_inputs
from .imagenet_utils import CLASSES, obtain_input_shape

Pooling = Literal["avg", "max"] | None


class Request(NamedTuple):
    """The arguments that all constructors take."""

    include_top: bool = True
    weights: Path | None = "imagenet"
    input_tensor: KerasTensor | None = None
    input_shape: ShapeLike | None = None
    pooling: Pooling = None
    classes: int = CLASSES
    classifier_activation: ActivationLike = "softmax"
    name: str | None = None

    @property
    def pretrained(self) -> bool:
        return isinstance(self.weights, str) and self.weights == "imagenet"


class Network(Protocol):
    """A constructor with the arguments that most have."""

    def __call__(
        self,
        include_top: bool = True,
        weights: Path | None = "imagenet",
        input_tensor: KerasTensor | None = None,
        input_shape: ShapeLike | None = None,
        pooling: Pooling = None,
        classes: int = CLASSES,
        classifier_activation: ActivationLike = "softmax",
        name: str | None = ...,
    ) -> Model: ...


Part = Callable[[KerasTensor], KerasTensor]
Head = Callable[[KerasTensor, Request], KerasTensor]

ARGUMENTS = """Args:
    include_top: end in the classifier; False: in the features before it.
    weights: `"imagenet"`: downloaded once, into Keras' cache, and checked; None: random; or the path of a file.
    input_tensor: symbolic images to begin with, in place of an `Input` of its own.
    input_shape: of one image, channels too; `None` stands for any height or width, where no classifier must know it.
        Default: with a classifier the size the network was published for, else any.
    pooling: without a classifier: `"avg"` or `"max"` makes vectors of the features, by global pooling.
    classes: how many the classifier tells apart; 1000 with weights of ImageNet.
    classifier_activation: of the classifier; None for logits.
    name: of the model.

Returns:
    A `Model`. Its images are to be prepared by `preprocess_input` of the module that the network stands in.

Raises:
    ValueError: for weights that are none of these, and for sizes and settings that do not go together.
"""


def network(
    title: str,
    module: str,
    about: str,
    body: Part,
    head: Head,
    *,
    size: int,
    least: int = 32,
    key: str | None = None,
    scaling: Head | None = None,
    channels_first: bool = True,
) -> Network:
    """A constructor with the usual arguments.

    Args:
        title: its name.
        module: where it stands.
        about: goes into its docstring.
        body: from images to features.
        head: from features to outputs.
        size: height and width of the images that it was published for.
        least: the smallest that it takes.
        key: of its files, and the name of its models; default: the title in lower case.
        scaling: what it does to images by itself.
        channels_first: whether it can have images with their channels first.
    """
    own_name = title.lower() if key is None else key

    def construct(
        include_top: bool = True,
        weights: Path | None = "imagenet",
        input_tensor: KerasTensor | None = None,
        input_shape: ShapeLike | None = None,
        pooling: Pooling = None,
        classes: int = CLASSES,
        classifier_activation: ActivationLike = "softmax",
        name: str | None = own_name,
    ) -> Model:
        request = Request(
            include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
        )
        check(request, title, channels_first)

        def features(images: KerasTensor) -> KerasTensor:
            return body(images if scaling is None else scaling(images, request))

        shape = shape_of(request, size, least)
        return assembled(request, shape, features, head, file_of(request, own_name))

    return named(construct, title, module, about)


def named(construct: Any, title: str, module: str, about: str) -> Any:
    """A function made in a loop, with the name that it has to users, to pickles and to `help`."""
    construct.__name__ = construct.__qualname__ = title
    construct.__module__ = module
    construct.__doc__ = f"{title}. {about}\n\n{ARGUMENTS}"
    return construct


def assembled(request: Request, shape: Shape, body: Part, head: Head, file: Path | None) -> Model:
    """The model of a request: images of this shape, body, head, and the weights of a file."""
    images = Input(shape) if request.input_tensor is None else request.input_tensor
    with values_may_wait():
        outputs = head(body(images), request)
    # What stands before an `input_tensor` is part of the model.
    sources = get_source_inputs(images)
    model = Model(sources[0] if len(sources) == 1 else sources, outputs, name=request.name)
    if file is not None:
        model.load_weights(file)
    return model


# --- arguments ------------------------------------------------------------------------------------------------------


def check(request: Request, title: str, channels_first: bool = True) -> None:
    """Raise a ValueError for arguments that are wrong or do not go together."""
    weights = request.weights
    if not channels_first and settings.image_data_format() == "channels_first":
        raise ValueError(
            f"{title} does not support the `channels_first` image data format. Say"
            f" `keras.config.set_image_data_format('channels_last')`, and turn images round by"
            f" `numpy.moveaxis(images, 1, -1)`."
        )
    if not (weights is None or request.pretrained or os.path.exists(weights)):
        raise ValueError(
            f"{title}: the `weights` argument should be either `None` (random initialization), 'imagenet', or the path"
            f" of a file of weights, which must exist. Received: weights={weights!r}"
        )
    if request.pretrained and request.include_top and request.classes != CLASSES:
        raise ValueError(
            f"{title}: with weights='imagenet' and include_top=True, `classes` should be {CLASSES}. For classes of your"
            f" own say `include_top=False, pooling='avg'` and add a `Dense` layer. Received: classes={request.classes}"
        )
    if request.pooling not in (None, "avg", "max"):
        raise ValueError(f"{title}: `pooling` must be None, 'avg' or 'max'. Received: pooling={request.pooling!r}")
    if request.input_tensor is not None and not is_tensor(request.input_tensor):
        raise ValueError(
            f"{title}: `input_tensor` must be a symbolic tensor, such as `keras.Input((224, 224, 3))`; call the model"
            f" on arrays. Received: {type(request.input_tensor).__name__}"
        )
    softmax = activations.get(request.classifier_activation) in (activations.softmax, activations.linear)
    if request.include_top and weights is not None and not softmax:
        raise ValueError(
            f"{title}: only `None` and `softmax` activations are allowed for the `classifier_activation` argument with"
            f" weights and include_top=True. Received: classifier_activation={request.classifier_activation!r}"
        )


def shape_of(request: Request, size: int, least: int) -> Shape:
    """The shape of one image."""
    weights = "imagenet" if request.pretrained else None
    data_format = settings.image_data_format()
    return obtain_input_shape(request.input_shape, size, least, data_format, request.include_top, weights)


def height_and_width(shape: Shape) -> Shape:
    """Of one image."""
    return shape[1:] if settings.image_data_format() == "channels_first" else shape[:2]


def check_agreement(request: Request, title: str) -> None:
    """Raise a ValueError where the width of `input_shape` is not that of `input_tensor`."""
    tensor, shape = request.input_tensor, request.input_shape
    if tensor is None or shape is None:
        return
    if height_and_width(tuple(tensor.shape[1:]))[-1] != height_and_width(tuple(shape))[-1]:
        raise ValueError(
            f"{title}: `input_shape` must equal the shape of `input_tensor`; leave it out. Received:"
            f" input_shape={tuple(shape)}, input_tensor.shape={tensor.shape}"
        )


def square_size(request: Request, sizes: tuple[int, ...]) -> int:
    """The default size: 224, or that of an `input_shape` of which there are weights."""
    given = () if request.input_shape is None else height_and_width(tuple(request.input_shape))
    return next((size for size in sizes if {*given} == {size}), 224)


def trained_size(request: Request, shape: Shape, sizes: tuple[int, ...], title: str) -> int:
    """The size of the images that the weights for these were trained with."""
    rows, columns = height_and_width(shape)
    if rows == columns and rows in sizes:
        return rows
    warn(
        f"{title}: `input_shape` is undefined or non-square, or `rows` is not in {list(sizes)}. Weights for input shape"
        f" (224, 224) will be loaded as the default."
    )
    return 224


def check_width(title: str, alpha: float, widths: tuple[float, ...]) -> None:
    """Raise a ValueError for a multiple of the width for which there are no weights."""
    if alpha not in widths:
        raise ValueError(
            f"{title}: with weights='imagenet', alpha can be one of {', '.join(map(str, widths))} only."
            f" Received: alpha={alpha}"
        )


# --- layers ---------------------------------------------------------------------------------------------------------


def channel_axis() -> int:
    return 1 if settings.image_data_format() == "channels_first" else 3


def channels(x: KerasTensor) -> int:
    """How many an image has."""
    number = x.shape[channel_axis()]
    if number is None:
        raise ValueError(f"The number of channels of images must be known. Received: shape={x.shape}")
    return number


def normalized(x: KerasTensor, name: str | None = None, **options: Any) -> KerasTensor:
    return BatchNormalization(axis=channel_axis(), name=name, **options)(x)


def halving_pad(x: KerasTensor, kernel: int, name: str) -> KerasTensor:
    """Zeros around images for a convolution with stride 2 and `padding="valid"`.

    TensorFlow's `padding="same"` would put one row more below, and in images of odd size as many above.
    """
    odd = [0 if side is None else side % 2 for side in height_and_width(x.shape[1:])]
    return ZeroPadding2D([(kernel // 2 - 1 + one, kernel // 2) for one in odd], name=name)(x)


def divisible(number: float, share: float = 0.9) -> int:
    """The multiple of 8 that is nearest; the next one if that is less than this share of the number."""
    nearest = max(8, int(number + 4) // 8 * 8)
    return nearest + 8 if nearest < share * number else nearest


def pooled(x: KerasTensor, pooling: Pooling, average: str | None = None, maximum: str | None = None) -> KerasTensor:
    """The features as vectors; under names, where the network has them."""
    if pooling is None:
        return x
    return GlobalAveragePooling2D(name=average)(x) if pooling == "avg" else GlobalMaxPooling2D(name=maximum)(x)


def classifier(
    x: KerasTensor,
    request: Request,
    average: str | None = "avg_pool",
    names: tuple[str | None, str | None] = (None,) * 2,
) -> KerasTensor:
    """The mean over the image and a layer of classes; without a classifier the features.

    Args:
        average: name of the pooling below the classes.
        names: of the pooling that the user may ask for, average and maximum.
    """
    if not request.include_top:
        return pooled(x, request.pooling, *names)
    return predictions(GlobalAveragePooling2D(name=average)(x), request)


def predictions(x: KerasTensor, request: Request, **options: Any) -> KerasTensor:
    return Dense(request.classes, activation=request.classifier_activation, name="predictions", **options)(x)


named_pools: Head = functools.partial(classifier, names=("avg_pool", "max_pool"))


# --- files ----------------------------------------------------------------------------------------------------------


@functools.cache
def files() -> dict[str, dict[str, list[str]]]:
    return json.loads((FilePath(__file__).parent / "weights.json").read_text())


def file_of(request: Request, key: str) -> Path | None:
    """The file of weights that was asked for; that of ImageNet is in the cache then, as Keras publishes it."""
    if not request.pretrained:
        return request.weights
    address, file_hash, *other_name = files()[key]["top" if request.include_top else "features"]
    name = other_name[0] if other_name else address.rpartition("/")[2]
    return get_file(name, address, cache_subdir="models", file_hash=file_hash)


def file_without_hash(request: Request, address: str, sha256: str | None, title: str) -> Path | None:
    """The same for networks for which Keras publishes no hash.

    A file that is in Keras' cache already is taken, as one whose path is given would be.
    """
    name = address.rpartition("/")[2]
    if not request.pretrained:
        return request.weights
    if sha256 is not None:
        return get_file(name, address, cache_subdir="models", file_hash=sha256, hash_algorithm="sha256")
    cached = os.path.join(cache_folder(), "models", name)
    if not os.path.isfile(cached):
        raise ValueError(
            f"{title}: Keras publishes no hash for {address}, so a download could not be checked. Pass"
            f" `weights_sha256=` with the hash that you expect, or download the file yourself and pass its path as"
            f" `weights=`. A file in {os.path.dirname(cached)} is used as it is."
        )
    return cached
