"""What the Python tests share: addresses, tokens of personas, unique texts."""

import itertools
import json
import os

URL = os.environ["DEVELOPMENT_URL"] + "/graphql"
LIVE_URL = URL.replace("http", "ws", 1) + "/ws"

_tokens: dict[str, str] = json.loads(os.environ["PERSONA_TOKENS"])
_numbers = itertools.count(1)


def credentials(persona: str) -> dict[str, str]:
    """The headers of a persona, which are also the payload of `connection_init`."""
    return {"authorization": f"Bearer {_tokens[persona]}"}


def unique(text: str) -> str:
    """A text that no other test uses."""
    return f"{text} {os.getpid()}-{next(_numbers)}"
