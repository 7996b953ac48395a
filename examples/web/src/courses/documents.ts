import { graphql } from "../gql";

export const ChapterRow = graphql(`
  fragment ChapterRow on Chapter {
    id
    slug
    title
    summary
    ordinal
    requiredTier
    published
    bookmarked
    progress {
      percent
      completed
    }
    course {
      id
      slug
    }
    viewer {
      canRead
    }
  }
`);

export const Courses = graphql(`
  query Courses {
    courses(first: 50) {
      nodes {
        id
        slug
        title
        description
        interestAreas
        published
      }
    }
    chapters(first: 100) {
      nodes {
        id
        ...ChapterRow
      }
    }
  }
`);

export const Recommendations = graphql(`
  query Recommendations {
    recommendations(first: 3) {
      because
      chapter {
        id
        ...ChapterRow
      }
    }
  }
`);

export const Course = graphql(`
  query Course($slug: String!) {
    course(slug: $slug) {
      id
      slug
      title
      description
      interestAreas
      published
    }
  }
`);

export const CourseChapters = graphql(`
  query CourseChapters($course: ID!) {
    chapters(course: $course, first: 100) {
      nodes {
        id
        ...ChapterRow
      }
    }
  }
`);

export const Chapter = graphql(`
  query Chapter($slug: String!) {
    chapter(slug: $slug) {
      id
      ...ChapterRow
      course {
        id
        slug
        title
      }
      personalized {
        bodyHtml
        because
        level
        hardware
      }
    }
  }
`);

export const ProgressEvents = graphql(`
  subscription ProgressEvents {
    progressEvents {
      percent
      completed
      chapter {
        id
        progress {
          percent
          completed
        }
      }
    }
  }
`);

export const RecordProgress = graphql(`
  mutation RecordProgress($chapterId: ID!, $percent: Int!, $reset: Boolean!) {
    recordProgress(chapterId: $chapterId, percent: $percent, reset: $reset) {
      percent
      completed
      chapter {
        id
        progress {
          percent
          completed
        }
      }
    }
  }
`);

export const BookmarkChapter = graphql(`
  mutation BookmarkChapter($chapterId: ID!, $bookmarked: Boolean!) {
    bookmarkChapter(chapterId: $chapterId, bookmarked: $bookmarked) {
      __typename
      id
      bookmarked
    }
  }
`);

export const UpdateLearnerProfile = graphql(`
  mutation UpdateLearnerProfile($input: LearnerProfileInput!) {
    updateLearnerProfile(input: $input) {
      id
      profile {
        softwareBackground
        hardwareBackground
      }
    }
  }
`);

export const LearnerProfile = graphql(`
  query LearnerProfile {
    me {
      id
      profile {
        softwareBackground
        hardwareBackground
      }
    }
  }
`);
