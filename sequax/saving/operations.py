"""Ops as nodes of a graph, and the names and arguments under which Keras writes them.

A node's config holds the settings of its op; its inputs, symbolic tensors and constants, stand in `inbound_nodes`. Each
family below lists its ops as `name(settings)`; the name of the class follows from it, or is given as `name=Class`.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from ..core.errors import LoadError
from ..core.operation import OPERATORS, FunctionOperation
from ..core.tensor import is_tensor, leaves

_FAMILIES = {
    "numpy": """
        abs absolute add all(axis,keepdims) allclose=AllClose(rtol,atol,equal_nan) amax(axis,keepdims)
        amin(axis,keepdims) angle any(axis,keepdims) append(axis) arange(dtype) arccos arccosh arcsin arcsinh arctan
        arctan2 arctanh argmax(axis,keepdims) argmin(axis,keepdims) argpartition(kth,axis) argsort(axis)
        array_split(indices_or_sections,axis) average(axis) bincount(weights,minlength,sparse) bitwise_and
        bitwise_invert bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor broadcast_to(shape)
        cbrt ceil clip(x_min,x_max) concatenate(axis) conj conjugate copy corrcoef correlate(mode) cos cosh
        count_nonzero(axis) cross(axisa,axisb,axisc,axis) cumprod(axis,dtype) cumsum(axis,dtype) deg2rad diag(k)
        diagflat(k) diagonal(offset,axis1,axis2) diff(n,axis) digitize divide divide_no_nan dot
        dsplit(indices_or_sections) dstack einsum(subscripts) empty_like(dtype) equal exp exp2 expand_dims(axis)
        expm1 fabs flip(axis) fliplr flipud floor floor_divide fmax fmin fmod full(shape,dtype) full_like(dtype) gcd
        geomspace(num,endpoint,dtype,axis) greater greater_equal heaviside histogram(bins,range)
        hsplit(indices_or_sections) hstack hypot i0 imag inner isin=IsIn(assume_unique,invert) isclose(equal_nan)
        isfinite isinf isnan isneginf isposinf isreal kron lcm ldexp left_shift less less_equal
        linspace(num,endpoint,retstep,dtype,axis) log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not
        logical_or logical_xor logspace(num,endpoint,base,dtype,axis) matmul max(axis,keepdims,initial) maximum
        mean(axis,keepdims) median(axis,keepdims) meshgrid(indexing) min(axis,keepdims,initial) minimum mod
        moveaxis(source,destination) multiply nan_to_num(nan,posinf,neginf) nanargmax(axis,keepdims)
        nanargmin(axis,keepdims) nancumprod(axis,dtype) nancumsum(axis,dtype) nanmax(axis,keepdims)
        nanmean(axis,keepdims) nanmedian(axis,keepdims) nanmin(axis,keepdims) nanpercentile(axis,method,keepdims)
        nanprod(axis,keepdims) nanquantile(axis,method,keepdims) nanstd(axis,keepdims) nansum(axis,keepdims)
        nanvar(axis,keepdims) ndim negative nextafter nonzero not_equal ones_like(dtype) outer pad(pad_width,mode)
        percentile(axis,method,keepdims) power prod(axis,keepdims,dtype) ptp(axis,keepdims)
        quantile(axis,method,keepdims) rad2deg ravel real reciprocal repeat(repeats,axis) reshape(newshape)
        right_shift roll(shift,axis) rot90(k,axes) round(decimals) searchsorted=SearchSorted(side) select sign
        signbit sin sinc sinh size slogdet sort(axis) split(indices_or_sections,axis) sqrt square squeeze(axis)
        stack(axis) std(axis,keepdims) subtract sum(axis,keepdims) swapaxes(axis1,axis2) take(axis)
        take_along_axis(axis) tan tanh tensordot(axes) tile(repeats) trace(offset,axis1,axis2) transpose(axes)
        trapezoid(x,dx,axis) tril(k) triu(k) true_divide trunc
        unique(sorted,return_index,return_inverse,return_counts,axis,size,fill_value) unravel_index(shape)
        vander(N,increasing) var(axis,keepdims) vdot view(dtype) vsplit(indices_or_sections) vstack where
        zeros_like(dtype)
    """,
    "nn": """
        adaptive_average_pool(output_size,data_format) adaptive_max_pool(output_size,data_format)
        average_pool(pool_size,strides,padding,data_format) binary_crossentropy(from_logits)
        ctc_decode=CTCDecode(strategy,beam_width,top_paths,merge_repeated,mask_index) ctc_loss=CTCLoss(mask_index)
        categorical_crossentropy(from_logits,axis) celu(alpha) conv(strides,padding,data_format,dilation_rate)
        conv_transpose(strides,padding,output_padding,data_format,dilation_rate)
        depth_to_space(block_size,data_format) depthwise_conv(strides,padding,data_format,dilation_rate)
        dot_product_attention(is_causal,flash_attention,attn_logits_soft_cap) elu(alpha)
        fold(output_size,kernel_size,dilation,padding,stride) gelu(approximate) glu(axis) hard_shrink(threshold)
        hard_sigmoid hard_silu hard_tanh leaky_relu(negative_slope) log_sigmoid log_softmax(axis)
        max_pool(pool_size,strides,padding,data_format) moments(axes,keepdims,synchronized)
        multi_hot(num_classes,axis,dtype,sparse,kwargs) normalize(axis,order,epsilon)
        one_hot(num_classes,axis,dtype,sparse) psnr=PSNR(max_val) polar relu relu6 selu
        separable_conv(strides,padding,data_format,dilation_rate) sigmoid silu soft_shrink(threshold) softmax(axis)
        softplus softsign space_to_depth(block_size,data_format) sparse_categorical_crossentropy(from_logits,axis)
        sparse_plus sparse_sigmoid sparsemax(axis) squareplus(b) tanh_shrink threshold(threshold,default_value)
        unfold(kernel_size,dilation,padding,stride)
    """,
    "math": """
        cdist=CDist erf erfc erfinv extract_sequences(sequence_length,sequence_stride) fft=FFT fft2=FFT2 ifft2=IFFT2
        irfft=IRFFT(fft_length) istft=ISTFT(sequence_length,sequence_stride,fft_length,length,window,center)
        in_top_k(k) logdet logsumexp(axis,keepdims) rfft=RFFT(fft_length) rsqrt
        stft=STFT(sequence_length,sequence_stride,fft_length,window,center) segment_max(num_segments,sorted)
        segment_min(num_segments,sorted) segment_prod(num_segments,sorted) segment_sum(num_segments,sorted)
        top_k(k,sorted) view_as_complex view_as_real
    """,
    "core": """
        cast(dtype) saturate_cast(dtype) scatter(shape) scatter_update(reduction) slice(shape) slice_update
        stop_gradient unstack(num,axis)
    """,
    "image": """
        affine_transform(interpolation,fill_mode,fill_value,data_format)
        crop_images(top_cropping,left_cropping,bottom_cropping,right_cropping,target_height,target_width,data_format)
        elastic_transform(alpha,sigma,interpolation,fill_mode,fill_value,seed,data_format)
        extract_patches(size,strides,dilation_rate,padding,data_format) gaussian_blur(kernel_size,sigma,data_format)
        hsv_to_rgb=HSVToRGB(data_format) map_coordinates(order,fill_mode,fill_value)
        pad_images(top_padding,left_padding,bottom_padding,right_padding,target_height,target_width,data_format)
        perspective_transform(interpolation,fill_value,data_format) rgb_to_grayscale=RGBToGrayscale(data_format)
        rgb_to_hsv=RGBToHSV(data_format)
        resize(size,interpolation,antialias,crop_to_aspect_ratio,pad_to_aspect_ratio,fill_mode,fill_value,data_format)
        ssim=SSIM(max_val,filter_size,filter_sigma,k1,k2,data_format)
        scale_and_translate(spatial_dims,method,antialias) sobel_edges(data_format)
    """,
    "linalg": """
        cholesky(upper) cholesky_inverse(upper) det eig eigh inv lstsq(rcond) lu_factor matrix_rank(tol)
        norm(ord,axis,keepdims) pinv(rcond) qr(mode) svd=SVD(full_matrices,compute_uv) solve solve_triangular(lower)
    """,
    "einops": """
        rearrange
    """,
}


class Op(NamedTuple):
    """An op as Keras writes it."""

    name: str
    module: str
    class_name: str
    settings: tuple[str, ...]

    @property
    def function(self) -> Callable:
        ops = importlib.import_module("sequax.ops")
        found = getattr(ops, self.name, None)
        return found or getattr(getattr(ops, self.module.rpartition(".")[2]), self.name)

    @property
    def parameters(self) -> list[inspect.Parameter]:
        return list(inspect.signature(self.function).parameters.values())


def _listed() -> list[Op]:
    found = [
        Op("get_item", "keras.src.ops.numpy", "GetItem", ()),
        Op("relu", "keras.src.activations.activations", "ReLU", ("negative_slope", "max_value", "threshold")),
    ]
    for family, listing in _FAMILIES.items():
        for name, class_name, settings in re.findall(r"(\w+)(?:=(\w+))?(?:\(([\w,]+)\))?", listing):
            camel = class_name or "".join(word[:1].upper() + word[1:] for word in name.split("_"))
            found.append(Op(name, f"keras.src.ops.{family}", camel, tuple(settings.split(",")) if settings else ()))
    return found


_OPS = _listed()
# Settings that an op counts up to in Python, and operands among which einsum looks for the best order.
_LOOPED = frozenset(("indices_or_sections", "num", "n", "k"))
# Settings from which tables are made, or loops in several dimensions, when the graph is put together.
_TABLES = frozenset(("output_size", "fft_length", "sequence_length", "pad_width"))
_MOST_STEPS, _LARGEST_TABLE, _MOST_OPERANDS = 1_000, 1 << 16, 10
_BY_NAME = {op.name: op for op in _OPS if "activations" not in op.module}
_BY_CLASS = {(op.module, op.class_name): op for op in _OPS}


def is_op(module: Any, class_name: Any) -> bool:
    return isinstance(module, str) and module.startswith(("keras.src.ops.", "keras.src.activations."))


def known_classes() -> list[tuple[str, str]]:
    """Module and class name of each op."""
    return list(_BY_CLASS)


def find(module: str, class_name: Any, place: str) -> Op:
    """The op that a config names.

    Raises:
        LoadError: if there is none.
    """
    found = _BY_CLASS.get((module, class_name)) if isinstance(class_name, str) else None
    if found is None:
        raise LoadError(f"the op {class_name!r:.80} of {module!r:.80} is not known here", place)
    return found


def written(operation: FunctionOperation, args: tuple, kwargs: dict[str, Any]) -> tuple[Op, dict[str, Any], list[Any]]:
    """How Keras writes a recorded call of an op: the op, its settings, and its inputs.

    Raises:
        NotImplementedError: for a function that is no op, such as one of `vectorize`.
    """
    op = _BY_NAME.get(operation.kind)
    if op is not None and OPERATORS.get(op.name) is operation.function:
        return op, {}, list(args)
    if op is None or op.name == "get_item" or getattr(op.function, "__wrapped__", None) is not operation.function:
        raise NotImplementedError(
            f"The node '{operation.name}' is a call of {operation.kind!r}, which has no config. Put the function into a"
            f" `Lambda` layer, or into a `Layer` of your own."
        )
    bound = inspect.signature(op.function).bind(*args, **kwargs)
    bound.apply_defaults()
    settings = {name: bound.arguments[name] for name in op.settings if name in bound.arguments}
    inputs: list[Any] = []
    for parameter in op.parameters:
        if parameter.name in op.settings:
            continue
        value = bound.arguments[parameter.name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            inputs.extend(value)
        elif parameter.kind is not parameter.VAR_KEYWORD:
            inputs.append(value)
    return op, settings, _without_defaults(op, inputs)


def _without_defaults(op: Op, inputs: list[Any]) -> list[Any]:
    """Inputs up to the last one that was given: Keras leaves optional ones out."""
    defaults = [p.default for p in op.parameters if p.name not in op.settings]
    while len(inputs) == len(defaults) > 1 and defaults[-1] is not inspect.Parameter.empty:
        if inputs[-1] is not defaults[-1]:
            break
        inputs, defaults = inputs[:-1], defaults[:-1]
    return inputs


def called(op: Op, name: str, settings: dict[str, Any], args: list[Any], kwargs: dict[str, Any], place: str) -> Any:
    """The symbolic outputs of an op on inputs that were read from a config; its node gets the name it had.

    Raises:
        LoadError: for settings or inputs that the op does not take.
    """
    if set(settings) - set(op.settings):
        raise LoadError(f"{op.class_name} has no setting {sorted(set(settings) - set(op.settings))}", place)
    if not any(map(is_tensor, leaves((args, kwargs)))):
        raise LoadError("an op of a graph needs a tensor of the graph among its inputs", place)
    for setting in _LOOPED & set(settings):
        if isinstance(settings[setting], int) and settings[setting] > _MOST_STEPS:
            raise LoadError(f"expected at most {_MOST_STEPS} as `{setting}`; found {settings[setting]}", place)
    for setting in _TABLES & set(settings):
        if any(isinstance(size, int) and abs(size) > _LARGEST_TABLE for size in leaves(settings[setting])):
            raise LoadError(f"expected sizes up to {_LARGEST_TABLE} as `{setting}`", place)
    if op.name == "einsum" and len(args) > _MOST_OPERANDS:
        raise LoadError(f"einsum of {len(args)} operands; {_MOST_OPERANDS} are the limit", place)
    try:
        if op.name == "get_item":
            tensor, key = (*args, *kwargs.values())
            outputs = tensor[_key(key)]
        elif op.module.startswith("keras.src.activations."):
            activation = importlib.import_module("sequax.activations").relu
            outputs = FunctionOperation(lambda x: activation(x, **settings), "relu")(*args, **kwargs)
        else:
            first = [] if _takes_any_number(op) else _names(op, len(args), place)
            given = {**settings, **dict(zip(first, args, strict=False)), **kwargs}
            if not first:
                lead = [given.pop(p.name) for p in op.parameters if p.name == "subscripts"]
                outputs = op.function(*lead, *args, **given)
            else:
                outputs = op.function(**given)
    except LoadError:
        raise
    except Exception as error:
        raise LoadError(f"the op {op.name} does not take these inputs. {error}", place) from error
    for tensor in leaves(outputs)[:1]:
        node = tensor.node.operation
        node.name, node.kind = name, op.name  # an op may have several names
    return outputs


def _names(op: Op, count: int, place: str) -> list[str]:
    names = [p.name for p in op.parameters if p.name not in op.settings]
    if count > len(names):
        raise LoadError(f"{op.class_name} takes {len(names)} inputs; found {count}", place)
    return names[:count]


def _takes_any_number(op: Op) -> bool:
    return any(p.kind is p.VAR_POSITIONAL for p in op.parameters)


def _key(key: Any) -> Any:
    """An index: JSON has lists where Python needs tuples."""
    return tuple(key) if isinstance(key, list) else key
