/** All mutations of this application. */
import type { ResultOf } from "@graphql-typed-document-node/core";
import type { Executor } from "@hallpass/client";
import { graphql } from "../gql";
import { run, type Result } from "./run";

const CreateTask = graphql(`
  mutation CreateTask($input: CreateTaskInput!, $key: String!) {
    createTask(input: $input, idempotencyKey: $key) {
      task {
        id
      }
    }
  }
`);

const CompleteTask = graphql(`
  mutation CompleteTask($id: ID!) {
    completeTask(id: $id) {
      task {
        id
        completed
      }
    }
  }
`);

/** The key is that of one attempt of the user: a request that is repeated with it creates one task. */
export function createTask(execute: Executor, title: string, key: string): Promise<Result<ResultOf<typeof CreateTask>>> {
  return run(execute, CreateTask, { input: { title }, key });
}

export function completeTask(execute: Executor, id: string): Promise<Result<ResultOf<typeof CompleteTask>>> {
  return run(execute, CompleteTask, { id });
}
