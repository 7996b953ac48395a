import { graphql } from "../gql";

export const Home = graphql(`
  query Home($isSignedIn: Boolean!) {
    tasks(first: 50) @include(if: $isSignedIn) {
      nodes {
        id
        title
        completed
        dueOn
      }
    }
    taskStats @include(if: $isSignedIn) {
      total
      completed
    }
    courses(first: 20) {
      nodes {
        id
        title
      }
    }
    chapters(first: 100) {
      nodes {
        id
        slug
        title
        requiredTier
        course {
          id
        }
        viewer {
          canRead
        }
      }
    }
  }
`);

export const Chapter = graphql(`
  query Chapter($slug: String!) {
    chapter(slug: $slug) {
      title
      summary
      course {
        title
      }
      personalized {
        bodyHtml
      }
    }
  }
`);
