"""The names and settings under which Keras writes ops.

Each family below lists its ops as `name(settings)`; the name of the class follows from it, or is given as `name=Class`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .errors import LoadError

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
BY_NAME = {op.name: op for op in _OPS if "activations" not in op.module}
_BY_CLASS = {(op.module, op.class_name): op for op in _OPS}


def is_op(module: object, class_name: object) -> bool:
    return isinstance(module, str) and module.startswith(("keras.src.ops.", "keras.src.activations."))


def known_classes() -> list[tuple[str, str]]:
    """Module and class name of each op."""
    return list(_BY_CLASS)


def find(module: str, class_name: object, place: str) -> Op:
    """The op that a config names.

    Raises:
        LoadError: if there is none.
    """
    found = _BY_CLASS.get((module, class_name)) if isinstance(class_name, str) else None
    if found is None:
        raise LoadError(f"the op {class_name!r:.80} of {module!r:.80} is not known here", place)
    return found
