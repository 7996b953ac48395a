"""The generated client, as an application makes it, and what tests often do with it."""

from hallpass_client import Client, CreateTaskInput, TaskParts
from support import LIVE_URL, URL, credentials


def client_of(persona: str) -> Client:
    headers = credentials(persona)
    return Client(url=URL, headers=headers, ws_url=LIVE_URL, ws_connection_init_payload=headers)


async def create(client: Client, task: CreateTaskInput) -> TaskParts:
    payload = (await client.create_task(task)).create_task
    assert payload is not None
    return payload.task
