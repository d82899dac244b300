"""`gpux-crd`: writes the CRD and its reference to files, or checks that they are current."""

import argparse
import sys
from pathlib import Path

import yaml

from gpux_api.crdgen.crd import custom_resource_definition
from gpux_api.crdgen.reference import reference

_HEADER = "# Generated from gpux_api by `make crds`; do not edit.\n"


def plain() -> str:
    """The CRD as YAML for `kubectl apply --server-side -f`."""
    return _HEADER + yaml.safe_dump(custom_resource_definition(), sort_keys=False, width=120)


def chart_template() -> str:
    """The CRD as a Helm template: switched by `crds.enabled`, kept on uninstall by `crds.keep`."""
    crd = custom_resource_definition()
    body = yaml.safe_dump(crd, sort_keys=False, width=10**6)
    head, _, rest = body.partition("metadata:\n")
    keep = "  {{- if .Values.crds.keep }}\n  annotations:\n    helm.sh/resource-policy: keep\n  {{- end }}\n"
    return _HEADER + "{{- if .Values.crds.enabled }}\n" + head + "metadata:\n" + keep + rest + "{{- end }}\n"


def render(path: Path) -> str:
    """What belongs into `path`: a page if it is Markdown, a Helm template below a folder `templates`, plain YAML elsewhere."""
    if path.suffix == ".md":
        return reference()
    return chart_template() if "templates" in path.parts else plain()


def main() -> None:
    """Write or check the files named."""
    parser = argparse.ArgumentParser(prog="gpux-crd", description=__doc__)
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="a Helm template if below a folder 'templates', the reference if *.md",
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is not current")
    options = parser.parse_args()
    stale = [path for path in options.files if not path.exists() or path.read_text() != render(path)]
    if options.check and stale:
        sys.exit(f"gpux-crd: not current: {', '.join(map(str, stale))}: run `make crds` and commit the result")
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(path))
    sys.stdout.write(f"gpux-crd: {len(options.files)} current\n")


if __name__ == "__main__":
    main()
