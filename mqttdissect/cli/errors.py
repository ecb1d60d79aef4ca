"""Exit status, and what users see of errors: one line on standard error, never a traceback."""

from __future__ import annotations

import os
import sys

import click

DONE, DAMAGED, UNUSABLE = 0, 1, 2


def run(command: click.Command) -> int:
    """Run a command; its exit status."""
    try:
        status = command.main(prog_name="mqttdissect", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        return closed_pipe()
    except click.UsageError as error:
        complain(f"{error.format_message()} (mqttdissect --help shows how)")
        return UNUSABLE
    except click.ClickException as error:
        complain(error.format_message())
        return UNUSABLE
    except (click.Abort, KeyboardInterrupt):
        return 130
    except OSError as error:
        complain(f"cannot write: {error.strerror or error}")
        close_output()
        return UNUSABLE
    return status if isinstance(status, int) else DONE


def complain(message: str) -> None:
    """One line on standard error."""
    from mqttdissect.output.text import visible

    click.echo(f"mqttdissect: {visible(message)}", err=True)


def closed_pipe() -> int:
    """The reader of our output has gone (`| head`): that is success, and nothing more is written."""
    close_output()
    return DONE


def close_output() -> None:
    """What is still to be written goes nowhere: Python would complain of it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
