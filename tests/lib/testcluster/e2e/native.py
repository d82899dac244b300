"""The native node with KServe's stand-in on it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from testcluster import isvc_crd, waiting
from testcluster.api import Api
from testcluster.e2e.cluster import Cluster
from testcluster.errors import ClusterError, tail
from testcluster.native import NativeNode, images
from testcluster.native.layout import INITIALIZER_IMAGE
from testcluster.tools import cache_folder

TESTS = Path(__file__).resolve().parents[3]
STANDIN_SECONDS = 60.0
T = TypeVar("T")


class NativeCluster(Cluster):
    """A fresh node for one test session."""

    kind = "native"
    has_busybox = True
    can_fake_gpus = True
    takes_images = True

    def __init__(self) -> None:
        self.node = NativeNode()
        self.kubeconfig = self.node.kubeconfig
        self._standin: subprocess.Popen[bytes] | None = None
        self._images: dict[str, str] = {}
        self.node.up()
        try:
            self.call(self._install_crd)
            self._start_standin()
        except BaseException:
            self.close()
            raise

    def _install_crd(self) -> None:
        with Api(self.kubeconfig) as api:
            isvc_crd.install(api)

    def _start_standin(self) -> None:
        log = self.node.layout.logs / "kserve-standin.log"
        paths = os.pathsep.join([str(TESTS / "e2e"), str(TESTS / "lib")])
        with log.open("wb") as output:
            self._standin = subprocess.Popen(
                self.command([sys.executable, "-m", "kserve_standin"]),
                env=os.environ | {"PYTHONPATH": paths, "STANDIN_STORAGE_INITIALIZER": INITIALIZER_IMAGE},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        waiting.eventually(self._standin_ready, STANDIN_SECONDS, "the KServe stand-in is ready")

    def _standin_ready(self) -> bool:
        log = self.node.layout.logs / "kserve-standin.log"
        if self._standin is None or self._standin.poll() is not None:
            raise ClusterError("the KServe stand-in has ended", "its log says why", tail(log))
        return "ready" in log.read_text()

    @property
    def ingress(self) -> str:
        return self.node.ingress_address

    def images(self) -> dict[str, str]:
        if not self._images:
            built = images.build()
            for image in built.values():
                self.node.load_image(image.archive)
            self._images = {name: image.reference for name, image in built.items()}
        return self._images

    def image_on_predictor(self, context: Path) -> str:
        reference = f"localhost/{context.name}:e2e"
        with tempfile.TemporaryDirectory(dir=cache_folder()) as folder:
            archive = Path(folder) / "image.tar"
            images.build_on(images.build(["predictor"])["predictor"], context, reference, archive)
            self.node.load_image(archive)
        return reference

    def name_image(self, program: str, name: str) -> None:
        self.node.name_image(self.images()[program], name)

    def command(self, command: Sequence[str | Path]) -> list[str]:
        return self.node.command(command)

    def call(self, function: Callable[[], T]) -> T:
        return self.node.call(function)

    def set_gpus(self, count: int, resource: str = "nvidia.com/gpu") -> None:
        self.node.set_gpus(count, resource)

    def close(self) -> None:
        if self._standin is not None:
            self._standin.terminate()
            try:
                self._standin.wait(10)
            except subprocess.TimeoutExpired:
                self._standin.kill()
                self._standin.wait()
        self.node.down()
