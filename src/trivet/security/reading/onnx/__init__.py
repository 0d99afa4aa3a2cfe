"""Networks out of ONNX files, written for onnx2torch in the child process of `trivet.work.confined`."""
