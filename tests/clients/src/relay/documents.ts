/** The documents of Relay: its compiler reads the tags, and the tests import what it generates. */
import { graphql } from "relay-runtime";

export const tasks = graphql`
  query documentsTasksQuery($first: Int) {
    tasks(first: $first) @connection(key: "documents_tasks") {
      __id
      edges { node { id title ...documentsTask_task } }
    }
  }
`;

export const node = graphql`
  query documentsNodeQuery($id: ID!) @throwOnFieldError {
    node(id: $id) { ... on Task { id title } }
  }
`;

export const nodes = graphql`
  query documentsNodesQuery($ids: [ID!]!) { nodes(ids: $ids) { id ... on Task { title } } }
`;

export const caller = graphql`
  query documentsCallerQuery {
    me { id authId name email }
    users(first: 20) { nodes { id authId name lastSeen } }
  }
`;

export const own = graphql`
  query documentsOwnQuery @throwOnFieldError {
    publicTasks(first: 20) { nodes { id isOwner own { priority tags } } }
  }
`;

export const create = graphql`
  mutation documentsCreateMutation($input: CreateTaskInput!, $connections: [ID!]!) {
    createTask(input: $input) {
      edge @prependEdge(connections: $connections) { cursor node { id title ...documentsTask_task } }
    }
  }
`;

export const append = graphql`
  mutation documentsAppendMutation($input: CreateTaskInput!, $connections: [ID!]!) {
    createTask(input: $input) {
      edge(orderBy: {field: CREATED_AT}) @appendEdge(connections: $connections) { cursor node { id title } }
    }
  }
`;

export const createSeveral = graphql`
  mutation documentsCreateSeveralMutation($inputs: [CreateTaskInput!]!, $connections: [ID!]!) {
    createTasks(inputs: $inputs) {
      edges @prependEdge(connections: $connections) { cursor node { id title } }
    }
  }
`;

export const deleteEdge = graphql`
  mutation documentsDeleteEdgeMutation($id: ID!, $connections: [ID!]!) {
    deleteTask(id: $id) { deletedTaskId @deleteEdge(connections: $connections) }
  }
`;

export const deleteRecord = graphql`
  mutation documentsDeleteRecordMutation($id: ID!) {
    deleteTask(id: $id) { deletedTaskId @deleteRecord }
  }
`;

export const deleteRecords = graphql`
  mutation documentsDeleteRecordsMutation($ids: [ID!]!) {
    deleteTasks(ids: $ids) { deletedTaskIds @deleteRecord }
  }
`;

export const events = graphql`
  subscription documentsEventsSubscription { taskEvents { kind taskId } }
`;

/** A row of each type that node(id:) returns. */
export const rows = graphql`
  query documentsRowsQuery {
    tasks(first: 1) { nodes { id ...documentsTask_task } }
    courses(first: 1) { nodes { id ...documentsCourse_course } }
    chapters(first: 1) { nodes { id ...documentsChapter_chapter } }
    me { id ...documentsMe_me }
  }
`;

export const variants = graphql`
  query documentsVariantsQuery { chapters(first: 1) { nodes { id variants { id ...documentsVariant_variant } } } }
`;

export const records = graphql`
  query documentsRecordsQuery {
    users(first: 20) { nodes { id ...documentsUser_user } }
    auditEvents(first: 1) { nodes { id ...documentsEvent_event } }
  }
`;

export const task = graphql`
  fragment documentsTask_task on Task @refetchable(queryName: "documentsTaskRefetchQuery") { id title own { tags } }
`;

export const course = graphql`
  fragment documentsCourse_course on Course @refetchable(queryName: "documentsCourseRefetchQuery") { id title chapterCount }
`;

export const chapter = graphql`
  fragment documentsChapter_chapter on Chapter @refetchable(queryName: "documentsChapterRefetchQuery") { id title next { id } }
`;

export const variant = graphql`
  fragment documentsVariant_variant on ChapterVariant @refetchable(queryName: "documentsVariantRefetchQuery") { id level body }
`;

export const me = graphql`
  fragment documentsMe_me on Me @refetchable(queryName: "documentsMeRefetchQuery") { id authId tier }
`;

export const user = graphql`
  fragment documentsUser_user on User @refetchable(queryName: "documentsUserRefetchQuery") { id authId email }
`;

export const event = graphql`
  fragment documentsEvent_event on AuditEvent @refetchable(queryName: "documentsEventRefetchQuery") { id field outcome }
`;
