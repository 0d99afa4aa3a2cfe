"""Operators as formulas of others."""

from typing import Any, Final

from trivet.security.reading.onnx.graph import misread, named, settings

__all__ = ["written_out"]

#: Operators in those of version 13, as ONNX defines them: of x, a scale s and an offset b they make y.
#: An operator has the attributes that it names; `length` is that of the scale.
IN_OTHERS: Final = {
    "Mish": "a = Softplus (x) t = Tanh (a) y = Mul (x, t)",
    "Swish": """
        a = Constant <value: tensor = float {%(alpha)r}> () t = Mul (a, x) g = Sigmoid (t) y = Mul (x, g)""",
    "Gelu": """
        root = Constant <value: tensor = float {1.4142135623730951}> ()
        one = Constant <value: tensor = float {1.0}> ()
        half = Constant <value: tensor = float {0.5}> ()
        a = Div (x, root) e = Erf (a) t = Add (e, one) g = Mul (t, half) y = Mul (x, g)""",
    "Gelu, tanh": """
        root = Constant <value: tensor = float {0.7978845608028654}> ()
        third = Constant <value: tensor = float {0.044715}> ()
        one = Constant <value: tensor = float {1.0}> ()
        half = Constant <value: tensor = float {0.5}> ()
        square = Mul (x, x) cube = Mul (square, x) a = Mul (third, cube) c = Add (x, a) d = Mul (root, c)
        e = Tanh (d) t = Add (e, one) g = Mul (t, half) y = Mul (x, g)""",
    "ThresholdedRelu": """
        a = Constant <value: tensor = float {%(alpha)r}> () none = Constant <value: tensor = float {0.0}> ()
        above = Greater (x, a) y = Where (above, x, none)""",
    "Shrink": """
        least = Constant <value: tensor = float {%(lambd)r}> () less = Neg (least)
        bias = Constant <value: tensor = float {%(bias)r}> () none = Constant <value: tensor = float {0.0}> ()
        up = Add (x, bias) down = Sub (x, bias) below = Less (x, less) above = Greater (x, least)
        rest = Where (above, down, none) y = Where (below, up, rest)""",
    "DepthToSpace": """
        apart = Constant <value: tensor = int64[6] {0, 0, 0, %(blocksize)d, %(blocksize)d, -1}> ()
        rows = Constant <value: tensor = int64[5] {0, 0, 0, 0, -1}> ()
        columns = Constant <value: tensor = int64[4] {0, 0, 0, -1}> ()
        a = Transpose <perm = [0, 2, 3, 1]> (x) c = Reshape (a, apart)
        d = Transpose <perm = [0, 5, 2, 4, 1, 3]> (c) e = Reshape (d, rows)
        f = Transpose <perm = [0, 1, 4, 2, 3]> (e) y = Reshape (f, columns)""",
    "SpaceToDepth": """
        columns = Constant <value: tensor = int64[5] {0, 0, 0, -1, %(blocksize)d}> ()
        rows = Constant <value: tensor = int64[6] {0, 0, 0, 0, -1, %(blocksize)d}> ()
        whole = Constant <value: tensor = int64[4] {0, 0, 0, -1}> ()
        a = Reshape (x, columns) c = Transpose <perm = [0, 1, 3, 4, 2]> (a) d = Reshape (c, rows)
        e = Transpose <perm = [0, 4, 2, 5, 3, 1]> (d) f = Reshape (e, whole)
        y = Transpose <perm = [0, 3, 1, 2]> (f)""",
    "GlobalMaxPool": "y = ReduceMax <axes = %(pixels)s, keepdims = 1> (x)",
    "MeanVarianceNormalization": """
        tiny = Constant <value: tensor = float {1e-9}> () m = ReduceMean <axes = %(axes)s, keepdims = 1> (x)
        a = Sub (x, m) c = Mul (a, a) v = ReduceMean <axes = %(axes)s, keepdims = 1> (c)
        d = Sqrt (v) e = Add (d, tiny) y = Div (a, e)""",
    "LpNormalization": """
        tiny = Constant <value: tensor = float {1e-30}> ()
        n = ReduceL%(p)d <axes = [%(axis)d], keepdims = 1> (x) m = Max (n, tiny) y = Div (x, m)""",
    "RMSNormalization": """
        tiny = Constant <value: tensor = float {%(epsilon)r}> () a = Mul (x, x)
        m = ReduceMean <axes = [%(axis)d], keepdims = 1> (a) c = Add (m, tiny) d = Sqrt (c) e = Div (x, d)
        y = Mul (e, s)""",
    "GroupNormalization": """
        flat = Constant <value: tensor = int64[3] {0, %(num_groups)d, -1}> ()
        rows = Constant <value: tensor = int64[3] {0, %(length)d, -1}> ()
        column = Constant <value: tensor = int64[2] {-1, 1}> ()
        tiny = Constant <value: tensor = float {%(epsilon)r}> ()
        f = Reshape (x, flat) m = ReduceMean <axes = [2], keepdims = 1> (f) a = Sub (f, m) c = Mul (a, a)
        v = ReduceMean <axes = [2], keepdims = 1> (c) d = Add (v, tiny) e = Sqrt (d) n = Div (a, e)
        r = Reshape (n, rows) w = Reshape (s, column) o = Reshape (b, column) p = Mul (r, w) q = Add (p, o)
        shape = Shape (x) y = Reshape (q, shape)""",
}


#: Operators on all axes but those of images and channels.
OVER_PIXELS: Final = frozenset({"GlobalAveragePool", "GlobalMaxPool"})


def written_out(onnx: Any, node: Any, opset: int, scale: Any, rank: int | None, name: str) -> list[Any]:
    """Return a node, or those that compute the same by other operators."""
    if node.op_type in OVER_PIXELS and rank is None:
        raise misread(name, f"{node.op_type} of what has an unknown number of axes")
    if node.op_type not in IN_OTHERS or named(node, "mode") == b"CRD":  # as PyTorch's pixel_shuffle
        return [node]
    says = settings(onnx, node, opset)
    says |= {"length": 0 if scale is None else scale.size, "pixels": list(range(2, rank or 0))}
    kind = f"{node.op_type}, tanh" if says.get("approximate") == b"tanh" else node.op_type
    if (kind == "GroupNormalization" and scale is None) or (
        kind == "RMSNormalization" and says["axis"] != -1
    ):
        return [node]
    text = IN_OTHERS[kind] % says
    ours = dict(zip(("x", "s", "b"), node.input, strict=False)) | {"y": node.output[0]}
    made = list(
        onnx.parser.parse_graph(f"a (float[n] x, float[n] s, float[n] b) => (float[n] y) {{{text}}}").node
    )
    for step, each in enumerate(made):
        each.name = f"{node.name}_{step}"
        each.input[:] = [ours.get(key, f"{node.name}_{key}") for key in each.input]
        each.output[:] = [ours.get(key, f"{node.name}_{key}") for key in each.output]
    return made
