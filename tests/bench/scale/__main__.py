"""`make bench-operator`: writes docs/scale.md."""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from tests.bench.machine import processor

from . import measure, report
from .cluster import Operator, apply, control_plane, names

PAGE = Path(__file__).parents[3] / "docs" / "scale.md"
RESYNC_SECONDS = 60


def main() -> int:
    """Runs it; 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--change-seconds", type=float, default=30.0)
    parser.add_argument("--change-rate", type=float, default=20.0, help="changes per second")
    parser.add_argument("--page", type=Path, default=PAGE)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gpux-scale-") as folder, control_plane(Path(folder)) as plane:
        wanted = names(chosen.models)
        apply(plane.api, wanted)
        load = os.getloadavg()[0]
        operator = Operator(plane, Path(folder) / "operator.log", f"--resync-seconds={RESYNC_SECONDS}")
        try:
            record = {
                "machine": {**processor(), "load": load},
                "converge": measure.converge(plane, operator, len(wanted)),
                "resync": measure.resync(operator, len(wanted)),
                "changes": measure.changes(plane, chosen.change_seconds, chosen.change_rate),
                "memory": {"peak_mib": operator.memory_mib(), "resident_mib": operator.resident_mib()},
            }
        except BaseException:
            print((Path(folder) / "operator.log").read_text()[-4000:], file=sys.stderr)
            raise
        finally:
            operator.stop()
    print(json.dumps(record, indent=1))
    chosen.page.write_text(report.render(record))
    return 0 if report.met(record) else 1


if __name__ == "__main__":
    sys.exit(main())
