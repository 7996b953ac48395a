import { useMutation } from "@apollo/client/react";
import type { ReactNode } from "react";
import { describe } from "../api/errors";
import type { EditorChapterQuery } from "../gql/graphql";
import { Link } from "../router/router";
import { useToast } from "../ui/toast";
import { PublishChapter } from "./documents";
import { MetadataForm } from "./metadata-form";
import { VariantForm } from "./variant-form";

export type ChapterData = NonNullable<EditorChapterQuery["chapter"]>;

export function ChapterEditor({ chapter }: { readonly chapter: ChapterData }): ReactNode {
  const toast = useToast();
  const [publish, { loading }] = useMutation(PublishChapter, {
    onError: (error) => toast(describe(error)),
    onCompleted: ({ publishChapter }) => toast(publishChapter.chapter.published ? "Published." : "A draft again."),
  });
  return (
    <div className="stack">
      <div className="row wrap">
        <span className="chip">{chapter.published ? "Published" : "Draft"}</span>
        <button type="button" className="button" disabled={loading} onClick={() => void publish({ variables: { id: chapter.id, published: !chapter.published } })}>
          {chapter.published ? "Make it a draft" : "Publish"}
        </button>
        {chapter.course === null ? null : <Link to={`/courses/${chapter.course.slug}/${chapter.slug}`}>See it as a reader</Link>}
      </div>
      <MetadataForm key={chapter.id} chapter={chapter} />
      <VariantForm chapter={chapter} />
    </div>
  );
}
