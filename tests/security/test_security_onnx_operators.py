import numpy as np
import pytest
import torch
from onnx_nets import drawn, graph_of, network_of, of_one, single, whole
from torch.nn import functional

from trivet.errors import CheckpointError
from trivet.security.reading.onnx import file as onnx_file
from trivet.work.confined import Confined


@pytest.fixture(scope="module")
def onnx():
    pytest.importorskip("onnx2torch", reason="the extra onnx is not installed")
    pytest.importorskip("onnx.reference")
    return pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def child():
    with Confined(ready="onnx") as reader:
        yield reader


def drawn_images(*shape):
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


def assert_as_onnx_says(onnx, child, path, proto, *shape, opset=None):
    """Compare with ONNX's own evaluator, which knows some operators in some versions alone."""
    images = drawn_images(*shape)
    with torch.no_grad():
        found = network_of(child, path, proto)(torch.from_numpy(images))
    if opset is not None:
        proto.opset_import[0].version = opset
    (wanted,) = onnx.reference.ReferenceEvaluator(proto).run([proto.graph.output[0].name], {"x": images})
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-3, atol=1e-4)


HALF, ALIGNED, FIRST = (
    {"coordinate_transformation_mode": where} for where in ("half_pixel", "align_corners", "asymmetric")
)
LINEAR, CUBIC, FLOOR = {"mode": "linear"}, {"mode": "cubic"}, {"nearest_mode": "floor"}
CEILING = {"nearest_mode": "round_prefer_ceil"}
DOUBLE, SIZES = single(1, 1, 2, 2), whole(2, 4, 12, 5)
#: Of windows, more padding below and to the right.
SPREAD = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 1, 1]}
#: An operator, the versions of all operators, its constants and attributes.
COMPUTED = [
    ("DepthToSpace", 9, (), {"blocksize": 2}),
    ("DepthToSpace", 13, (), {"blocksize": 2, "mode": "DCR"}),
    ("DepthToSpace", 13, (), {"blocksize": 2, "mode": "CRD"}),
    ("SpaceToDepth", 9, (), {"blocksize": 4}),
    ("SpaceToDepth", 13, (), {"blocksize": 2}),
    ("PRelu", 16, (drawn(8),), {}),
    ("PRelu", 16, (drawn(4, 1, 1),), {}),
    ("ReduceMax", 13, (), {"axes": [-1, -2], "keepdims": 0}),
    ("ReduceProd", 18, (whole(-1, 1),), {"keepdims": 0}),
    ("Unsqueeze", 11, (), {"axes": [-1, -2]}),
    ("Unsqueeze", 13, (whole(5, -2),), {}),
    ("Flatten", 13, (), {"axis": 0}),
    ("Flatten", 13, (), {"axis": 4}),
    ("MaxPool", 12, (), {"kernel_shape": [2, 2], "storage_order": 1}),
    ("Pad", 10, (), {"pads": [0, 0, 1, 2, 0, 0, 0, 1], "value": 0.5}),
    ("AveragePool", 10, (), SPREAD),
    ("AveragePool", 11, (), SPREAD),
    ("AveragePool", 19, (), SPREAD | {"count_include_pad": 1}),
    ("AveragePool", 11, (), {"kernel_shape": [2, 2], "strides": [1, 1], "auto_pad": "SAME_UPPER"}),
    ("Slice", 9, (), {"starts": [1, -3], "ends": [7, 100], "axes": [2, 3]}),
    ("Cast", 13, (), {"to": 10}),
    ("Mish", 18, (), {}),
    ("Mish", 22, (), {}),
    ("Swish", 24, (), {"alpha": 0.5}),
    ("Gelu", 20, (), {}),
    ("Gelu", 20, (), {"approximate": "tanh"}),
    ("ThresholdedRelu", 13, (), {"alpha": 0.5}),
    ("Shrink", 13, (), {"lambd": 0.4, "bias": 0.1}),
    ("GlobalMaxPool", 11, (), {}),
    ("GlobalMaxPool", 22, (), {}),
    ("MeanVarianceNormalization", 13, (), {}),
    ("MeanVarianceNormalization", 18, (), {"axes": [2, 3]}),
    ("LpNormalization", 13, (), {"axis": 1, "p": 2}),
    ("LpNormalization", 18, (), {}),
    ("RMSNormalization", 23, (drawn(8),), {}),
    ("GroupNormalization", 21, (drawn(4), drawn(4)), {"num_groups": 2}),
    ("GroupNormalization", 21, (drawn(4), drawn(4)), {"num_groups": 4, "epsilon": 0.1}),
    ("LayerNormalization", 17, (drawn(8), drawn(8)), {}),
    ("LayerNormalization", 20, (drawn(8, 8),), {"axis": 2}),
    ("LayerNormalization", 17, (drawn(8), drawn(1)), {"axis": 2}),
    ("Clip", 13, (None, np.float32(0.5)), {}),
    ("Clip", 13, (np.float32(0.2), None), {}),
    ("CumSum", 14, (np.int64(2),), {}),
    ("CumSum", 14, (np.int64(2),), {"reverse": 1, "exclusive": 1}),
    ("Split", 18, (), {"axis": 2, "num_outputs": 3}),
    ("Split", 18, (), {"axis": -1, "num_outputs": 2}),
    ("Pad", 18, (whole(1, 2, 0, 1), None, whole(2, 3)), {}),
    ("Pad", 21, (whole(1, 2, 0, 1), np.float32(0.5), whole(-1, -2)), {}),
    ("Pad", 19, (whole(1, 2, 0, 1), np.float32(0.5), whole(2, 3)), {"mode": "reflect"}),
    ("Pad", 18, (whole(2, 1), None, whole(3)), {"mode": "edge"}),
    ("Resize", 13, (None, DOUBLE), {}),
    ("Resize", 18, (None, DOUBLE), HALF | CEILING),
    ("Resize", 19, (None, DOUBLE), FIRST | FLOOR),
    ("Resize", 19, (None, None, SIZES), FIRST | FLOOR),
    ("Resize", 18, (None, single(2, 3)), FIRST | FLOOR | {"axes": [2, 3]}),
    ("Resize", 19, (None, None, whole(12, 5)), LINEAR | {"axes": [2, 3]}),
    ("Resize", 18, (None, None, whole(12, 5)), CUBIC | HALF | {"axes": [2, 3]}),
    ("Resize", 18, (None, None, SIZES), LINEAR | ALIGNED),
    ("Resize", 18, (None, single(1, 1, 1.5, 0.5)), LINEAR),
    ("Resize", 11, (single(), single(1, 1, 1.5, 0.25)), CUBIC),
]


@pytest.mark.parametrize(("operator", "opset", "constants", "settings"), COMPUTED)
def test_an_operator_computes_what_onnx_says(onnx, child, tmp_path, operator, opset, constants, settings):
    reference = pytest.importorskip("onnx.reference")
    parts = settings.get("num_outputs", 1)
    proto = of_one(onnx, operator, opset, *constants, images=(4, 8, 8), outputs=parts, **settings)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 4, 8, 8)).astype(np.float32)
    wanted = reference.ReferenceEvaluator(proto).run(["y0"], {"x": images})[0]
    with torch.no_grad():
        found = network_of(child, tmp_path / "a.onnx", proto).eval()(torch.from_numpy(images))
    found = found[0] if isinstance(found, tuple) else found
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("operator", "constants", "settings"),
    [
        ("Resize", (None, DOUBLE), LINEAR | FIRST),
        ("Resize", (None, DOUBLE), FIRST | CEILING),
        ("Resize", (None, single(1, 1, 1.3, 2)), LINEAR | HALF),
        ("Resize", (None, single(1, 1, 1, 41)), FIRST | FLOOR),
        (
            "Resize",
            (None, None, whole(2, 4, 1, 9)),
            LINEAR | {"coordinate_transformation_mode": "pytorch_half_pixel"},
        ),
        ("Resize", (None, single(1, 1, 1.5, 0.5)), HALF),
        ("Resize", (None, None, SIZES), HALF),
        ("Resize", (None, DOUBLE), CUBIC | {"cubic_coeff_a": -0.5}),
        ("Resize", (None, DOUBLE), LINEAR | {"exclude_outside": 1}),
        ("Resize", (None, None, SIZES), LINEAR | {"antialias": 1}),
        ("Resize", (None, None, whole(12, 12)), LINEAR | {"keep_aspect_ratio_policy": "not_larger"}),
        ("Resize", (None, single(2)), LINEAR | {"axes": [1]}),
        ("NonZero", (), {}),
        ("ConvTranspose", (drawn(4, 3, 3, 3),), {"strides": [2, 2], "output_shape": [16, 16]}),
        ("LRN", (), {"size": 4}),
        ("MaxPool", (), {"kernel_shape": [3, 3], "pads": [2, 2, 2, 2]}),
        ("GatherND", (whole(1).reshape(1, 1, 1).repeat(2, 0),), {"batch_dims": 1}),
        ("IsInf", (), {"detect_negative": 0}),
    ],
)
def test_what_would_be_computed_in_another_way_is_refused(
    onnx, child, tmp_path, operator, constants, settings
):
    proto = of_one(onnx, operator, 18, *constants, images=(4, 8, 8), **settings)
    with pytest.raises(CheckpointError, match=f"a {operator}.* would be computed in another way"):
        network_of(child, tmp_path / "a.onnx", proto)


def test_a_normalisation_finds_its_sizes_where_they_are_not_known_before(onnx, child, tmp_path):
    """Exporters leave the sizes of a transformer's tokens open where the number of images is."""
    proto = of_one(onnx, "LayerNormalization", 17, drawn(8), drawn(8))
    for size in list(proto.graph.input[0].type.tensor_type.shape.dim)[1:]:
        size.dim_param = "any"
    images = torch.rand(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = network_of(child, tmp_path / "a.onnx", proto)(images)
    wanted = functional.layer_norm(images, (8,), torch.from_numpy(drawn(8)), torch.from_numpy(drawn(8)))
    torch.testing.assert_close(found, wanted)


def test_a_split_of_a_size_that_is_not_known_is_refused(onnx, child, tmp_path):
    proto = of_one(onnx, "Split", 18, outputs=3, axis=2, num_outputs=3)
    proto.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "any"
    with pytest.raises(CheckpointError, match="Split of an axis whose size is not known"):
        network_of(child, tmp_path / "a.onnx", proto)


#: Weights as whole numbers with a scale: nodes that make W (6, 4, 3, 3) of them, and constants.
WEIGHTS = np.random.default_rng(2).integers(-127, 127, (6, 4, 3, 3)).astype(np.int8)
SCALES = np.abs(drawn(6)) / 50
QUANTISED = {
    "of each channel": ({"axis": 0}, {"w": WEIGHTS, "s": SCALES, "z": np.zeros(6, np.int8)}),
    "without an offset": ({}, {"w": WEIGHTS, "s": np.float32(0.02)}),
    "with an offset": (
        {},
        {"w": WEIGHTS.view(np.uint8), "s": np.float32(0.02), "z": np.uint8(131)},
    ),
}


@pytest.mark.parametrize("opset", [13, 21])
@pytest.mark.parametrize("kind", QUANTISED)
def test_weights_of_whole_numbers_are_scaled(onnx, child, tmp_path, kind, opset):
    make, (says, held) = onnx.helper.make_node, QUANTISED[kind]
    nodes = [make("DequantizeLinear", list(held), ["W"], **says), make("Conv", ["x", "W"], ["y0"])]
    proto = graph_of(onnx, nodes, held, opset=opset, images=(4, 8, 8))
    assert_as_onnx_says(onnx, child, tmp_path / "a.onnx", proto, 2, 4, 8, 8, opset=21)


def test_weights_that_are_rounded_in_the_graph_are_read_as_rounded(onnx, child, tmp_path):
    make, held = onnx.helper.make_node, {"w": drawn(6, 4, 3, 3), "s": np.float32(0.05), "z": np.int8(0)}
    nodes = [
        make("QuantizeLinear", ["w", "s", "z"], ["q"]),
        make("DequantizeLinear", ["q", "s", "z"], ["W"]),
        make("Conv", ["x", "W"], ["y0"]),
    ]
    proto = graph_of(onnx, nodes, held, opset=13, images=(4, 8, 8))
    assert_as_onnx_says(onnx, child, tmp_path / "a.onnx", proto, 2, 4, 8, 8, opset=21)


@pytest.mark.parametrize(
    ("operator", "domain"),
    [("QuantizeLinear", ""), ("DynamicQuantizeLinear", ""), ("QLinearAdd", "com.microsoft"), ("QGemm", "m")],
)
def test_a_network_that_computes_with_whole_numbers_is_refused(onnx, child, tmp_path, operator, domain):
    proto = of_one(onnx, operator, 13, np.float32(0.1), np.uint8(0), images=(4, 8, 8))
    proto.graph.node[0].domain = domain
    with pytest.raises(CheckpointError, match=f"was quantised; '{operator}' in it rounds"):
        network_of(child, tmp_path / "a.onnx", proto)


def folded(onnx, kind):
    """Return nodes of which the last has y0, and constants that others have to be computed from."""
    make = onnx.helper.make_node
    zero = onnx.numpy_helper.from_array(whole(0))
    return {
        "weights that are transposed": (
            [make("Transpose", ["w"], ["W"], perm=[3, 2, 0, 1]), make("Conv", ["x", "W"], ["y0"])],
            {"w": drawn(3, 3, 4, 6)},
        ),
        "weights of half precision": (
            [make("Cast", ["w"], ["W"], to=1), make("Conv", ["x", "W"], ["y0"])],
            {"w": drawn(6, 4, 3, 3).astype(np.float16)},
        ),
        "weights that are normalised as a batch is": (
            [
                make("BatchNormalization", ["w", "s", "b", "m", "v"], ["W", "", ""], training_mode=1),
                make("Conv", ["x", "W"], ["y0"]),
            ],
            {"w": drawn(6, 4, 3, 3), "s": drawn(4), "b": drawn(4), "m": drawn(4), "v": np.abs(drawn(4))},
        ),
        "weights that are normalised": (
            [
                make("ReduceL2", ["w"], ["n"], axes=[1, 2, 3]),
                make("Div", ["w", "n"], ["W"]),
                make("Conv", ["x", "W"], ["y0"]),
            ],
            {"w": drawn(6, 4, 3, 3)},
        ),
        "a padding as PyTorch writes it": (
            [
                make("ConstantOfShape", ["four"], ["zeros"], value=zero),
                make("Concat", ["p", "zeros"], ["c"], axis=0),
                make("Reshape", ["c", "pairs"], ["r"]),
                make("Slice", ["r", "last", "before", "first", "last"], ["s"]),
                make("Transpose", ["s"], ["t"], perm=[1, 0]),
                make("Reshape", ["t", "last"], ["f"]),
                make("Cast", ["f"], ["P"], to=7),
                make("Pad", ["x", "P"], ["y0"]),
            ],
            {"four": whole(4), "p": whole(1, 2, 0, 3), "pairs": whole(-1, 2), "last": whole(-1)}
            | {"before": whole(-(2**63) + 1), "first": whole(0)},
        ),
        "whole numbers in an attribute": (
            [make("Constant", [], ["s"], value_ints=[0, -1]), make("Reshape", ["x", "s"], ["y0"])],
            {},
        ),
        "a limit in an attribute": (
            [make("Constant", [], ["s"], value_float=0.5), make("Clip", ["x", "", "s"], ["y0"])],
            {},
        ),
    }[kind]


@pytest.mark.parametrize(
    "kind",
    [
        *("weights that are transposed", "weights of half precision", "weights that are normalised"),
        "weights that are normalised as a batch is",
        *("a padding as PyTorch writes it", "whole numbers in an attribute", "a limit in an attribute"),
    ],
)
def test_what_comes_of_constants_is_a_constant(onnx, child, tmp_path, kind):
    proto = graph_of(onnx, *folded(onnx, kind), opset=14, images=(4, 8, 8))
    assert_as_onnx_says(onnx, child, tmp_path / "a.onnx", proto, 2, 4, 8, 8)


def test_weights_that_come_of_the_images_are_refused(onnx, child, tmp_path):
    proto = graph_of(onnx, [onnx.helper.make_node("Conv", ["x", "x"], ["y0"])], {}, opset=13)
    with pytest.raises(CheckpointError, match="the weights of a Conv in it are computed; expected constants"):
        network_of(child, tmp_path / "a.onnx", proto)


def test_weights_of_bfloat16_and_casts_to_half_precision_are_computed_in_single_precision(
    onnx, child, tmp_path
):
    make, weights = onnx.helper.make_node, drawn(6, 4, 3, 3)
    nodes = [
        make("Cast", ["x"], ["h"], to=16),
        make("Conv", ["h", "W"], ["c"]),
        make("Cast", ["c"], ["y0"], to=1),
    ]
    proto = graph_of(onnx, nodes, {}, opset=22, images=(4, 8, 8))
    proto.graph.initializer.append(onnx.helper.make_tensor("W", 16, weights.shape, weights.ravel()))
    images = torch.from_numpy(drawn_images(2, 4, 8, 8))
    with torch.no_grad():
        found = network_of(child, tmp_path / "a.onnx", proto)(images)
    rounded = torch.from_numpy(weights).bfloat16().float()
    torch.testing.assert_close(found, functional.conv2d(images, rounded))


def old(onnx, opset):
    """Return a network as exporters wrote it in the first years of ONNX, weights among the inputs."""
    make = onnx.helper.make_node
    up = {"scales": [1.0, 1.0, 2.0, 2.0]} if opset < 9 else {}
    dropped = ["d", "mask"]
    nodes = [
        make("Conv", ["x", "W"], ["c"], kernel_shape=[3, 3]),
        make("BatchNormalization", ["c", "s", "b", "m", "v"], ["n"], epsilon=1e-3),
        make("MaxPool", ["n"], ["p"], kernel_shape=[2, 2], strides=[1, 1]),
        make("Slice", ["p"], ["l"], axes=[1], starts=[1], ends=[6]),
        make("Upsample", ["l"] if opset < 9 else ["l", "scales"], ["u"], **up),
        make("Pad", ["u"], ["q"], pads=[0, 0, 1, 0, 0, 0, 1, 0], value=0.25),
        make("Dropout", ["q"], dropped, ratio=0.5),
        make("Flatten", ["d"], ["f"]),
        make("Gemm", ["f", "F", "B"], ["y0"], alpha=0.5, beta=2.0, transB=1),
    ]
    held = {"W": drawn(6, 4, 3, 3), "s": drawn(6), "b": drawn(6), "m": drawn(6), "v": np.abs(drawn(6)) + 0.5}
    held |= {"F": drawn(10, 600), "B": drawn(10)} | ({} if opset < 9 else {"scales": single(1, 1, 2, 2)})
    proto = graph_of(onnx, nodes, held, opset=opset, images=(4, 8, 8))
    proto.ir_version = 3
    for key, each in held.items():
        kind = onnx.helper.np_dtype_to_tensor_dtype(each.dtype)
        proto.graph.input.append(onnx.helper.make_tensor_value_info(key, kind, each.shape))
    return proto, {key: torch.from_numpy(each) for key, each in held.items()}


@pytest.mark.parametrize("opset", [7, 8, 9])
def test_an_old_file_computes_what_its_version_says(onnx, child, tmp_path, opset):
    proto, held = old(onnx, opset)
    images = torch.from_numpy(drawn_images(2, 4, 8, 8))
    with torch.no_grad():
        found = network_of(child, tmp_path / "a.onnx", proto)(images)
    features = functional.conv2d(images, held["W"])
    features = functional.batch_norm(features, held["m"], held["v"], held["s"], held["b"], eps=1e-3)
    features = functional.max_pool2d(features, 2, 1)[:, 1:6]
    features = functional.pad(
        features.repeat_interleave(2, 2).repeat_interleave(2, 3), (0, 0, 1, 1), value=0.25
    )
    scores = 0.5 * features.flatten(1) @ held["F"].t() + 2 * held["B"]
    torch.testing.assert_close(found, scores, rtol=1e-3, atol=1e-3)


def test_a_normalisation_of_each_pixel_is_refused(onnx, child, tmp_path):
    proto = of_one(onnx, "BatchNormalization", 7, *[drawn(4, 8, 8)] * 4, images=(4, 8, 8), spatial=0)
    with pytest.raises(CheckpointError, match="a BatchNormalization of each pixel"):
        network_of(child, tmp_path / "a.onnx", proto)


@pytest.mark.parametrize(("opset", "outputs", "says"), [(13, 5, {}), (14, 1, {"training_mode": 1})])
def test_a_network_that_was_exported_in_training_is_refused(onnx, child, tmp_path, opset, outputs, says):
    given = [drawn(4)] * 3 + [np.abs(drawn(4))]
    proto = of_one(onnx, "BatchNormalization", opset, *given, images=(4, 8, 8), outputs=outputs, **says)
    with pytest.raises(CheckpointError, match=r"as in training\. Call model\.eval\(\) before the export"):
        network_of(child, tmp_path / "a.onnx", proto)


@pytest.mark.parametrize(
    ("operator", "opset", "result"), [("Split", 13, 1), ("Split", 11, 0), ("TopK", 11, 0)]
)
def test_of_several_results_the_one_that_is_meant_is_returned(onnx, child, tmp_path, operator, opset, result):
    given = (whole(3),) if operator == "TopK" else ()
    proto = of_one(onnx, operator, opset, *given, images=(4, 8, 8), outputs=2, axis=1)
    proto.graph.output[0].name = f"y{result}"
    assert_as_onnx_says(onnx, child, tmp_path / "a.onnx", proto, 2, 4, 8, 8)


def test_a_split_into_one_part_is_that_part(onnx, child, tmp_path):
    nodes = [
        onnx.helper.make_node("Split", ["x"], ["a"], axis=1),
        onnx.helper.make_node("Relu", ["a"], ["y0"]),
    ]
    proto = graph_of(onnx, nodes, {}, opset=13, images=(4, 8, 8))
    assert_as_onnx_says(onnx, child, tmp_path / "a.onnx", proto, 2, 4, 8, 8)


def test_what_an_operator_returns_beside_its_result_may_be_there_but_not_used(onnx, child, tmp_path):
    make = onnx.helper.make_node
    pool = make("MaxPool", ["x"], ["p", "i"], kernel_shape=[2, 2])
    proto = graph_of(onnx, [pool, make("Relu", ["p"], ["y0"])], {}, opset=12, images=(4, 8, 8))
    assert_as_onnx_says(onnx, child, tmp_path / "a.onnx", proto, 2, 4, 8, 8)
    proto = graph_of(onnx, [pool, make("Cast", ["i"], ["y0"], to=1)], {}, opset=12, images=(4, 8, 8))
    with pytest.raises(CheckpointError, match="what a 'MaxPool' in it returns beside its first result"):
        network_of(child, tmp_path / "b.onnx", proto)


@pytest.mark.parametrize("slopes", [drawn(4), drawn(4, 1), drawn(4, 1, 1), drawn(1, 4, 1, 1)])
def test_slopes_belong_to_the_axes_that_onnx_counts_from_the_last(onnx, child, tmp_path, slopes):
    """onnx2torch takes four slopes for those of four channels, where they are those of four columns."""
    proto = of_one(onnx, "PRelu", 16, slopes, images=(4, 4, 4))
    assert_as_onnx_says(onnx, child, tmp_path / "a.onnx", proto, 2, 4, 4, 4)


@pytest.mark.parametrize(("opset", "axes"), [(11, [-1, -2]), (13, [-1, -2]), (13, [-2, 3])])
def test_axes_that_are_counted_from_the_last_are_taken_out(onnx, child, tmp_path, opset, axes):
    given, says = ((), {"axes": axes}) if opset < 13 else ((whole(*axes),), {})
    proto = of_one(onnx, "Squeeze", opset, *given, images=(4, 1, 1), **says)
    assert_as_onnx_says(onnx, child, tmp_path / "a.onnx", proto, 2, 4, 1, 1)


@pytest.mark.parametrize("operator", ["GlobalAveragePool", "GlobalMaxPool"])
def test_a_mean_over_pixels_is_one_where_the_shape_is_computed(onnx, child, tmp_path, operator):
    """onnx2torch took it over all axes, where it knew none."""
    make = onnx.helper.make_node
    nodes = [
        make("Shape", ["x"], ["s"]),
        make("Cast", ["s"], ["f"], to=1),
        make("Cast", ["f"], ["t"], to=7),
        make("Reshape", ["x", "t"], ["r"]),
        make(operator, ["r"], ["y0"]),
    ]
    proto = graph_of(onnx, nodes, {}, opset=13, images=(4, 8, 8))
    assert_as_onnx_says(onnx, child, tmp_path / "a.onnx", proto, 2, 4, 8, 8)


def test_operators_may_stand_in_any_order(onnx, child, tmp_path):
    """A converter to half precision puts the cast of the images last."""
    make = onnx.helper.make_node
    nodes = [
        make("GlobalAveragePool", ["r"], ["g"]),
        make("Relu", ["h"], ["r"]),
        make("Flatten", ["g"], ["y0"]),
        make("Neg", ["x"], ["h"]),
    ]
    proto = graph_of(onnx, nodes, {}, opset=13, images=(4, 8, 8))
    images = torch.from_numpy(drawn_images(2, 4, 8, 8))
    found = network_of(child, tmp_path / "a.onnx", proto)(images)
    torch.testing.assert_close(found, (-images).relu().mean((2, 3)))
    nodes[3].input[0] = "r"
    with pytest.raises(CheckpointError, match="CycleError"):
        network_of(child, tmp_path / "b.onnx", graph_of(onnx, nodes, {}, opset=13, images=(4, 8, 8)))


def test_the_domain_of_onnx_has_two_names(onnx, child, tmp_path):
    proto = of_one(onnx, "Relu", 13)
    proto.opset_import[0].domain = "ai.onnx"
    images = torch.from_numpy(drawn_images(2, 1, 8, 8))
    torch.testing.assert_close(network_of(child, tmp_path / "a.onnx", proto)(images), images.relu())


def test_weights_may_be_constants_in_the_graph(onnx, child, tmp_path):
    """Paddle writes them so; they count as weights, and not as what surrounds them."""
    make = onnx.helper.make_node
    dense = drawn(64, 20_000)
    assert dense.nbytes > onnx_file.MAX_STRUCTURE_BYTES
    nodes = [
        make("Constant", [], ["F"], value=onnx.numpy_helper.from_array(dense)),
        make("Flatten", ["x"], ["f"]),
        make("MatMul", ["f", "F"], ["y0"]),
    ]
    proto = graph_of(onnx, nodes, {}, opset=13)
    assert_as_onnx_says(onnx, child, tmp_path / "a.onnx", proto, 2, 1, 8, 8)


def test_weights_are_not_copied_without_end(onnx, monkeypatch, tmp_path):
    """onnx2torch copies a weight each time that it is used."""
    make = onnx.helper.make_node
    nodes = [
        make("Add", [f"y{step + 1}" if step < 29 else "x", "W"], [f"y{step}"]) for step in range(29, -1, -1)
    ]
    proto = graph_of(onnx, nodes, {"W": drawn(8)}, opset=13)
    (tmp_path / "a.onnx").write_bytes(proto.SerializeToString())
    request = {"path": str(tmp_path / "a.onnx"), "name": "a.onnx"}
    assert onnx_file.prepare(request, tmp_path) == (None, 1, 8, 8)
    monkeypatch.setattr(onnx_file, "MOST_COPIES", 1e-6)
    with pytest.raises(CheckpointError, match="uses its weights too many times"):
        onnx_file.prepare(request, tmp_path)
