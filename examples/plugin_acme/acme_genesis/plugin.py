"""What Acme adds. Everything heavy is named here and imported when it is asked for."""

from otp_genesis import Plugin
from otp_genesis.contracts.plugin import Host, Lifecycle, lazy
from otp_genesis.model.frozen import Frozen

from acme_genesis.left_inspect import LeftInspect
from acme_genesis.parrot import Parrot


class Config(Frozen):
    """The table `[plugins.acme]` of genesis.toml."""

    greeting: str = "Hello"
    parrot_says: str = "Squawk"


async def start(host: Host) -> None:
    """Give the parrot its words: the configuration is known now."""
    host.providers.register(Parrot(host.config.parrot_says), replace=True, origin="acme")


plugin = Plugin(
    name="acme",
    version="1.2.0",
    requires="otp-genesis>=0.1",
    steps=(lazy("acme.greet", "acme_genesis.greet:greet"),),
    providers=(Parrot(),),
    rules=(LeftInspect(),),
    functions={"acme_shout": lambda text: f"{text}!".upper()},
    capabilities={"parroting": "says again what it hears"},
    config=Config,
    lifecycle=Lifecycle(start=start),
)
