import unittest
from typing import Any

from clients import client_of, request
from gql import Client
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXTransport
from support import URL, unique

CREATE = "mutation Create($input: CreateTaskInput!) { createTask(input: $input) { task { id version } } }"
UPDATE = """
mutation Update($id: ID!, $version: Int!) {
  updateTask(id: $id, input: { isPublic: true }, expectedVersion: $version) { task { id } }
}
"""
CHAPTERS = "{ chapters(first: 50) { nodes { slug requiredTier } } }"
CHAPTER = "query Chapter($slug: String!) { chapter(slug: $slug) { title personalized { body } } }"


class Errors(unittest.TestCase):
    def failure(self, client: Client, document: str, **variables: Any) -> tuple[dict[str, Any], Any]:
        """The only error of the request, and its data."""
        with client as session, self.assertRaises(TransportQueryError) as raised:
            session.execute(request(document, **variables))
        errors = raised.exception.errors or []
        self.assertEqual(len(errors), 1)
        return errors[0], raised.exception.data

    def test_input_error_has_all_problems(self) -> None:
        error, data = self.failure(client_of("free"), CREATE, input={"title": "", "tags": ["x" * 41]})
        self.assertEqual(error["extensions"]["code"], "BAD_USER_INPUT")
        problems = {problem["path"]: problem for problem in error["extensions"]["problems"]}
        self.assertEqual(problems.keys(), {"input.title", "input.tags.0"})
        self.assertEqual(problems["input.title"]["problem"], "REQUIRED")
        self.assertEqual((problems["input.tags.0"]["problem"], problems["input.tags.0"]["limit"]), ("TOO_LONG", 40))
        self.assertEqual(data, {"createTask": None})

    def test_variable_of_a_wrong_type_is_a_problem(self) -> None:
        error, _ = self.failure(client_of("free"), CREATE, input={"title": 1})
        self.assertEqual(error["extensions"]["code"], "BAD_USER_INPUT")
        kinds = [(problem["path"], problem["problem"]) for problem in error["extensions"]["problems"]]
        self.assertEqual(kinds, [("input.title", "WRONG_TYPE")])

    def test_denied_field_leaves_its_siblings(self) -> None:
        with client_of("free") as session:
            chapters = session.execute(request(CHAPTERS))["chapters"]["nodes"]
        slug = next(chapter["slug"] for chapter in chapters if chapter["requiredTier"] == "premium")
        error, data = self.failure(client_of("free"), CHAPTER, slug=slug)
        self.assertEqual(error["extensions"]["code"], "FORBIDDEN")
        self.assertEqual(error["extensions"]["missing"], ["TIER(premium)"])
        self.assertEqual(error["path"], ["chapter", "personalized"])
        self.assertIsNone(data["chapter"]["personalized"])
        self.assertTrue(data["chapter"]["title"])

    def test_conflict_has_the_current_version(self) -> None:
        with client_of("free") as session:
            created = session.execute(request(CREATE, input={"title": unique("conflict")}))["createTask"]["task"]
        error, _ = self.failure(client_of("free"), UPDATE, id=created["id"], version=created["version"] + 1)
        self.assertEqual(error["extensions"]["code"], "CONFLICT")
        self.assertEqual(error["extensions"]["currentVersion"], created["version"])

    def test_rejected_token_is_an_error_of_graphql(self) -> None:
        client = Client(transport=HTTPXTransport(url=URL, headers={"authorization": "Bearer no.no.no"}))
        error, data = self.failure(client, "{ viewer { id } }")
        self.assertEqual(error["extensions"]["code"], "UNAUTHENTICATED")
        self.assertIsNone(data)
