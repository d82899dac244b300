"""`gpux-predictor`: serve a GpuxModel on this machine, try it, or predict a table with it."""

import click

from gpux_predictor.cli import batch, bench, check, completion, gpux_yml, serve


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gpux-predictor")
def main() -> None:
    """Serve ONNX models described by GpuxModel manifests."""


for _command in (
    serve.serve,
    check.check_command,
    bench.bench_command,
    batch.batch,
    gpux_yml.import_command,
    completion.completion,
):
    main.add_command(_command)


if __name__ == "__main__":
    main()
