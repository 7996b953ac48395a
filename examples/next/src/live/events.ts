import { graphql } from "../gql";

export const TaskEvents = graphql(`
  subscription TaskEvents {
    taskEvents {
      kind
      taskId
      task {
        id
        title
        completed
      }
    }
  }
`);
