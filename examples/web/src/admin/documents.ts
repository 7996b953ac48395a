import { graphql } from "../gql";

export const Analytics = graphql(`
  query Analytics($since: DateTime) {
    analytics(since: $since) {
      activeSessions
      activeUsers
      chapterCompletions
      revenue
      tasksCompleted
      tasksCreated
      totalUsers
      topChapters {
        completions
        chapter {
          id
          title
        }
      }
      usersByTier {
        tier
        users
      }
    }
  }
`);

export const Users = graphql(`
  query Users($filter: UserFilter, $after: String) {
    users(first: 20, after: $after, filter: $filter) {
      nodes {
        id
        authId
        name
        email
        tier
        lastSeen
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const AuditEvents = graphql(`
  query AuditEvents($filter: AuditFilter, $after: String) {
    auditEvents(first: 25, after: $after, filter: $filter) {
      nodes {
        id
        at
        callerId
        field
        outcome
        rule
        rowId
        requestId
        times
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);

export const EraseUser = graphql(`
  mutation EraseUser($id: ID!, $dryRun: Boolean!) {
    eraseUser(id: $id, dryRun: $dryRun) {
      report {
        total
        tables {
          table
          rows
        }
      }
    }
  }
`);
