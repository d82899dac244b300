"""`python -m testcluster.native.sboms FOLDER` writes the bills of materials of the images, which it builds if need be."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from testcluster.errors import ClusterError
from testcluster.native import archives, images
from testcluster.native.errors import progress

LABEL = "io.gpux.sbom"


def of_image(image: images.Image) -> bytes:
    """The file that the image's label names: CycloneDX JSON."""
    return archives.read(image.archive, archives.config(image.archive)["Labels"][LABEL].lstrip("/"))


def packages(bill: dict[str, Any]) -> dict[str, str]:
    """Name and version of all that a bill has, the program itself too."""
    return {item["name"]: item["version"] for item in [bill["metadata"]["component"], *bill["components"]]}


def main(arguments: Sequence[str]) -> int:
    """Write `gpux-<program>.cdx.json` for each image; the exit status."""
    [folder] = map(Path, arguments)
    try:
        built = images.build()
    except ClusterError as error:
        print(f"node: error: {error}", file=sys.stderr)
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in built.items():
        bill = of_image(image)
        (folder / f"gpux-{name}.cdx.json").write_bytes(bill)
        progress(f"{folder}/gpux-{name}.cdx.json: {len(packages(json.loads(bill)))} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
