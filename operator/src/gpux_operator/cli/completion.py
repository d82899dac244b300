"""`gpux-operator completion`: the script with which a shell completes commands and options."""

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion_command(context: click.Context, shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    In ~/.bashrc: eval "$(gpux-operator completion bash)"
    In ~/.zshrc, after compinit: eval "$(gpux-operator completion zsh)"
    In ~/.config/fish/config.fish: gpux-operator completion fish | source
    """
    script = get_completion_class(shell)
    if script is None:  # pragma: no cover  (click has all three)
        raise click.ClickException(f"this version of click knows no {shell}: upgrade click")
    click.echo(script(context.find_root().command, {}, "gpux-operator", "_GPUX_OPERATOR_COMPLETE").source())
