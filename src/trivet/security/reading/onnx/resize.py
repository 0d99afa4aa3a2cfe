"""Resizes of images in PyTorch's words, refused where it has none."""

from typing import Any, Final

from trivet.security.reading.onnx.constants import hold
from trivet.security.reading.onnx.graph import misread, settings
from trivet.security.reading.onnx.program import AXES

__all__ = ["resized"]

#: How an image is resized in PyTorch: by its words in ONNX, with the number that a cubic needs.
RESIZED: Final = {
    (b"nearest", b"asymmetric", b"floor"),
    *(
        (mode, where, None)
        for mode in (b"linear", b"cubic")
        for where in (b"half_pixel", b"pytorch_half_pixel")
    ),
    *((mode, b"align_corners", None) for mode in (b"linear", b"cubic")),
}
#: What is the same as the first of them where each pixel becomes a whole number of pixels.
WHOLE_STEPS: Final = frozenset(
    {
        *(
            (where, rounded)
            for where in (b"half_pixel", b"pytorch_half_pixel", b"half_pixel_symmetric")
            for rounded in (b"round_prefer_floor", b"round_prefer_ceil")
        ),
        (b"tf_half_pixel_for_nn", b"floor"),
    }
)
CUBIC: Final = -0.75


def resized(
    onnx: Any, graph: Any, node: Any, held: dict[str, Any], known: dict[str, list[int | None]], name: str
) -> list[Any]:
    """Write a resize as version 13 had it, with PyTorch's words; refuse what PyTorch has no words for."""
    says = settings(onnx, node, 19)
    if len(node.input) < 3:  # noqa: PLR2004 - of version 10, which is asymmetric
        if says["mode"] != b"nearest":
            raise misread(name, "Resize of version 10 that is not of the nearest pixel")
        return [node]
    scales = held.get(node.input[2])
    factors = None if scales is None else onnx.numpy_helper.to_array(scales).tolist()
    where, rounded = says["coordinate_transformation_mode"], says["nearest_mode"]
    nearest = says["mode"] == b"nearest"
    if nearest and factors and all(factor >= 1 and factor % 1 == 0 for factor in factors):
        where, rounded = (b"asymmetric", b"floor") if (where, rounded) in WHOLE_STEPS else (where, rounded)
    plain = says["antialias"] == 0 and says["keep_aspect_ratio_policy"] == b"stretch"
    smooth = nearest or (says["exclude_outside"] == 0 and says["cubic_coeff_a"] == CUBIC)
    if (says["mode"], where, rounded if nearest else None) not in RESIZED or not plain or not smooth:
        raise misread(name, f"Resize ({says['mode'].decode()}, {where.decode()})")
    del node.attribute[:]
    for key, value in (
        ("mode", says["mode"]),
        ("coordinate_transformation_mode", where),
        ("nearest_mode", rounded),
    ):
        node.attribute.append(onnx.helper.make_attribute(key, value))
    return (
        [node]
        if "axes" not in says
        else _resize_all(onnx, graph, node, list(says["axes"]), factors, known, name)
    )


def _resize_all(
    onnx: Any,
    graph: Any,
    node: Any,
    axes: list[int],
    factors: list[float] | None,
    known: dict[str, list[int | None]],
    name: str,
) -> list[Any]:
    """Write a resize of an image's height and width alone as one of all its axes."""
    if len(known.get(node.input[0], [])) != AXES or [axis % AXES for axis in axes] != [2, 3]:
        raise misread(name, "Resize of other axes than height and width")
    if factors:
        node.input[2] = hold(onnx, graph, f"{node.name}_scales", [1.0, 1.0, *factors])
        return [node]
    make, own = onnx.helper.make_node, node.name
    sizes, node.input[3] = node.input[3], f"{own}_sizes"
    return [
        make("Shape", [node.input[0]], [f"{own}_first"], name=f"{own}_a", start=0, end=2),
        make("Concat", [f"{own}_first", sizes], [f"{own}_sizes"], name=f"{own}_b", axis=0),
        node,
    ]
