"""`Looking`: the methods by which a model shows itself. Each is a call of a module that is imported when it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .core.layer import Layer

if TYPE_CHECKING:
    from .core.types import Path
    from .explaining import Explanation
    from .utils.drawing import Picture


class Looking(Layer):
    """The side of a `Model` that is looked at."""

    def _repr_html_(self: Any) -> str:
        """In a notebook: the layers as a table, which folds."""
        from .utils import model_html

        return model_html.of_model(self)

    def explain(self: Any, shape: Any = None) -> Explanation:
        """Follow a shape through a stack, layer by layer, without building anything.

        Args:
            shape: with the batch axis, as `x.shape` has it, or data that have a shape; None: that of the `Input`.

        Returns:
            a table to print, in which the first layer that does not fit is marked, with what to change; `fits`,
            `output_shape`, `problem` and `remedy` are attributes of it.

        Raises:
            TypeError: for a model that is no stack.
            ValueError: without a shape, if the model knows none.
        """
        if not self.is_stack:
            raise TypeError(
                f"Model '{self.name}' ({type(self).__name__}): explain() follows a stack of layers. summary() shows"
                f" the shapes in other models."
            )
        from .explaining import explain

        return explain(self, shape)

    def plot(self: Any, path: Path | None = None, shapes: bool = True, expand_nested: bool = False) -> Picture:
        """Draw the layers as SVG, which needs neither Graphviz nor matplotlib; a notebook shows what is returned.

        Args:
            path: of a file that ends with `.svg`, to write the picture into.
            shapes: whether boxes say the shape that comes out of a layer.
            expand_nested: whether models inside are drawn with their layers.

        Raises:
            ValueError: for a model that is not built, or has a `call` of its own.
        """
        from .utils import drawing

        picture = drawing.draw(self, shapes, expand_nested)
        if path is not None:
            picture.save(path)
        return picture
