"""`python -m chartfiles` writes the generated files; with `--check` it says which are stale."""

import sys

from chartfiles import CHART, generated

stale = {path: text for path, text in generated().items() if not path.exists() or path.read_text() != text}
if "--check" in sys.argv:
    for path in stale:
        print(f"{path.relative_to(CHART.parents[1])} is stale: run 'make chart'", file=sys.stderr)
    sys.exit(1 if stale else 0)
for path, text in stale.items():
    path.write_text(text)
