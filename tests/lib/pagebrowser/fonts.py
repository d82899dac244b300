"""The type of the pictures: the same files on every machine, whatever is installed there.

Chromium on Linux finds fonts by fontconfig, and `FONTCONFIG_FILE` says where it looks. Elsewhere it asks the system.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from testcluster.tools import cache_folder

REQUIREMENTS = Path(__file__).with_name("fonts.txt")
_CONFIG = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{folder}</dir>
  <cachedir>{folder}/cache</cachedir>
  <match target="pattern">
    <edit name="antialias" mode="assign"><bool>true</bool></edit>
    <edit name="hinting" mode="assign"><bool>false</bool></edit>
    <edit name="hintstyle" mode="assign"><const>hintnone</const></edit>
    <edit name="rgba" mode="assign"><const>none</const></edit>
  </match>
</fontconfig>
"""


def environment() -> dict[str, str | float | bool]:
    """What a browser is started with to draw with these fonts alone, which are downloaded once into the cache.

    Raises:
        subprocess.CalledProcessError: pip does not reach its index.
    """
    text = REQUIREMENTS.read_bytes() + _CONFIG.encode()
    folder = cache_folder() / "fonts" / hashlib.sha256(text).hexdigest()[:16]
    if not folder.exists():
        partial = folder.with_suffix(f".{os.getpid()}")
        install = ["install", "--quiet", "--no-deps", "--require-hashes", "-r", str(REQUIREMENTS)]
        subprocess.run([sys.executable, "-m", "pip", *install, "--target", str(partial)], check=True)
        (partial / "fonts.conf").write_text(_CONFIG.format(folder=folder))
        partial.rename(folder)
    return {**os.environ, "FONTCONFIG_FILE": str(folder / "fonts.conf")}
