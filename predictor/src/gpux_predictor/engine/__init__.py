"""ONNX Runtime: which file, which execution provider, one session, one run."""
