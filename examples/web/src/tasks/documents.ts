import { graphql } from "../gql";

export const TaskRow = graphql(`
  fragment TaskRow on Task {
    __typename
    id
    title
    isPublic
    completed
    version
    own {
      __typename
      description
      priority
      tags
      dueOn
      dueAt
    }
  }
`);

export const Tasks = graphql(`
  query Tasks($filter: TaskFilter, $after: String) {
    tasks(first: 30, after: $after, filter: $filter) {
      nodes {
        id
        completed
        ...TaskRow
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const TaskStats = graphql(`
  query TaskStats {
    taskStats {
      total
      completed
      overdue
    }
  }
`);

export const TaskTags = graphql(`
  query TaskTags {
    taskTags(first: 50) {
      tag
      count
    }
  }
`);

export const Task = graphql(`
  query Task($id: ID!) {
    task(id: $id) {
      ...TaskRow
    }
  }
`);

export const TaskEvents = graphql(`
  subscription TaskEvents($since: String) {
    taskEvents(since: $since) {
      kind
      sequence
      taskId
      task {
        id
        ...TaskRow
      }
    }
  }
`);

export const CreateTask = graphql(`
  mutation CreateTask($input: CreateTaskInput!, $key: String!) {
    createTask(input: $input, idempotencyKey: $key) {
      edge {
        cursor
        node {
          ...TaskRow
        }
      }
      taskStats {
        total
        completed
        overdue
      }
    }
  }
`);

export const UpdateTask = graphql(`
  mutation UpdateTask($id: ID!, $input: UpdateTaskInput!, $expectedVersion: Int) {
    updateTask(id: $id, input: $input, expectedVersion: $expectedVersion) {
      task {
        ...TaskRow
      }
      taskStats {
        total
        completed
        overdue
      }
    }
  }
`);

export const CompleteTask = graphql(`
  mutation CompleteTask($id: ID!) {
    completeTask(id: $id) {
      task {
        ...TaskRow
      }
      taskStats {
        total
        completed
        overdue
      }
    }
  }
`);

export const ReopenTask = graphql(`
  mutation ReopenTask($id: ID!) {
    reopenTask(id: $id) {
      task {
        ...TaskRow
      }
      taskStats {
        total
        completed
        overdue
      }
    }
  }
`);

export const DeleteTask = graphql(`
  mutation DeleteTask($id: ID!) {
    deleteTask(id: $id) {
      deletedTaskId
      taskStats {
        total
        completed
        overdue
      }
    }
  }
`);
