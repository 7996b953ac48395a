import { graphql } from "../gql";

// A list costs its length: what is rendered again after each event is short.
export const Tasks = graphql(`
  query Tasks {
    tasks(first: 20) {
      nodes {
        id
        title
        completed
        own {
          dueOn
        }
      }
    }
    taskStats {
      total
      completed
    }
  }
`);

export const Courses = graphql(`
  query Courses {
    courses(first: 10) {
      nodes {
        id
        title
      }
    }
    chapters(first: 50) {
      nodes {
        id
        slug
        title
        requiredTier
        course {
          id
        }
      }
    }
  }
`);

export const Chapter = graphql(`
  query Chapter($slug: String!) {
    chapter(slug: $slug) {
      id
      title
      summary
      course {
        id
        title
      }
      personalized {
        bodyHtml
      }
    }
  }
`);
