/** The documents of Relay: its compiler reads the tags, and the tests import what it generates. */
import { graphql } from "relay-runtime";

export const tasks = graphql`
  query documentsTasksQuery($first: Int) {
    tasks(first: $first) @connection(key: "documents_tasks") {
      edges { node { id title ...documentsTask_task } }
    }
  }
`;

export const task = graphql`
  fragment documentsTask_task on Task { id title tags }
`;

export const node = graphql`
  query documentsNodeQuery($id: ID!) @throwOnFieldError {
    node(id: $id) { ... on Task { id title } }
  }
`;

export const caller = graphql`
  query documentsCallerQuery {
    me { id name }
    users(first: 20) { nodes { id lastSeen } }
  }
`;

export const create = graphql`
  mutation documentsCreateMutation($input: CreateTaskInput!) {
    createTask(input: $input) { id title tags }
  }
`;

export const events = graphql`
  subscription documentsEventsSubscription { taskEvents { kind taskId } }
`;
