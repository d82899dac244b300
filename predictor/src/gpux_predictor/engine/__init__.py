"""ONNX Runtime: which file, which execution provider, one session, one run."""

import os

os.environ.setdefault(
    "ORT_DISABLE_TELEMETRY", "1"
)  # onnxruntime >= 1.29 phones home by default, and reads this when it is imported
