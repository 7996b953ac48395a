import unittest
from datetime import date, datetime, timedelta, timezone

from calls import client_of, create
from hallpass_client import (
    CreateTaskInput,
    GraphQLClientGraphQLError,
    GraphQLClientGraphQLMultiError,
    NodeNodeTask,
    TaskFilter,
    TaskPriority,
    UpdateTaskInput,
)
from support import unique


class Queries(unittest.IsolatedAsyncioTestCase):
    async def test_list_has_the_fields_of_a_fragment(self) -> None:
        title = unique("list")
        async with client_of("free") as client:
            task = await create(client, CreateTaskInput(title=title, tags=["typed"]))
            found = (await client.tasks(first=5, filter_=TaskFilter(text=title))).tasks
        assert found is not None
        self.assertEqual(found.nodes, [task])
        self.assertFalse(found.page_info.has_next_page)

    async def test_node_has_the_type_of_its_object(self) -> None:
        title = unique("node")
        async with client_of("free") as client:
            task = await create(client, CreateTaskInput(title=title))
            node = (await client.node(task.id)).node
        assert isinstance(node, NodeNodeTask)
        self.assertEqual((node.typename__, node.id, node.title), ("Task", task.id, title))


class Mutations(unittest.IsolatedAsyncioTestCase):
    async def test_payload_has_python_values(self) -> None:
        due = datetime(2027, 3, 1, 9, 30, tzinfo=timezone(timedelta(hours=2)))
        async with client_of("free") as client:
            task = CreateTaskInput(title=unique("values"), due_at=due, priority=TaskPriority.URGENT)
            payload = (await client.create_task(task)).create_task
            whole_day = await create(client, CreateTaskInput(title=unique("day"), due_on=date(2027, 3, 1)))
        assert payload is not None and payload.task.own is not None and whole_day.own is not None
        self.assertEqual((payload.task.own.priority, payload.task.own.due_at), (TaskPriority.URGENT, due))
        self.assertEqual(whole_day.own.due_on, date(2027, 3, 1))
        assert payload.task_stats is not None
        self.assertGreaterEqual(payload.task_stats.total, 1)

    async def test_omitted_field_is_not_null(self) -> None:
        async with client_of("free") as client:
            task = await create(client, CreateTaskInput(title=unique("null"), description="text"))
            kept = (await client.update_task(task.id, UpdateTaskInput(tags=["new"]))).update_task
            removed = (await client.update_task(task.id, UpdateTaskInput(description=None))).update_task
        assert kept is not None and kept.task.own is not None
        self.assertEqual((kept.task.own.description, kept.task.own.tags), ("text", ["new"]))
        assert removed is not None and removed.task.own is not None
        self.assertEqual((removed.task.own.description, removed.task.own.tags), (None, ["new"]))


class Errors(unittest.IsolatedAsyncioTestCase):
    def only(self, raised: GraphQLClientGraphQLMultiError) -> tuple[GraphQLClientGraphQLError, dict[str, object]]:
        """The only error, and its extensions."""
        self.assertEqual(len(raised.errors), 1)
        return raised.errors[0], raised.errors[0].extensions or {}

    async def test_input_error_has_all_problems(self) -> None:
        async with client_of("free") as client:
            with self.assertRaises(GraphQLClientGraphQLMultiError) as raised:
                await client.create_task(CreateTaskInput(title="", tags=["x" * 41]))
        _, extensions = self.only(raised.exception)
        self.assertEqual(extensions["code"], "BAD_USER_INPUT")
        problems = extensions["problems"]
        assert isinstance(problems, list)
        found = {(problem["path"], problem["problem"]) for problem in problems}
        self.assertEqual(found, {("input.title", "REQUIRED"), ("input.tags.0", "TOO_LONG")})

    async def test_stale_version_is_a_conflict(self) -> None:
        async with client_of("free") as client:
            task = await create(client, CreateTaskInput(title=unique("conflict")))
            with self.assertRaises(GraphQLClientGraphQLMultiError) as raised:
                await client.update_task(task.id, UpdateTaskInput(is_public=True), expected_version=task.version + 1)
        _, extensions = self.only(raised.exception)
        self.assertEqual((extensions["code"], extensions["currentVersion"]), ("CONFLICT", task.version))

    async def test_denied_field_leaves_its_siblings(self) -> None:
        async with client_of("free") as client:
            chapters = (await client.chapters(first=50)).chapters
            assert chapters is not None
            locked = next(chapter for chapter in chapters.nodes if chapter.required_tier == "premium")
            with self.assertRaises(GraphQLClientGraphQLMultiError) as raised:
                await client.chapter(locked.slug)
        error, extensions = self.only(raised.exception)
        self.assertEqual((error.path, extensions["code"]), (["chapter", "personalized"], "FORBIDDEN"))
        assert raised.exception.data is not None
        self.assertEqual(raised.exception.data["chapter"]["id"], locked.id)
