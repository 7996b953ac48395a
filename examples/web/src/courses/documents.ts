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
      title
    }
    viewer {
      canRead
    }
  }
`);

export const CourseProgress = graphql(`
  fragment CourseProgress on Course {
    id
    slug
    chapterCount
    progress {
      percent
      completedChapters
      startedChapters
      nextChapter {
        id
        slug
        title
      }
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
        chapterCount
        progress {
          percent
        }
      }
    }
  }
`);

export const FoundChapters = graphql(`
  query FoundChapters($text: String!) {
    chapters(first: 50, filter: { text: $text }) {
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
      title
      description
      ...CourseProgress
      chapters(first: 100) {
        nodes {
          id
          ...ChapterRow
        }
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
      previous {
        id
        slug
        title
      }
      next {
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
        course {
          id
          ...CourseProgress
        }
      }
    }
  }
`);

export const RecordProgress = graphql(`
  mutation RecordProgress($chapterId: ID!, $percent: Int!, $reset: Boolean!) {
    recordProgress(chapterId: $chapterId, percent: $percent, reset: $reset) {
      chapter {
        id
        progress {
          percent
          completed
        }
        course {
          id
          ...CourseProgress
        }
      }
    }
  }
`);

export const BookmarkChapter = graphql(`
  mutation BookmarkChapter($chapterId: ID!, $bookmarked: Boolean!) {
    bookmarkChapter(chapterId: $chapterId, bookmarked: $bookmarked) {
      chapter {
        __typename
        id
        bookmarked
      }
    }
  }
`);

export const UpdateLearnerProfile = graphql(`
  mutation UpdateLearnerProfile($input: LearnerProfileInput!) {
    updateLearnerProfile(input: $input) {
      me {
        id
        profile {
          softwareBackground
          hardwareBackground
        }
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
