/** The documents of the tests, typed by graphql-codegen. */
import { graphql } from "./gql/index.js";

export const TASKS = graphql(`
  query Tasks($first: Int, $after: String, $filter: TaskFilter) {
    tasks(first: $first, after: $after, filter: $filter) {
      edges {
        cursor
        node {
          id
          title
          priority
          tags
          version
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const TASK_NODES = graphql(`
  query TaskNodes($first: Int, $after: String) {
    tasks(first: $first, after: $after) {
      nodes {
        id
        title
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const TASK_STATS = graphql(`
  query TaskStats {
    taskStats {
      total
      completed
    }
  }
`);

export const CREATE_TASK = graphql(`
  mutation CreateTask($input: CreateTaskInput!) {
    createTask(input: $input) {
      __typename
      id
      title
      priority
      tags
      version
    }
  }
`);

export const UPDATE_TASK = graphql(`
  mutation UpdateTask($id: ID!, $input: UpdateTaskInput!, $expectedVersion: Int) {
    updateTask(id: $id, input: $input, expectedVersion: $expectedVersion) {
      id
      title
      version
    }
  }
`);

export const COMPLETE_TASK = graphql(`
  mutation CompleteTask($id: ID!) {
    completeTask(id: $id) {
      id
      version
    }
  }
`);

export const DELETE_TASK = graphql(`
  mutation DeleteTask($id: ID!) {
    deleteTask(id: $id)
  }
`);

export const CHAPTERS = graphql(`
  query Chapters {
    chapters(first: 20) {
      nodes {
        id
        slug
        requiredTier
      }
    }
  }
`);

export const CHAPTER = graphql(`
  query Chapter($slug: String!) {
    chapter(slug: $slug) {
      id
      title
      personalized {
        body
      }
    }
  }
`);

export const ME = graphql(`
  query Me {
    me {
      id
      method
    }
  }
`);

export const TASK_EVENTS = graphql(`
  subscription TaskEvents {
    taskEvents {
      kind
      taskId
      task {
        id
        title
      }
    }
  }
`);
