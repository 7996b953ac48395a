import { useMutation } from "@apollo/client/react";
import { useFieldErrors } from "@hallpass/client/react";
import { useState, type FormEvent, type ReactNode } from "react";
import { codeOf, describe } from "../api/errors";
import { navigate } from "../router/router";
import { Field } from "../ui/field";
import { useToast } from "../ui/toast";
import { CreateChapter } from "./documents";

/** Lower-case words, joined by hyphens. */
export const slugOf = (title: string): string =>
  title.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 100);

/** Creates a draft, and opens it. */
export function NewChapter({ courseId }: { readonly courseId: string }): ReactNode {
  const toast = useToast();
  const [title, setTitle] = useState("");
  const [create, { error, loading }] = useMutation(CreateChapter, {
    onCompleted: ({ createChapter }) => navigate(`/editor/${createChapter.chapter.slug}`),
    onError: (failure) => {
      if (codeOf(failure) !== "BAD_USER_INPUT") toast(describe(failure));
    },
  });
  const errors = useFieldErrors(error);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void create({ variables: { courseId, input: { title, slug: slugOf(title), requiredTier: "free" } } });
  };
  return (
    <form className="row grow new-chapter" onSubmit={submit} noValidate>
      <Field label="Title of a new chapter" isLabelHidden error={errors["input.title"] ?? errors["input.slug"]} className="grow">
        {(control) => <input {...control} placeholder="Title of a new chapter" value={title} onChange={(event) => setTitle(event.target.value)} />}
      </Field>
      <button type="submit" className="button" disabled={loading}>
        Create draft
      </button>
    </form>
  );
}
