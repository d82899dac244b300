"""What the server does not import, and that it can be imported all the same afterwards."""

import subprocess
import sys

PROGRAM = """
import sys
import gpux_predictor.run
from gpux_predictor.kserving.spared import UNUSED
loaded = [name for name in sys.modules if any(f"{name}.".startswith(f"{unused}.") for unused in UNUSED)]
assert loaded == [], loaded
import pandas
from kserve.models.v1beta1_inference_service import V1beta1InferenceService
assert pandas.DataFrame({"a": [1, 2]}).a.sum() == 3
assert V1beta1InferenceService(kind="InferenceService").kind == "InferenceService"
"""


def test_what_the_server_does_not_use_is_not_loaded() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
