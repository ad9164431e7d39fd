"""The built-in step types, one family a module."""

from otp_genesis.steps import command, control, data, files, gate, prompt

BUILT_IN = (
    *data.STEPS,
    *control.STEPS,
    *files.STEPS,
    *command.STEPS,
    *prompt.STEPS,
    *gate.STEPS,
)
