"""How large a model's weights are, wherever they are kept."""

import mmap
import re
from pathlib import Path

_EXTERNAL = re.compile(rb"\n\x08location\x12(?:([\x01-\x7f])|([\x80-\xff])([\x01-\x7f]))")
"""`StringStringEntryProto` (onnx.proto) with the key `location`, up to its value: the length of a path, in one byte or two."""


def size(file: Path) -> int:
    """The bytes of an ONNX file and of the files beside it that it keeps tensors in (`TensorProto.external_data`)."""
    if not file.stat().st_size:
        return 0
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        names = {_name(content, found) for found in _EXTERNAL.finditer(content)}
    files = {file.parent / name.decode() for name in names if _is_name(name)}
    return sum(each.stat().st_size for each in {file, *files} if each.is_file())


def _name(content: mmap.mmap, found: "re.Match[bytes]") -> bytes:
    short, low, high = found.groups()
    length = short[0] if short else (low[0] & 0x7F) | high[0] << 7
    return content[found.end() : found.end() + length]


def _is_name(name: bytes) -> bool:
    """Whether it is text: weights may look like anything."""
    try:
        return name.decode().isprintable()
    except UnicodeDecodeError:
        return False
