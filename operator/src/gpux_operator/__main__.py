"""The command `gpux-operator`."""

import os

import click

from gpux_operator.cli import check, completion, render, run, validate


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gpux-operator")
@click.pass_context
def main(context: click.Context) -> None:
    """Serve ONNX models with KServe: reconciles GpuxModel resources."""
    if os.environ.get("NO_COLOR"):  # no-color.org; click does not look
        context.color = False


for _command in (
    render.render_command,
    validate.validate_command,
    check.check_command,
    completion.completion_command,
    run.run_command,
):
    main.add_command(_command)


if __name__ == "__main__":
    main()
