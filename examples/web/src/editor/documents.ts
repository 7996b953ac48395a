import { graphql } from "../gql";

export const EditorCourses = graphql(`
  query EditorCourses {
    courses(first: 50) {
      nodes {
        id
        title
        published
      }
    }
    chapters(first: 100) {
      nodes {
        id
        slug
        title
        ordinal
        requiredTier
        published
        course {
          id
        }
      }
    }
  }
`);

export const EditorChapter = graphql(`
  query EditorChapter($slug: String!) {
    chapter(slug: $slug) {
      id
      slug
      title
      summary
      requiredTier
      published
      course {
        id
        slug
      }
      variants {
        id
        level
        hardware
        body
      }
    }
  }
`);

export const CreateChapter = graphql(`
  mutation CreateChapter($courseId: ID!, $input: CreateChapterInput!) {
    createChapter(courseId: $courseId, input: $input) {
      chapter {
        id
        slug
      }
    }
  }
`);

export const UpdateChapter = graphql(`
  mutation UpdateChapter($id: ID!, $input: UpdateChapterInput!) {
    updateChapter(id: $id, input: $input) {
      chapter {
        id
        slug
        title
        summary
        requiredTier
      }
    }
  }
`);

export const SaveVariant = graphql(`
  mutation SaveVariant($chapterId: ID!, $input: ChapterVariantInput!) {
    saveChapterVariant(chapterId: $chapterId, input: $input) {
      chapter {
        id
        variants {
          id
          level
          hardware
          body
        }
      }
    }
  }
`);

export const PublishChapter = graphql(`
  mutation PublishChapter($id: ID!, $published: Boolean!) {
    publishChapter(id: $id, published: $published) {
      chapter {
        id
        published
      }
    }
  }
`);
