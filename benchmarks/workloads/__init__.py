"""The workloads, one file each, in the order of the table. A child imports just the one that it runs."""

NAMES = (
    "tabular",
    "mlp_32",
    "mlp_256",
    "regression",
    "convnet",
    "vgg_64",
    "vgg_128",
    "mobilenet",
    "resnet",
    "conv1d",
    "lstm_80",
    "lstm_400",
    "gru_80",
    "gru_400",
    "lstm_wide",
    "transformer",
    "embedding",
    "generator",
    "dataset",
)
