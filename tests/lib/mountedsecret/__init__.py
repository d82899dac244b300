"""A Secret as the kubelet mounts it: files that are symlinks through `..data`, which one rename swaps to a new version.

As kubernetes/pkg/volume/util/atomic_writer.go does it.
"""

import itertools
import shutil
from pathlib import Path

_VERSIONS = itertools.count(1)


def mount(folder: Path, files: dict[str, str | bytes]) -> Path:
    """Brings the folder to these files, all at once."""
    folder.mkdir(exist_ok=True)
    made = folder / f"..2030_01_01_{next(_VERSIONS)}"
    made.mkdir()
    for name, content in files.items():
        (made / name).write_bytes(content.encode() if isinstance(content, str) else content)
    data, old = folder / "..data", (folder / "..data").resolve() if (folder / "..data").is_symlink() else None
    new = folder / "..data_tmp"
    new.symlink_to(made.name)
    new.replace(data)
    for path in folder.iterdir():
        if path.is_symlink() and not path.name.startswith("..") and path.name not in files:
            path.unlink()
    for name in files:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    if old is not None:
        shutil.rmtree(old)
    return folder
