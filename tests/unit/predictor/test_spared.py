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


WITHOUT = """
import sys

class Gone:
    def find_spec(self, name, path=None, target=None):
        gone = ("kubernetes", "pandas", "grpc_tools", "setuptools", "pkg_resources", "distutils", "_distutils_hack")
        if name.split(".")[0] in gone or name in ("pyarrow._flight", "pyarrow._s3fs"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Gone())

import botocore.loaders

load = botocore.loaders.Loader.load_service_model
def kept(self, service_name, *args, **kwargs):
    if service_name.split("-")[0] not in ("s3", "sts", "sso", "signin"):
        raise AssertionError(service_name)
    return load(self, service_name, *args, **kwargs)
botocore.loaders.Loader.load_service_model = kept

import boto3
boto3.client("s3", region_name="eu-west-1")
boto3.resource("s3", region_name="eu-west-1")
boto3.client("sts", region_name="eu-west-1")
import gpux_predictor.run
import gpux_predictor.precomputed.command
import pyarrow.csv
import pyarrow.parquet
import kserve_storage
"""


def test_the_image_works_without_what_its_dockerfile_removes() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
