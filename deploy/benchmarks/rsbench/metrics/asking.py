"""A question to the server from the command line: start-up, connection, answer, end."""

from . import cli

HELP = "wall time of a command that asks the server one question (the `asking` template)"
NEEDS = ("asking",)


def measure(target, options):
    return cli.runs(target, "asking", options)
