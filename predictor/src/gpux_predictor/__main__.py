"""`gpux-predictor`: serve a GpuxModel on this machine, try it, or predict a table with it."""

import os

import click

from gpux_predictor.cli import batch, bench, check, completion, gpux_yml, serve


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gpux-predictor")
@click.pass_context
def main(context: click.Context) -> None:
    """Serve ONNX models described by GpuxModel manifests."""
    if os.environ.get("NO_COLOR"):  # no-color.org; click does not look
        context.color = False


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
