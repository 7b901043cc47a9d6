"""What is not served of TensorFlow: names that can be imported, and say why they are out of reach when called."""

from __future__ import annotations

from ..._version import __version__

_GRAPHS = "it builds graphs for sessions (TensorFlow 1), which Sequax does not run. Use layers and `fit`"
_SPARSE = "of sparse tensors there is only `sparse.to_dense`. Pass dense arrays"
_RAGGED = (
    "of ragged tensors there is what makes, cuts and pads them: `ragged.constant`, `RaggedTensor`. Pad to equal"
    " lengths: `.to_tensor()`, or `keras.utils.pad_sequences`"
)
_ITSELF = "it needs TensorFlow itself, which is not installed: with it, `sequax run` takes the name from there"
_COLUMNS = (
    "feature columns are a part of TensorFlow that is no more. Use `keras.utils.FeatureSpace`, or the layers"
    " `Normalization`, `Discretization`, `StringLookup` and `CategoryEncoding`"
)
_ESTIMATORS = "estimators are a part of TensorFlow that is no more. Use `compile` and `fit`"
_LITE = (
    "it is of TensorFlow Lite, today LiteRT. Write the file with `model.export('model.tflite')`, and run it with the"
    " package `ai-edge-litert`, whose `Interpreter` is the same"
)
_RECORDS = (
    "of records there are TFRecordDataset, io.TFRecordWriter, train.Example and SequenceExample, io.parse_example,"
    " io.parse_single_example and io.parse_single_sequence_example"
)
_SEVERAL = "it spreads work over several machines or devices by TensorFlow. Use `keras.distribution`"

# By name inside `tensorflow`; a name speaks for all that is in it.
_REASONS: dict[str, str] = {
    **dict.fromkeys(("sparse", "SparseTensorValue", "sparse_placeholder"), _SPARSE),
    **dict.fromkeys(("sparse_to_dense", "sparse_tensor_to_dense", "sparse_tensor_dense_matmul"), _SPARSE),
    **dict.fromkeys(("SparseTensorSpec", "IndexedSlicesSpec"), _SPARSE),
    **dict.fromkeys(("ragged", "io.RaggedFeature", "strings.ngrams"), _RAGGED),
    **dict.fromkeys(("estimator", "contrib.learn", "contrib.estimator", "contrib.tpu"), _ESTIMATORS),
    "lite": _LITE,
    **dict.fromkeys(("feature_column", "contrib.layers"), _COLUMNS),
    **dict.fromkeys(
        (
            *("saved_model", "raw_ops", "graph_util", "mlir", "tools", "tpu", "types", "sysconfig", "dtensor"),
            *("experimental", "quantization", "profiler", "python", "contrib", "core", "resource_loader", "bitcast_v2"),
            *("autograph", "config", "random", "audio", "signal", "test", "distribute", "image", "nn", "io", "strings"),
            *(
                "data",
                "train",
                "summary",
                "debugging",
                "lookup",
                "queue",
                "user_ops",
                "version",
                "sets",
                "app",
                "flags",
            ),
            *("type_spec_from_value", "load_op_library", "load_library", "import_graph_def", "quantize", "dequantize"),
        ),
        _ITSELF,
    ),
    **dict.fromkeys(
        (
            *("io.parse_sequence_example", "io.SparseFeature", "io.decode_proto", "io.serialize_many_sparse"),
            *("TFRecordReader", "io.decode_json_example"),
        ),
        _RECORDS,
    ),
    **dict.fromkeys(
        (
            *("placeholder", "placeholder_with_default", "placeholders", "Graph", "GraphDef", "GraphKeys", "Operation"),
            *("get_variable", "get_default_graph", "get_default_session", "get_collection", "get_collection_ref"),
            *("add_to_collection", "get_variable_scope", "variable_scope", "VariableScope", "layers", "make_template"),
            *("AUTO_REUSE", "global_variables", "local_variables", "trainable_variables", "model_variables"),
            *("all_variables", "moving_average_variables", "report_uninitialized_variables", "is_variable_initialized"),
            *(
                "Event",
                "MetaGraphDef",
                "NodeDef",
                "Dimension",
                "FIFOQueue",
                "RandomShuffleQueue",
                "QueueBase",
                "assign",
            ),
            *("assign_add", "assign_sub", "scatter_update", "scatter_add", "control_flow_v2_enabled", "wrap_function"),
            *("RunOptions", "RunMetadata", "InteractionSession", "nn.rnn_cell", "nn.dynamic_rnn", "nn.static_rnn"),
            *("nn.bidirectional_dynamic_rnn", "nn.raw_rnn", "contrib.rnn", "contrib.seq2seq", "contrib.legacy_seq2seq"),
            *("contrib.slim", "slim", "contrib.framework", "contrib.eager", "train.Saver", "train.Supervisor"),
            *("train.MonitoredTrainingSession", "train.MonitoredSession", "train.SessionRunHook", "train.Scaffold"),
            *("train.LoggingTensorHook", "train.StopAtStepHook", "train.CheckpointSaverHook", "train.SummarySaverHook"),
            *("train.NanTensorHook", "train.SessionRunArgs", "train.Coordinator", "train.start_queue_runners"),
            *("train.QueueRunner", "train.import_meta_graph", "train.export_meta_graph", "train.write_graph"),
            *("train.get_global_step", "train.get_or_create_global_step", "train.create_global_step"),
            *("train.global_step", "train.string_input_producer", "train.batch", "train.shuffle_batch"),
            *("train.slice_input_producer", "train.limit_epochs", "train.input_producer", "train.match_filenames_once"),
            *("train.piecewise_constant", "train.natural_exp_decay"),
            *("summary.FileWriter", "summary.merge_all", "summary.merge", "WholeFileReader", "TextLineReader"),
            *("reset_default_graph_v1", "Session.run", "disable_resource_variables", "enable_resource_variables"),
            *("variable_axis_size_partitioner", "min_max_variable_partitioner", "fixed_size_partitioner"),
            *("metrics.accuracy", "metrics.mean_squared_error", "metrics.precision", "metrics.recall", "metrics.auc"),
            *("metrics.mean", "metrics.mean_absolute_error", "metrics.root_mean_squared_error"),
            *("data.make_one_shot_iterator", "data.make_initializable_iterator", "contrib.data"),
        ),
        _GRAPHS,
    ),
    **dict.fromkeys(
        (
            *("distribute.cluster_resolver", "distribute.Server", "distribute.coordinator", "train.ClusterSpec"),
            *("distribute.ParameterServerStrategy", "distribute.experimental.ParameterServerStrategy"),
            *("distribute.experimental.partitioners", "train.Server", "train.ServerDef", "train.replica_device_setter"),
            *("tpu.CrossShardOptimizer", "experimental.dtensor", "contrib.distribute", "contrib.cluster_resolver"),
        ),
        _SEVERAL,
    ),
    "select": "it is from before TensorFlow 1.0. Use tf.where",
    "sum": "TensorFlow has no such name. Use tf.reduce_sum",
    "flatten": "TensorFlow has no such name. Use tf.reshape(x, [-1]), or a Flatten layer",
    "contrib.ctc": "it is from before TensorFlow 2. Use tf.nn.ctc_loss",
}


def plain(inside: str) -> str:
    """The name inside `tensorflow`, without `compat.v1.`, which repeats everything."""
    while inside.startswith(("compat.v1.", "compat.v2.", "v1.", "_api.v2.")):
        inside = inside.removeprefix("compat.").removeprefix("_api.").partition(".")[2]
    return "" if inside in ("compat.v1", "compat.v2", "v1") else inside


def reason(inside: str) -> str | None:
    """Why a name inside `tensorflow` is out of reach; None for what nobody has heard of."""
    parts = plain(inside).split(".")
    for count in range(len(parts), 0, -1):
        found = _REASONS.get(".".join(parts[:count]))
        if found is not None:
            return found
    return None


def not_tensorflow(name: str, hint: str = "") -> str:
    """The message for what is not served.

    Args:
        name: inside `tensorflow`.
        hint: what to add, such as the name that was meant.
    """
    why = reason(name)
    if why is None:
        return f"tensorflow.{name} is not served by Sequax ({__version__}), which has no TensorFlow in it.{hint}"
    return f"tensorflow.{name} is out of reach in Sequax ({__version__}): {why}."


def is_place(inside: str) -> bool:
    """Whether a name is a module of names out of reach: known as such, or with known names in it."""
    inside = plain(inside)
    return inside.islower() and (reason(inside) is not None or any(one.startswith(f"{inside}.") for one in _REASONS))
