import unittest
from pathlib import Path

from clients import async_client_of, client_of, request
from graphql import BreakingChangeType, GraphQLError, build_schema, validate_schema
from graphql.utilities import find_breaking_changes, find_dangerous_changes
from support import unique

CREATE = """
mutation Create($input: CreateTaskInput!) {
  createTask(input: $input) {
    edge { cursor }
    task { id title own { priority tags } }
    taskStats { total }
  }
}
"""
TASKS = """
query Tasks($first: Int, $filter: TaskFilter) {
  tasks(first: $first, filter: $filter) { nodes { title } }
}
"""
# What gql and its GraphQL library can request, except `isOneOf`, which the server does not have.
INTROSPECTION = {
    "descriptions": True,
    "specified_by_url": True,
    "directive_is_repeatable": True,
    "schema_description": True,
    "input_value_deprecation": True,
}


class Mutations(unittest.TestCase):
    def test_mutation_returns_its_payload(self) -> None:
        title = unique("payload")
        with client_of("free") as session:
            before = session.execute(request("{ taskStats { total } }"))["taskStats"]["total"]
            payload = session.execute(request(CREATE, input={"title": title, "priority": "HIGH"}))["createTask"]
        self.assertEqual(payload["task"]["title"], title)
        self.assertEqual(payload["task"]["own"], {"priority": "HIGH", "tags": []})
        self.assertEqual(payload["taskStats"]["total"], before + 1)
        self.assertTrue(payload["edge"]["cursor"])


class Queries(unittest.IsolatedAsyncioTestCase):
    def test_query_takes_variables(self) -> None:
        title = unique("variables")
        with client_of("free") as session:
            session.execute(request(CREATE, input={"title": title, "tags": ["python"]}))
            found = session.execute(request(TASKS, first=2, filter={"text": title, "tags": ["python"]}))
        self.assertEqual(found, {"tasks": {"nodes": [{"title": title}]}})

    async def test_async_query_takes_variables(self) -> None:
        title = unique("async")
        async with async_client_of("free") as session:
            await session.execute(request(CREATE, input={"title": title}))
            found = await session.execute(request(TASKS, filter={"text": title}))
        self.assertEqual(found, {"tasks": {"nodes": [{"title": title}]}})


class Schema(unittest.TestCase):
    def test_unknown_field_is_found_without_the_server(self) -> None:
        with client_of("free") as session, self.assertRaises(GraphQLError) as raised:
            session.execute(request("{ tasks { nope } }"))
        self.assertIn("Cannot query field 'nope' on type 'TaskConnection'", str(raised.exception))

    def test_field_of_other_callers_is_not_in_the_schema(self) -> None:
        users = request("{ users(first: 1) { nodes { id } } }")
        with client_of("free") as session, self.assertRaises(GraphQLError) as raised:
            session.execute(users)
        self.assertIn("Cannot query field 'users' on type 'Query'", str(raised.exception))
        with client_of("admin") as session:
            self.assertEqual(len(session.execute(users)["users"]["nodes"]), 1)

    def test_schema_of_an_administrator_is_the_file(self) -> None:
        file = build_schema(Path("../../../../schema.graphql").read_text())
        with client_of("admin", introspection_args=INTROSPECTION) as session:
            schema = session.client.schema
        assert schema is not None
        self.assertEqual(validate_schema(schema), [])
        self.assertEqual([*find_breaking_changes(file, schema), *find_breaking_changes(schema, file)], [])
        self.assertEqual([*find_dangerous_changes(file, schema), *find_dangerous_changes(schema, file)], [])

    def test_schema_of_a_user_only_lacks_parts(self) -> None:
        file = build_schema(Path("../../../../schema.graphql").read_text())
        with client_of("free") as session:
            schema = session.client.schema
        assert schema is not None
        kinds = {change.type for change in find_breaking_changes(file, schema)}
        self.assertEqual(kinds, {BreakingChangeType.TYPE_REMOVED, BreakingChangeType.FIELD_REMOVED})
