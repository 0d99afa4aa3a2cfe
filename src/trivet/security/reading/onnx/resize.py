"""Resizes of images in PyTorch's words, refused where it has none."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from trivet.security.reading.onnx.constants import hold
from trivet.security.reading.onnx.graph import misread, settings
from trivet.security.reading.onnx.program import AXES
from trivet.security.reading.onnx.sizes import Sizes

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
#: The axes of an image.
PIXELS: Final = [2, 3]
#: Up to which factor PyTorch finds the nearest pixel without an error of rounding.
MOST_WHOLE: Final = 40
#: How near a size has to be to a whole number, for runtimes not to differ in what they make of it.
NEAR: Final = 1e-3


def resized(onnx: Any, graph: Any, node: Any, held: dict[str, Any], known: Sizes, name: str) -> list[Any]:
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
    says |= {"coordinate_transformation_mode": where, "nearest_mode": rounded}
    for key in ("mode", "coordinate_transformation_mode", "nearest_mode"):
        node.attribute.append(onnx.helper.make_attribute(key, says[key]))
    axes = [axis % AXES for axis in says.get("axes", range(AXES))]
    found = known.get(node.input[0], [])
    if "axes" in says and (len(found) != AXES or axes != PIXELS):
        raise misread(name, "Resize of other axes than height and width")
    if not factors:
        _refuse_rounded(says, found[2:], known.get(node.output[0], [])[2:], name)
        return [node] if axes != PIXELS else _with_images(onnx, graph, node, node.input[3])
    factors = [1.0, 1.0, *factors] if axes == PIXELS else factors
    return _by_factors(onnx, graph, node, factors, found, says, name)


def _by_factors(
    onnx: Any,
    graph: Any,
    node: Any,
    factors: list[float],
    found: list[int | None],
    says: dict[str, Any],
    name: str,
) -> list[Any]:
    """Write a resize by factors: whole ones as they are, others as the sizes that they come to."""
    before, by = found[2:], factors[2:]
    after = [_whole(size, factor) for size, factor in zip(before, by, strict=len(found) == len(factors))]
    _refuse_rounded(says, before, after, name)
    if all(factor % 1 == 0 and 1 <= factor <= MOST_WHOLE for factor in factors):
        node.input[2] = hold(onnx, graph, f"{node.name}_scales", factors)
        return [node]
    sizes = [size for size in after if size]
    if factors[:2] != [1, 1] or len(sizes) != len(by):
        raise misread(name, f"Resize by {', '.join(f'{factor:.4g}' for factor in factors)} of an image")
    node.input[:] = [node.input[0], "", "", ""]
    return _with_images(onnx, graph, node, hold(onnx, graph, f"{node.name}_pixels", sizes))


def _whole(size: int | None, factor: float) -> int | None:
    """Return a size times a factor, where it is known and whole."""
    found = 0.5 if size is None else size * factor
    return round(found) if abs(found - round(found)) < NEAR else None


def _refuse_rounded(
    says: dict[str, Any], before: Sequence[int | None], after: Sequence[int | None], name: str
) -> None:
    """Refuse sizes between which PyTorch takes other pixels than ONNX says, by rounding or for one alone."""
    alone = says["coordinate_transformation_mode"] == b"pytorch_half_pixel"
    for size, other in zip(before, after, strict=False):
        if size is None or other is None:
            continue
        places = np.arange(other)
        taken = np.floor(places.astype(np.float32) * (np.float32(size) / np.float32(other)))
        rounded = says["mode"] == b"nearest" and (taken != places * size // other).any()
        if rounded or (alone and other == 1 != size):
            raise misread(name, f"Resize of {size} pixels to {other}")


def _with_images(onnx: Any, graph: Any, node: Any, pixels: str) -> list[Any]:
    """Give the sizes of an image those of the batch and of its channels, which are not known before."""
    make, own = onnx.helper.make_node, node.name
    first, end = hold(onnx, graph, f"{own}_start", [0]), hold(onnx, graph, f"{own}_end", [2])
    node.input[3] = f"{own}_sizes"
    return [
        make("Shape", [node.input[0]], [f"{own}_shape"], name=f"{own}_a"),
        make("Slice", [f"{own}_shape", first, end], [f"{own}_first"], name=f"{own}_b"),
        make("Concat", [f"{own}_first", pixels], [node.input[3]], name=f"{own}_c", axis=0),
        node,
    ]
