"""The models of the benchmark as ONNX graphs, built from weights when they are needed."""
