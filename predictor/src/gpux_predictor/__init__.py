"""The process that serves one ONNX model: `gpux-predictor serve model.yaml`, on a laptop and in a pod alike."""
