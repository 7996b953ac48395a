"""Clients of gql, as an application makes them. The schema is that of the caller, from the server."""

from typing import Any

from gql import Client, GraphQLRequest
from gql.client import AsyncClientSession
from gql.transport.httpx import HTTPXAsyncTransport, HTTPXTransport
from gql.transport.websockets import WebsocketsTransport
from support import LIVE_URL, URL, credentials


def client_of(persona: str, **options: Any) -> Client:
    transport = HTTPXTransport(url=URL, headers=credentials(persona))
    return Client(transport=transport, fetch_schema_from_transport=True, **options)


def async_client_of(persona: str) -> Client:
    transport = HTTPXAsyncTransport(url=URL, headers=credentials(persona))
    return Client(transport=transport, fetch_schema_from_transport=True)


def live_client(payload: dict[str, str]) -> Client:
    transport = WebsocketsTransport(url=LIVE_URL, init_payload=payload)
    return Client(transport=transport, fetch_schema_from_transport=True)


def request(document: str, **variables: Any) -> GraphQLRequest:
    return GraphQLRequest(document, variable_values=variables)
