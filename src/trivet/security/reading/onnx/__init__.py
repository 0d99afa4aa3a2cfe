"""Networks out of ONNX files, written for onnx2torch in the child process of `trivet.work.confined`."""

from trivet.security.reading.onnx.file import prepare, read_onnx, refuse_heavy
from trivet.security.reading.onnx.program import Program, Sizes, arranged

__all__ = ["Program", "Sizes", "arranged", "prepare", "read_onnx", "refuse_heavy"]
