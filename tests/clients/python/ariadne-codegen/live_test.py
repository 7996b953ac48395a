import asyncio
import unittest
from collections.abc import AsyncIterator

from calls import client_of, create
from hallpass_client import CreateTaskInput, GraphQLClientGraphQLMultiError, TaskEventKind, TaskEvents
from support import unique
from websockets.exceptions import ConnectionClosedError

# Seconds until an event must have arrived.
LIMIT = 15


async def kind_of(events: AsyncIterator[TaskEvents], title: str) -> TaskEventKind:
    """The kind of the event of the task with this title, after those of other tests."""
    async for received in events:
        event = received.task_events
        if event is not None and event.task is not None and event.task.title == title:
            return event.kind
    raise AssertionError("the subscription ended")


class Live(unittest.IsolatedAsyncioTestCase):
    async def test_subscription_receives_a_mutation(self) -> None:
        title = unique("live")
        async with asyncio.timeout(LIMIT), client_of("free") as client:
            # The first event states that the subscription has begun: its `since` is unknown.
            events = client.task_events(since="")
            begun = (await anext(events)).task_events
            assert begun is not None
            self.assertEqual((begun.kind, begun.task), (TaskEventKind.RESYNC, None))
            await create(client, CreateTaskInput(title=title))
            self.assertEqual(await kind_of(events, title), TaskEventKind.CREATED)

    async def test_anonymous_subscription_has_a_code(self) -> None:
        async with asyncio.timeout(LIMIT), client_of("free") as client:
            client.ws_connection_init_payload = None
            with self.assertRaises(GraphQLClientGraphQLMultiError) as raised:
                await anext(client.task_events())
        self.assertEqual([(error.extensions or {})["code"] for error in raised.exception.errors], ["UNAUTHENTICATED"])

    async def test_rejected_token_closes_the_socket(self) -> None:
        async with asyncio.timeout(LIMIT), client_of("free") as client:
            client.ws_connection_init_payload = {"authorization": "Bearer no.no.no"}
            with self.assertRaises(ConnectionClosedError) as raised:
                await anext(client.task_events())
        assert raised.exception.rcvd is not None
        self.assertEqual(raised.exception.rcvd.code, 4401)
