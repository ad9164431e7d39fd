"""A step type: parameters, a function, a docstring that is its help text."""

from otp_genesis import Context, Ok, Params, step
from otp_genesis.contracts.plugin import CONFIG


class Greet(Params):
    """Parameters of `acme.greet`."""

    who: str
    """Whom to greet."""


@step("acme.greet", examples=["{name: hello, type: acme.greet, who: Ada}"])
async def greet(params: Greet, ctx: Context) -> Ok:
    """Greet somebody with the greeting that genesis.toml names."""
    return Ok(output=f"{ctx.facts[CONFIG]['acme'].greeting}, {params.who}")
