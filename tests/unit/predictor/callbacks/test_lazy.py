"""A predictor that sends no callback does not pay for the client."""

import subprocess
import sys

PROGRAM = """
import sys
from gpux_predictor.callbacks.sender import Sender
from gpux_predictor.callbacks.signing import Signer
from gpux_predictor.callbacks.target import Allowed
Sender(Signer("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Allowed(), 15.0)
loaded = {"httpcore", "certifi", "h11", "anyio"} & set(sys.modules)
assert not loaded, loaded
"""


def test_httpcore_comes_with_the_first_callback() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
