import enum
import unittest
from datetime import date, datetime, timedelta, timezone

from clients import client_of, request
from gql.client import SyncClientSession
from gql.utilities import update_schema_enum, update_schema_scalars
from graphql import GraphQLScalarType
from support import unique


class Priority(enum.Enum):
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    URGENT = 4


DATE_TIME = GraphQLScalarType("DateTime", serialize=datetime.isoformat, parse_value=datetime.fromisoformat)
DATE = GraphQLScalarType("Date", serialize=date.isoformat, parse_value=date.fromisoformat)
CREATE = """
mutation Create($input: CreateTaskInput!) {
  createTask(input: $input) { task { createdAt completedAt own { priority dueAt dueOn } } }
}
"""


def use_python_values(session: SyncClientSession) -> None:
    schema = session.client.schema
    assert schema is not None
    update_schema_scalars(schema, [DATE_TIME, DATE])
    update_schema_enum(schema, "TaskPriority", Priority)


class Values(unittest.TestCase):
    def create(self, **fields: object) -> dict[str, object]:
        with client_of("free", parse_results=True, serialize_variables=True) as session:
            use_python_values(session)
            created = session.execute(request(CREATE, input={"title": unique("values"), **fields}))
        task = created["createTask"]["task"]
        self.assertLess(abs(datetime.now(timezone.utc) - task["createdAt"]), timedelta(minutes=5))
        self.assertIsNone(task["completedAt"])
        own: dict[str, object] = task["own"]
        return own

    def test_time_and_enum_are_python_values(self) -> None:
        due = datetime(2027, 3, 1, 9, 30, 0, 123456, timezone(timedelta(hours=2)))
        own = self.create(priority=Priority.URGENT, dueAt=due)
        self.assertEqual(own, {"priority": Priority.URGENT, "dueAt": due, "dueOn": None})

    def test_date_is_a_python_value(self) -> None:
        own = self.create(dueOn=date(2027, 3, 1))
        end = own.pop("dueAt")
        self.assertEqual(own, {"priority": Priority.MEDIUM, "dueOn": date(2027, 3, 1)})
        assert isinstance(end, datetime)
        self.assertEqual(end.date(), date(2027, 3, 1))
