"""The base of layers whose weight may be kept in fewer bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from ..adapters.low_rank import LowRank
from ..core import dtypes, quantizing
from ..core.kinds import InitializerLike
from ..core.placement import whole_here
from ..core.types import Shape, ShapeLike, Tensor
from ..core.variable import Variable
from .rounded import RoundedByData

if TYPE_CHECKING:
    from .forms import Form


class Kept:
    """`layer.kernel`: the variable; of one with two numbers in a byte these one by one, as in Keras.

    The variable itself is `layer._kernel`, under which name tools look for it.
    """

    name: str
    stored_as: str

    def __set_name__(self, owner: type, name: str) -> None:
        self.name, self.stored_as = name, f"_{name}"

    def __get__(self, layer: Any, cls: type | None = None) -> Any:
        if layer is None:
            return self
        try:
            is_adapted = self.name == getattr(layer, "adapted_weight", None)
            variable = layer.adapted if is_adapted else layer.__dict__[self.stored_as]
        except KeyError:
            raise AttributeError(
                f"Layer '{layer.name}' ({type(layer).__name__}) has no `{self.name}` yet. You must build the layer"
                f" first: call it, or `build(input_shape)`.",
                name=self.name,
                obj=None,
            ) from None
        adapter = getattr(variable, "adapter", None)
        return variable if adapter is None else adapter.shown(variable)

    def __set__(self, layer: Any, value: object) -> None:
        setattr(layer, self.stored_as, value)

    def __delete__(self, layer: Any) -> None:
        delattr(layer, self.stored_as)


class QuantizableWeight(RoundedByData):
    """A layer with a weight that may be kept in fewer bits. A class that says how may be, its subclasses may not.

    Attributes:
        kept_as: which table of `forms.py` says how.
        inputs_quantizer: makes whole numbers of the inputs; None: they stay floats.
    """

    kept_as: ClassVar[str]
    bias: Variable | None
    inputs_quantizer: Any
    quantization_config: Any
    _float_shape: tuple[int, ...]

    @property
    def adapted_shape(self) -> Shape:
        return self.__dict__.get("_float_shape") or self.adapted.shape

    # --- variables ---

    def add_adapted(self, shape: ShapeLike, initializer: InitializerLike = None) -> None:
        """Create the weight, in the form that the dtype policy asks for."""
        mode, shape = self.quantization_mode, tuple(shape)
        if mode is None or self._form(mode).keeps_weight:
            setattr(self, self.adapted_weight, self.add(self.adapted_weight, shape, initializer))
        else:
            self.quantized_build(shape, mode, self.quantization_config)

    def adapt_from_start(self) -> None:
        mode = self.quantization_mode
        if mode is not None and not self._is_quantized:  # behind the bias, as if quantized later
            self.quantized_build(self.adapted.shape, mode, self.quantization_config)
        super().adapt_from_start()

    def add_kept(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: str | None = None,
        initializer: InitializerLike = "zeros",
        **options: Any,
    ) -> Variable:
        """Create a variable of a form, in an attribute of its name."""
        if isinstance(self.__dict__.get(self._attribute(name)), Variable):  # in floats, so far
            delattr(self, self._attribute(name))
        options = {"trainable": False, **options}
        variable = self.add_weight(shape, initializer, dtype, name=name, **options)
        if self.built and self.path:  # made when everything around it had been, it would not know of that
            variable.path = f"{self.path}/{name}"
        setattr(self, name, variable)
        return variable

    def note_packing(self, columns: int, block_size: int | None) -> None:
        """Keep what one needs to unpack `_kernel`, under Keras' private names, for tools that do it."""
        self._orig_output_dim = self._int4_unpacked_column_size = columns
        self._int4_block_size = block_size

    def plus_bias(self, outputs: Tensor) -> Tensor:
        """Outputs with the bias, where the layer has one."""
        if self.bias is None:
            return outputs
        bias = self.bias.value
        if self._is_quantized and self.quantization_mode == "float8" and bias.dtype == jnp.float32:
            bias = bias.astype("bfloat16").astype(bias.dtype)  # as in Keras, so that GPUs join product and bias
        return outputs + bias

    def quantized_build(self, shape: ShapeLike, mode: str, config: Any = None) -> None:
        """Create the variables of a mode.

        Args:
            shape: of the weight in floats.
            mode: one that the layer has a form for.
            config: a `QuantizationConfig`, or None for the usual one.
        """
        self._float_shape = tuple(size or 0 for size in shape)
        self._form(mode).build(self, self._float_shape, config)
        self._is_quantized = True

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """The call of the class that says how, also of a subclass that was quantized nevertheless, as in Keras.

        Args:
            *args, **kwargs: of `call`.
        """
        self._form(self.quantization_mode)
        own: Any = next(cls for cls in type(self).__mro__ if "kept_as" in vars(cls))
        return own.call(self, *args, **kwargs)

    def check_quantization(self, mode: str) -> None:
        form = self.forms.get(mode)
        if self.lora_enabled and form is not None and not form.takes_lora:
            raise NotImplementedError(
                f"Layer '{self.name}' ({type(self).__name__}): LoRA is not supported with mode='{mode}'. Call"
                f" `merge_lora()` first."
            )

    def quantize(self, mode: str | None = None, type_check: bool = True, config: Any = None) -> None:
        form = self._form(mode)
        if type_check and "kept_as" not in vars(type(self)):
            raise quantizing.not_implemented(self, "quantize")
        self.quantization_config = config.without_data()
        self._replace(form, config)
        if self.dtype_policy.quantization_mode is None:
            self.dtype_policy = dtypes.get(f"{form.policy(config)}_from_{self.dtype_policy.name}")

    def _replace(self, form: Form, config: Any) -> None:
        weight, low_rank = self.adapted, self._low_rank
        values = form.values(self, whole_here(weight.stored), config)
        self.quantized_build(weight.shape, config.mode, config)
        if low_rank is not None and self._low_rank is None:
            self._read_through(low_rank.a, low_rank.b, low_rank.alpha)
        self._assign(values)

    def _assign(self, values: dict[str, jax.Array]) -> None:
        for name, value in values.items():
            self.__dict__[self._attribute(name)].assign(value)

    def _attribute(self, name: str) -> str:
        return self.stored_as if name == self.adapted_weight else name

    @property
    def forms(self) -> dict[str, Form]:
        """By mode, how the weight can be kept."""
        from .forms import FORMS  # with the quantizers, a quarter of a second that most scripts do not need

        return FORMS[self.kept_as]

    def _form(self, mode: str | None) -> Form:
        forms = self.forms
        if mode not in forms:
            raise quantizing.mode_error(mode, tuple(forms))
        return forms[mode]

    # --- files ---

    @property
    def variable_serialization_spec(self) -> dict[str | None, list[str]]:
        """The attributes whose variables stand in files, in this order, by mode; None: as they are.

        Those that a layer does not have, such as a bias, are left out.
        """
        plain = [self.adapted_weight, *(["bias"] if hasattr(self, "bias") else [])]
        return {None: plain, **{mode: form.in_files(self.adapted_weight) for mode, form in self.forms.items()}}

    def variables_in_files(self) -> list[Variable]:
        found = super().variables_in_files()
        if not self._is_quantized:
            return found
        names = map(self._attribute, self.variable_serialization_spec[self.quantization_mode])
        named = [v for name in names if isinstance(v := self.__dict__.get(name), Variable)]
        return named + [v for v in found if not any(v is one for one in named)]

    def arrays_in_files(self) -> list[np.ndarray]:
        """Of a low-rank product beside whole numbers, the numbers that stand for both."""
        low_rank = self._low_rank
        if low_rank is None or low_rank.base is None:
            return super().arrays_in_files()
        merged = self._merged(low_rank)
        changed = {id(self.__dict__[self._attribute(name)]): value for name, value in merged.items()}
        return [np.array(changed[id(v)]) if id(v) in changed else v.numpy() for v in self.variables_in_files()]

    def _merged(self, low_rank: LowRank) -> dict[str, jax.Array]:
        weight = whole_here(low_rank.weight(self.adapted.stored_value, "float32"))
        return self._form(self.quantization_mode).values(self, weight, self.quantization_config)

    def _put_merged(self, adapter: LowRank) -> None:
        if adapter.base is None:
            super()._put_merged(adapter)
        else:
            self._assign(self._merged(adapter))

    def check_adaptable(self) -> None:
        mode = self.quantization_mode
        if self._is_quantized and not self._form(mode).takes_lora:
            raise NotImplementedError(
                f"Layer '{self.name}' ({type(self).__name__}): lora is not currently supported with {mode}"
                f" quantization."
            )

    def _adapt(self, *args: Any, **kwargs: Any) -> None:
        self.check_adaptable()
        super()._adapt(*args, **kwargs)
