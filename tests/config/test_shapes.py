"""Described networks: what is accepted, the shapes that follow, and every refusal with its layer and both shapes."""

from __future__ import annotations

import pytest

from trigger_lut.config.budget import NetworkShape
from trigger_lut.config.network import function_digest, short_name
from trigger_lut.config.shapes import mistakes, output_shape

CLASSES = ("g", "q", "W")


def network(*layers, **content) -> NetworkShape:
    return NetworkShape.model_validate({"layers": list(layers), **content} if layers else content)


def conv1d(**options):
    return {"lut_conv1d": {"filters": 4, "kernel_size": 3, **options}}


def conv2d(**options):
    return {"q_conv2d": {"filters": 4, "kernel_size": 3, **options}}


def einsum(equation: str, output: list[int], **options):
    return {"q_einsum_dense": {"equation": equation, "output_shape": output, **options}}


@pytest.mark.parametrize(
    ("shape", "layers", "expected"),
    [
        ([12], [{"lut_dense": {"units": 3}}], (3,)),
        ([4, 3], [{"lut_dense": {"units": 5}}], (4, 5)),
        ([4, 3], [{"flatten": {}}], (12,)),
        ([4, 3], [{"reshape": {"target_shape": [2, 6]}}], (2, 6)),
        ([4, 3], [{"sum": {"axis": "particles"}}], (3,)),
        ([2, 2, 3], [{"sum": {"axis": "particles"}}], (3,)),
        ([2, 2, 3], [{"sum": {"axis": [1, -1]}}], (2,)),
        ([2, 2, 3], [{"sum": {"axis": 2}}], (2, 3)),
        ([12, 1], [conv1d()], (10, 4)),
        ([12, 1], [conv1d(padding="same", strides=5)], (3, 4)),
        ([12, 1], [conv1d(strides=2, dilation_rate=2)], (4, 4)),
        ([3, 4, 1], [conv2d(kernel_size=[2, 3], strides=[1, 2])], (2, 1, 4)),
        ([3, 4, 1], [conv2d(padding="same", strides=2)], (2, 2, 4)),
        ([4, 3], [einsum("bpc,pq->bqc", [6, 3])], (6, 3)),
        ([4, 3], [einsum("bpc,pcq->bq", [7], bias_axes="q")], (7,)),
    ],
)
def test_shapes_are_followed(shape, layers, expected):
    assert output_shape(network(*layers, input_shape=shape), 12) == expected


@pytest.mark.parametrize(
    ("shape", "layers", "expected"),
    [
        ([12], [conv1d()], "layers.0 (lut_conv1d): expected an input of shape (length, channels), found (12,)"),
        (
            [4, 3],
            [{"lut_dense": {"units": 5}}, conv2d()],
            "layers.1 (q_conv2d): expected an input of shape (height, width, channels), found (4, 5)",
        ),
        (
            [4, 3],
            [conv1d(dilation_rate=2)],
            "layers.0 (lut_conv1d): kernel_size: expected a window of at most 4 along length for an input of shape "
            "(4, 3), found one of 5; padding 'same' takes any",
        ),
        (
            [3, 4, 1],
            [conv2d(kernel_size=2, strides=2, dilation_rate=2)],
            "layers.0 (q_conv2d): strides: expected 1 with a dilation_rate above 1, as Keras has it",
        ),
        (
            [4, 3],
            [{"reshape": {"target_shape": [5, 3]}}],
            "layers.0 (reshape): target_shape: expected 12 values as in the input of shape (4, 3), "
            "found (5, 3) with 15",
        ),
        (
            [12],
            [{"sum": {"axis": "particles"}}],
            "layers.0 (sum): expected an input of shape (particles, channels), found (12,)",
        ),
        (
            [12],
            [{"max_pool": {"pool_size": 2}}],
            "layers.0 (max_pool): pool_size: 2 is for an input of shape (length, channels), found (12,)",
        ),
        (
            [4, 3],
            [{"average_pool": {"pool_size": [2, 2]}}],
            "layers.0 (average_pool): pool_size: [2, 2] is for an input of shape (height, width, channels), "
            "found (4, 3)",
        ),
        (
            [4, 3],
            [{"max_pool": {"pool_size": 2, "strides": [1, 2]}}],
            "layers.0 (max_pool): strides: expected one number for the pool_size 2, found [1, 2]",
        ),
        (
            [4, 3],
            [{"max_pool": {"pool_size": 5}}],
            "layers.0 (max_pool): pool_size: expected a window of at most 4 along length for an input of shape (4, 3), "
            "found one of 5; padding 'same' takes any",
        ),
        (
            [4, 3],
            [{"average_pool": {"pool_size": 3}}],
            "layers.0 (average_pool): pool_size: the mean of 3 values along length is not exact in integers. "
            "Expected windows of 1, 2, 4, 8, ... values, also at the edges, found an input of shape (4, 3)",
        ),
        (
            [2, 6, 1],
            [{"average_pool": {"pool_size": [2, 4], "strides": 1, "padding": "same"}}],
            "layers.0 (average_pool): pool_size: the mean of 3 values along width is not exact in integers. "
            "Expected windows of 1, 2, 4, 8, ... values, also at the edges, found an input of shape (2, 6, 1)",
        ),
        (
            [4, 3],
            [{"sum": {"axis": 3}}],
            "layers.0 (sum): axis: expected 1 to 2 for an input of shape (4, 3), found 3",
        ),
        (
            [4, 3],
            [{"sum": {"axis": [1, 2]}}],
            "layers.0 (sum): axis: expected some of the axes of the input (4, 3), each once, found [1, 2]",
        ),
        (
            [4, 3],
            [{"lut_dense": {"units": 3, "input_format": ["fixed<8,3>", "fixed<8,3>"]}}],
            "layers.0 (lut_dense): input_format: expected one for each of 3 channels of an input of shape (4, 3), "
            "found 2",
        ),
        (
            [4, 3],
            [einsum("bp,pq->bq", [6])],
            "layers.0 (q_einsum_dense): equation: expected 3 letters (the batch's first) for an input of shape "
            "(4, 3), found 'bp'",
        ),
        (
            [4, 3],
            [einsum("bpc,pq->bqc", [6])],
            "layers.0 (q_einsum_dense): output_shape: expected 2 sizes for 'bqc', found (6,)",
        ),
        (
            [4, 3],
            [einsum("bpc,pq->bqc", [6, 4])],
            "layers.0 (q_einsum_dense): output_shape: axis 'c' has 3 entries in the input of shape (4, 3), found 4",
        ),
        (
            [4, 3],
            [einsum("bpc,pq->bqz", [6, 3])],
            "layers.0 (q_einsum_dense): equation: axis 'z' of the output is neither in the input nor in the kernel",
        ),
        (
            [4, 3],
            [einsum("bpc,pxq->bqc", [6, 3])],
            "layers.0 (q_einsum_dense): equation: axis 'x' of the kernel is neither in the input nor in the output",
        ),
        (
            [4, 3],
            [einsum("bpc,bpq->bqc", [6, 3])],
            "layers.0 (q_einsum_dense): equation: expected each axis once and the batch's letter first, "
            "found 'bpc,bpq->bqc'",
        ),
        (
            [4, 3],
            [einsum("bpc,pq->bqc", [6, 3], bias_axes="p")],
            "layers.0 (q_einsum_dense): bias_axes: axis 'p' is not in the output 'qc'",
        ),
        (
            [5, 3],
            [{"flatten": {}}],
            "input_shape: expected 12 values, one for each feature of the data set, found (5, 3) with 15",
        ),
        (
            [4, 3],
            [{"lut_dense": {"units": 3}}],
            "layers.0 (lut_dense): the last layer's output has shape (4, 3), expected (3,): "
            "data set 'toy' has 3 classes (g, q, W)",
        ),
    ],
)
def test_what_does_not_fit_names_layer_and_both_shapes(shape, layers, expected):
    assert mistakes(network(*layers, input_shape=shape), 12, classes=CLASSES, data_set="toy") == [expected]


def test_the_reference_has_the_widths_of_the_layers_or_its_own():
    layers = ({"lut_dense": {"units": 8}}, {"sum": {"axis": 1}}, {"q_dense": {"units": 6}}, {"lut_dense": {"units": 3}})
    assert network(*layers, input_shape=[4, 3]).baseline_widths == [8, 6, 3]
    assert network(*layers, input_shape=[4, 3], baseline_units=[20, 3]).baseline_widths == [20, 3]
    assert network(units=[7, 3]).baseline_widths == [7, 3]
    wrong = network(*layers, input_shape=[4, 3], baseline_units=[20, 4])
    expected = "baseline_units: the baseline's last layer has 4 outputs, data set 'toy' has 3 classes (g, q, W)"
    assert mistakes(wrong, 12, classes=CLASSES, data_set="toy") == [expected]
    assert mistakes(network(*layers, input_shape=[4, 3]), 12, classes=CLASSES, data_set="toy") == []


def test_a_function_that_does_not_exist_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shape = network(builder="nowhere.at_all:build", baseline_units=[4, 3])
    assert shape.model_dump(mode="json") == {"builder": "nowhere.at_all:build", "baseline_units": [4, 3]}
    assert mistakes(shape, 12, classes=CLASSES, data_set="toy") == [
        "builder: nowhere.at_all:build: no module 'nowhere.at_all'. Expected nowhere/at_all.py or an installed module"
    ]


def test_file_of_a_function_in_the_working_directory_is_known(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shape = network(builder="mine.jets:build", baseline_units=[3])
    assert function_digest(shape) is None
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/jets.py").write_text("a")
    first = function_digest(shape)
    (tmp_path / "mine/jets.py").write_text("b")
    assert first is not None
    assert function_digest(shape) not in (first, None)
    assert function_digest(network(units=[3])) is None


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"units": [7, 3]}, "7-3"),
        ({"builder": "mine:build", "baseline_units": [3]}, "mine:build"),
        ({"layers": [{"lut_dense": {"units": 8}}, {"flatten": {}}]}, "lut_dense 8, flatten"),
    ],
)
def test_short_names(content, expected):
    assert short_name(network(**content)) == expected


def test_a_description_reads_back_without_empty_fields():
    layers = ({"lut_dense": {"units": 8}}, {"flatten": {}}, {"q_dense": {"units": 3}})
    shape = network(*layers, input_shape=[4, 3])
    assert NetworkShape.model_validate_json(shape.model_dump_json()) == shape
    assert "None" not in str(shape.model_dump())
    assert network(units=[4, 3]).model_dump() == {
        "units": [4, 3],
        "batch_norm": True,
        "edge_hidden_units": 8,
        "max_input_bits": 6,
    }
