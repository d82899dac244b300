"""`PYTHONPATH=tests/e2e:tests/lib python -m kserve_standin`: runs until it is told to stop. KUBECONFIG says for whom."""

import signal
import sys
from types import FrameType

from . import webhook
from .controller import Controller
from .kube import Kube
from .settings import Settings


def main() -> None:
    """Start the webhooks and the controller; print `ready` when both work."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    settings, kube = Settings(), Kube()
    authority = webhook.start(settings)
    try:
        webhook.register(kube, settings, authority)
        print("kserve_standin: ready", file=sys.stderr, flush=True)
        Controller(settings).run()
    finally:
        webhook.unregister(kube)


if __name__ == "__main__":
    main()
