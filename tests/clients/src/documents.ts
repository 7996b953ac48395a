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
          version
          own {
            priority
            tags
          }
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

/** The open rows, by their due date. */
export const OPEN_NODES = graphql(`
  query OpenNodes($first: Int, $after: String) {
    tasks(first: $first, after: $after, filter: { completed: false }, orderBy: { field: DUE_AT }) {
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

export const OPEN_EDGES = graphql(`
  query OpenEdges($after: String) {
    ... on Query {
      open: tasks(first: 2, after: $after, filter: { completed: false }, orderBy: { field: DUE_AT }) {
        edges {
          cursor
          node {
            id
            title
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
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
      edge {
        __typename
        cursor
        node {
          __typename
          id
          title
          version
          own {
            __typename
            priority
            tags
          }
        }
      }
      taskStats {
        __typename
        total
        completed
      }
    }
  }
`);

export const CREATE_TASKS = graphql(`
  mutation CreateTasks($inputs: [CreateTaskInput!]!) {
    createTasks(inputs: $inputs) {
      edges {
        cursor
        node {
          id
          title
          version
          own {
            priority
            tags
          }
        }
      }
    }
  }
`);

export const UPDATE_TASK = graphql(`
  mutation UpdateTask($id: ID!, $input: UpdateTaskInput!, $expectedVersion: Int) {
    updateTask(id: $id, input: $input, expectedVersion: $expectedVersion) {
      task {
        id
        title
        version
      }
    }
  }
`);

export const COMPLETE_TASK = graphql(`
  mutation CompleteTask($id: ID!) {
    completeTask(id: $id) {
      task {
        id
        version
      }
      taskStats {
        total
        completed
      }
    }
  }
`);

export const DELETE_TASK = graphql(`
  mutation DeleteTask($id: ID!) {
    deleteTask(id: $id) {
      deletedTaskId
      taskStats {
        total
        completed
      }
    }
  }
`);

export const PUBLIC_TASKS = graphql(`
  query PublicTasks {
    publicTasks(first: 20) {
      nodes {
        id
        isOwner
        own {
          priority
          tags
        }
      }
    }
  }
`);

export const TASK_OWN = graphql(`
  query TaskOwn($id: ID!) {
    task(id: $id) {
      id
      own {
        description
        dueOn
      }
    }
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

export const COURSE_CHAPTERS = graphql(`
  query CourseChapters($id: ID!) {
    course(id: $id) {
      id
      chapterCount
      chapters(first: 20) {
        nodes {
          id
          title
          next {
            id
          }
        }
      }
    }
  }
`);

/** What depends on the progress in chapters, beside lists without a filter. */
export const PROGRESS = graphql(`
  query Progress($slug: String!) {
    course(slug: $slug) {
      id
      chapters(first: 20, filter: { completed: false }) {
        nodes {
          id
          slug
          bookmarked
          progress {
            percent
          }
        }
      }
    }
  }
`);

export const RECORD_PROGRESS = graphql(`
  mutation RecordProgress($id: ID!, $percent: Int!) {
    recordProgress(chapterId: $id, percent: $percent) {
      progress {
        percent
        updatedAt
        chapter {
          id
        }
      }
    }
  }
`);

export const BOOKMARK = graphql(`
  mutation Bookmark($id: ID!) {
    bookmarkChapter(chapterId: $id, bookmarked: true) {
      chapter {
        id
      }
    }
  }
`);

export const BOOKMARKED = graphql(`
  query Bookmarked($slug: String!) {
    course(slug: $slug) {
      id
      chapters(first: 20, filter: { bookmarked: true }) {
        nodes {
          id
          slug
        }
      }
    }
  }
`);

/** What depends on the profile of the caller. */
export const PROFILE_TEXTS = graphql(`
  query ProfileTexts($slug: String!) {
    me {
      id
      contentLevel
      contentLevelValue
    }
    chapter(slug: $slug) {
      id
      personalized {
        contentLevel
      }
    }
  }
`);

export const UPDATE_PROFILE = graphql(`
  mutation UpdateProfile($level: Level!) {
    updateLearnerProfile(input: { softwareBackground: $level, hardwareBackground: $level }) {
      me {
        id
      }
    }
  }
`);

export const CREATE_COURSE = graphql(`
  mutation CreateCourse($input: CreateCourseInput!) {
    createCourse(input: $input) {
      course {
        id
      }
    }
  }
`);

export const CREATE_CHAPTER = graphql(`
  mutation CreateChapter($courseId: ID!, $input: CreateChapterInput!) {
    createChapter(courseId: $courseId, input: $input) {
      chapter {
        id
        name: title
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

export const LIVE_TASKS = graphql(`
  subscription LiveTasks($since: String) {
    taskEvents(since: $since) {
      sequence
      kind
      taskId
      task {
        id
        title
        version
        own {
          priority
          tags
        }
      }
    }
  }
`);

export const CHAPTER_PUBLISHED = graphql(`
  subscription ChapterPublished {
    chapterPublished {
      id
      title
    }
  }
`);

export const LIVE_EVENTS = graphql(`
  subscription LiveEvents($since: String) {
    events(since: $since) {
      ... on TaskEvent {
        sequence
        kind
        taskId
        task {
          id
          title
          version
        }
      }
      ... on ProgressEvent {
        sequence
        progress {
          percent
          completed
          updatedAt
          chapter {
            id
          }
        }
      }
    }
  }
`);

/** A list beside another field: graphcache displays the one without the other if the schema allows it. */
export const ME_AND_TASKS = graphql(`
  query MeAndTasks($filter: TaskFilter) {
    me {
      id
    }
    tasks(first: 5, filter: $filter) {
      nodes {
        id
        title
      }
    }
  }
`);
