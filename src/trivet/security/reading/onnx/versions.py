"""Versions of operators, and which of them onnx2torch may take for an earlier one."""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, Final

from trivet.security.reading.onnx.graph import DOMAINS

__all__ = ["NOOP", "PADDING", "REDUCTIONS", "later_versions"]

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


@contextmanager
def later_versions(onnx: Any, model: Any) -> Generator[None]:
    """Let onnx2torch convert later versions of operators that differ from an earlier one in nothing here.

    Its converters are those of the whole process, and the next network may use what was added to an operator.
    """
    registry = import_module("onnx2torch.node_converters.registry")
    converters: dict[Any, Any] = registry._CONVERTER_REGISTRY  # noqa: SLF001 - it has no way to take one out
    own = dict(converters)
    opset = next((each.version for each in model.opset_import if each.domain in DOMAINS), 1)
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


def _says_more(node: Any) -> bool:
    """Return True if an operator uses what a version after 13 added to it."""
    if node.op_type == "Pad":
        return len(node.input) > PADDING and node.input[PADDING] != ""
    added = WIDENED.get(node.op_type)
    return any(each.name == added and _is_set(each) for each in node.attribute)


def _is_set(attribute: Any) -> bool:
    """Return True if an attribute says something else than its default: a number but 0, or numbers but 1."""
    return bool(attribute.i) or any(number != 1 for number in attribute.ints)
