"""A provider: it offers capabilities, answers, and says whether it can be asked."""

from otp_genesis.contracts.provider import Health, Reply, Request
from otp_genesis.model.outcome import Usage


class Parrot:
    """Says the last word of the prompt again."""

    name = "acme-parrot"
    capabilities = frozenset(("text", "parroting"))

    def __init__(self, says: str = "Squawk"):
        self.says = says

    async def complete(self, request: Request) -> Reply:
        """Answer with the last word."""
        words = request.prompt.split()
        text = f"{self.says}: {words[-1] if words else '…'}"
        return Reply(text=text, usage=Usage(input_tokens=len(words), output_tokens=2))

    async def check(self) -> Health:
        """It is always there."""
        return Health(True)
