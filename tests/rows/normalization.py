"""Rows: normalization."""

from tests.layer_table import Row

SETTINGS = {
    "beta_initializer": "ones",
    "gamma_initializer": "ones",
    "beta_regularizer": "l1",
    "gamma_regularizer": "l2",
    "beta_constraint": "non_neg",
    "gamma_constraint": "non_neg",
}
MOVING = {"moving_mean_initializer": "ones", "moving_variance_initializer": "ones"}

ROWS = [
    Row("BatchNormalization", {}, (8, 5)),
    Row("BatchNormalization", {"momentum": 0.8, "epsilon": 1e-2}, (4, 3, 3, 2), unknown=(1, 2)),
    Row("BatchNormalization", {"axis": 1, "center": False}, (4, 3, 5)),
    Row("BatchNormalization", {"scale": False}, (4, 6, 5), mask=True, unknown=(1,)),
    Row("BatchNormalization", {"trainable": False}, (4, 5)),
    Row("BatchNormalization", {**SETTINGS, **MOVING, "synchronized": False}, (4, 5)),
    Row("BatchNormalization", {"renorm": True, "renorm_momentum": 0.7, "momentum": 0.9}, (6, 4)),
    Row("BatchNormalization", {"renorm": True, "renorm_clipping": {"rmax": 1.5, "rmin": 0.8, "dmax": 0.5}}, (6, 4, 3)),
    Row("BatchNormalization", {"renorm": True, "renorm_clipping": {"rmax": 1.1}}, (6, 4, 3), mask=True),
    Row("LayerNormalization", {}, (3, 5)),
    Row("LayerNormalization", {"axis": 1, "epsilon": 1e-2, "center": False}, (3, 5, 2), mask=True),
    Row("LayerNormalization", {"axis": [1, 2], "scale": False}, (3, 5, 2)),
    Row("LayerNormalization", {"axis": (2, 1)}, (3, 5, 2, 3), unknown=(3,)),
    Row("LayerNormalization", {"axis": [1, -1]}, (3, 5, 2)),
    Row("LayerNormalization", {"rms_scaling": True}, (3, 5)),
    Row("LayerNormalization", SETTINGS, (3, 5)),
    Row("GroupNormalization", {"groups": 2}, (3, 4)),
    Row("GroupNormalization", {"groups": 3, "epsilon": 1e-2, "scale": False}, (2, 4, 5, 6), unknown=(1, 2)),
    Row("GroupNormalization", {"groups": 2, "axis": 1, "center": False}, (2, 4, 5, 3)),
    Row("GroupNormalization", {"groups": -1}, (2, 4, 3), mask=True),
    Row("GroupNormalization", {"groups": 1, **SETTINGS}, (2, 4, 3)),
    Row("RMSNormalization", {}, (3, 5), mask=True),
    Row("RMSNormalization", {"axis": [1, 2], "epsilon": 1e-3}, (3, 4, 5)),
    Row("UnitNormalization", {}, (3, 5), mask=True),
    Row("UnitNormalization", {"axis": [1, 2]}, (3, 4, 5)),
]
