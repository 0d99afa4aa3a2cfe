"""Versions of operators, and which of them onnx2torch may take for an earlier one."""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, Final

from trivet.errors import CheckpointError
from trivet.security.reading.onnx.graph import keep, misread, named, opset_of, without, without_weights
from trivet.wording import quote

__all__ = ["NOOP", "PADDING", "PLACED", "REDUCTIONS", "later_versions", "refuse_unknown", "upgrade"]

#: Reductions, whose axes became an input with version 18.
REDUCTIONS: Final = frozenset(
    f"Reduce{kind}" for kind in ("Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSum", "LogSumExp")
)
#: Says that a reduction without axes reduces none, and what such a one still does to each number.
NOOP: Final = "noop_with_empty_axes"
#: Operators of which the versions after 13 take more types of numbers, and what else some of these added.
WIDENED: Final[dict[str, str | None]] = {
    **dict.fromkeys(("Identity", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Size", "Constant", "Cast")),
    **dict.fromkeys(("ConstantOfShape", "MaxPool", "GlobalAveragePool", "GlobalMaxPool", "Conv", "Relu")),
    **dict.fromkeys(("LeakyRelu", "Sigmoid", "Tanh", "HardSwish", "HardSigmoid", "Equal", "Where", "Pow")),
    **dict.fromkeys(
        ("Add", "Sub", "Mul", "Div", "Sqrt", "MatMul", "Gemm", "Concat", "Softmax", "Elu", "Split")
    ),
    **dict.fromkeys(("Shape", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "ConvTranspose", "Round", "Selu")),
    **dict.fromkeys(("InstanceNormalization", "IsInf", "IsNaN", "EyeLike", "GreaterOrEqual", "LessOrEqual")),
    **dict.fromkeys(("Softplus", "Softsign", "Pad", "Resize")),
    "Reshape": "allowzero",
    "AveragePool": "dilations",
    "ScatterND": "reduction",
}
#: Inputs of a `Pad` that has no axes of its own.
PADDING: Final = 3
#: The oldest version that the widened ones go back to.
UNIFIED: Final = 13

#: The first version of these operators that onnx2torch converts as ONNX means it.
CONVERTED: Final = {
    **dict.fromkeys(("Slice", "TopK", "Upsample"), 10),
    **dict.fromkeys(("ArgMax", "ArgMin", "Pad", "Resize"), 11),
    "IsNaN": UNIFIED,
}
#: The oldest version that ONNX's own converter takes up, and from which on onnx2torch has most operators.
OLDEST, COMMON = 7, 9
#: The first version of a `Pad` whose widths are an input, and of a `Resize` that says where a pixel comes
#: from, before it the one to its left.
PLACED: Final = 11


def upgrade(onnx: Any, model: Any, name: str) -> None:
    """Let ONNX write the operators of an old file in a later version, where onnx2torch needs that."""
    opset = opset_of(model)
    old = opset < COMMON or any(opset < CONVERTED.get(node.op_type, COMMON) for node in model.graph.node)
    if not OLDEST <= opset < UNIFIED or not old:
        return
    if any(node.op_type == "BatchNormalization" and named(node, "spatial") == 0 for node in model.graph.node):
        raise misread(name, "BatchNormalization of each pixel")
    held = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Resize" and opset < PLACED:
            _refuse_fractions(onnx, held.get(node.input[1]), name)
    try:
        newer = onnx.version_converter.convert_version(without_weights(onnx, model), UNIFIED)
    except Exception:  # noqa: BLE001 - it complains in many ways; what onnx2torch does not convert is named
        return
    if opset < PLACED:
        for node in newer.graph.node:
            if node.op_type == "Resize":
                _place(onnx, node)
    model.graph.initializer.extend(each for each in newer.graph.initializer if each.name not in held)
    keep(model.graph, newer.graph.node)
    del model.opset_import[:]
    model.opset_import.extend(newer.opset_import)
    model.ir_version = max(model.ir_version, newer.ir_version)


def _refuse_fractions(onnx: Any, scales: Any, name: str) -> None:
    """Refuse a resize to less that picks pixels at places that runtimes round in different ways."""
    factors = [0.0] if scales is None else onnx.numpy_helper.to_array(scales).tolist()
    if any(factor < 1 and (factor == 0 or (1 / factor) % 1) for factor in factors):
        raise misread(name, "Resize of version 10 to a part of the size")


def _place(onnx: Any, node: Any) -> None:
    """Say of a resize where a pixel comes from."""
    for key, value in (("coordinate_transformation_mode", "asymmetric"), ("nearest_mode", "floor")):
        without(node, key)
        node.attribute.append(onnx.helper.make_attribute(key, value))


#: Operators that a message names.
SHOWN: Final = 4


@contextmanager
def later_versions(onnx: Any, model: Any) -> Generator[None]:
    """Let onnx2torch convert later versions of operators that differ from an earlier one in nothing here.

    Its converters are those of the whole process, and the next network may use what was added to an operator.
    """
    registry = import_module("onnx2torch.node_converters.registry")
    converters: dict[Any, Any] = registry._CONVERTER_REGISTRY  # noqa: SLF001 - it has no way to take one out
    own = dict(converters)
    for operator, (versions, converter) in import_module("trivet.security.reading.onnx.modules").OWN.items():
        for version in versions:
            converters[registry.OperationDescription("", operator, version)] = converter
    opset = opset_of(model)
    operators = {node.op_type for node in model.graph.node} & (REDUCTIONS | WIDENED.keys())
    for operator in operators - {node.op_type for node in model.graph.node if _says_more(node)}:
        since = onnx.defs.get_schema(operator, opset).since_version
        oldest = 1 if operator in REDUCTIONS else UNIFIED
        for version in range(since, oldest - 1, -1):
            with suppress(NotImplementedError):
                converter = registry.get_converter(operator, version)
                if version != since:
                    registry.add_converter(operator, since)(converter)
                break
    try:
        yield
    finally:
        converters.clear()
        converters.update(own)


def refuse_unknown(model: Any, name: str) -> None:
    """Refuse a network with operators that onnx2torch does not convert."""
    registry = import_module("onnx2torch.node_converters.registry")
    opset, unknown = opset_of(model), []
    for operator in dict.fromkeys(node.op_type for node in model.graph.node):
        try:
            registry.get_converter(operator, opset)
        except NotImplementedError:
            unknown.append(operator)
    if unknown:
        shown = ", ".join(map(quote, unknown[:SHOWN])) + (" and others" if unknown[SHOWN:] else "")
        raise CheckpointError(
            f"{name} was refused: it has operators that are not read as they stand in it: {shown} (ONNX "
            f"{opset}). Give its state dict, and --arch for the code of its network."
        )


def _says_more(node: Any) -> bool:
    """Return True if an operator uses what a version after 13 added to it."""
    if node.op_type == "Pad":
        return len(node.input) > PADDING and node.input[PADDING] != ""
    added = WIDENED.get(node.op_type)
    return any(each.name == added and _is_set(each) for each in node.attribute)


def _is_set(attribute: Any) -> bool:
    """Return True if an attribute says something else than its default: a number but 0, or numbers but 1."""
    return bool(attribute.i) or any(number != 1 for number in attribute.ints)
