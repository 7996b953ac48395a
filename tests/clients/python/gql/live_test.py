import asyncio
import unittest
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from clients import client_of, live_client, request
from gql.transport.exceptions import TransportConnectionFailed, TransportQueryError
from support import credentials, unique
from websockets.exceptions import ConnectionClosedError

EVENTS = "subscription Events($since: String) { taskEvents(since: $since) { kind sequence task { title } } }"
CREATE = "mutation Create($title: String!) { createTask(input: { title: $title }) { task { id } } }"
# Seconds until an event must have arrived.
LIMIT = 15

Events = AsyncGenerator[dict[str, Any], None]


def create(title: str) -> None:
    with client_of("free") as session:
        session.execute(request(CREATE, title=title))


@asynccontextmanager
async def events_since(sequence: str) -> AsyncGenerator[Events, None]:
    subscription = request(EVENTS, since=sequence)
    async with live_client(credentials("free")) as session, aclosing(session.subscribe(subscription)) as events:
        yield events


async def begin(events: Events) -> None:
    """Waits until the server sends events. Of an unknown sequence, the first one is RESYNC."""
    async with asyncio.timeout(LIMIT):
        assert (await anext(events))["taskEvents"]["kind"] == "RESYNC"


async def event_of(events: Events, title: str) -> dict[str, Any]:
    """The event of the task with this title, after those of other tests."""
    async with asyncio.timeout(LIMIT):
        async for result in events:
            event: dict[str, Any] = result["taskEvents"]
            if event["task"] is not None and event["task"]["title"] == title:
                return event
    raise AssertionError("the subscription ended")


class Live(unittest.IsolatedAsyncioTestCase):
    async def test_subscription_receives_a_mutation(self) -> None:
        title = unique("live")
        async with events_since("") as events:
            await begin(events)
            await asyncio.to_thread(create, title)
            self.assertEqual((await event_of(events, title))["kind"], "CREATED")

    async def test_later_subscription_receives_what_it_missed(self) -> None:
        first, missed = unique("first"), unique("missed")
        async with events_since("") as events:
            await begin(events)
            await asyncio.to_thread(create, first)
            sequence = (await event_of(events, first))["sequence"]
        await asyncio.to_thread(create, missed)
        async with events_since(sequence) as events:
            self.assertEqual((await event_of(events, missed))["kind"], "CREATED")

    async def test_query_runs_over_the_socket(self) -> None:
        async with live_client(credentials("free")) as session:
            self.assertEqual(await session.execute(request("{ me { method } }")), {"me": {"method": "JWT"}})

    async def test_anonymous_subscription_has_a_code(self) -> None:
        with self.assertRaises(TransportQueryError) as raised:
            async with live_client({}) as session:
                await anext(session.subscribe(request(EVENTS)))
        errors = raised.exception.errors or []
        self.assertEqual([error["extensions"]["code"] for error in errors], ["UNAUTHENTICATED"])

    async def test_rejected_token_closes_the_socket(self) -> None:
        with self.assertRaises(TransportConnectionFailed) as raised:
            async with live_client({"authorization": "Bearer no.no.no"}):
                self.fail("the socket was accepted")
        closed = raised.exception.__cause__
        assert isinstance(closed, ConnectionClosedError) and closed.rcvd is not None
        self.assertEqual(closed.rcvd.code, 4401)
