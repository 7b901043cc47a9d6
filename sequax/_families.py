"""The modules that configs can make us load, and those that the core needs from above. Importing this loads none."""

from __future__ import annotations

from .core import above

above.families |= {
    "keras.layers": "sequax.layers",
    "keras.initializers": "sequax.initializers",
    "keras.regularizers": "sequax.regularizers",
    "keras.constraints": "sequax.constraints",
    "keras.activations": "sequax.activations",
    "keras.losses": "sequax.losses",
    "keras.distillation": "sequax.distillation",
    "keras.metrics": "sequax.metrics",
    "keras.optimizers": "sequax.optimizers",
    "keras.optimizers.schedules": "sequax.optimizers",
    "keras.quantizers": "sequax.quantizers",
    "keras.random": "sequax.core.rng",
    "keras.utils": "sequax.utils.feature_space",
    "keras.src.applications.convnext": "sequax.applications.convnext",
    "keras.src.applications.inception_resnet_v2": "sequax.applications.inception_resnet_v2",
    "keras": "sequax.models",
}
above.modules |= {
    "configs": "sequax.core.config",
    "export": "sequax.export.exporting",
    "hub": "sequax.hub.fetching",
    "hub_pushing": "sequax.hub.pushing",
    "ops": "sequax.ops",
    "policies": "sequax.core.quantized_policies",
    "quantizers": "sequax.quantizers",
}
