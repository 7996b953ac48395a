import { useMutation } from "@apollo/client/react";
import { useFieldErrors } from "@hallpass/client/react";
import type { FormEvent, ReactNode } from "react";
import { codeOf, describe } from "../api/errors";
import { useViewer } from "../api/viewer";
import { useKept } from "../auth/kept";
import { navigate } from "../router/router";
import { Field } from "../ui/field";
import { useInvalidFocus } from "../ui/invalid";
import { useToast } from "../ui/toast";
import { CreateChapter } from "./documents";

/** Lower-case words, joined by hyphens. */
export const slugOf = (title: string): string =>
  title.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 100);

/** Creates a draft, and opens it. */
export function NewChapter({ courseId }: { readonly courseId: string }): ReactNode {
  const toast = useToast();
  // The key stays with the title: if an answer was lost, the draft that was created is opened.
  const kept = useKept(useViewer()?.id ?? "", `new-chapter:${courseId}`, { title: "", key: "" });
  const { title } = kept.value;
  const [create, { error, loading }] = useMutation(CreateChapter, {
    onCompleted: ({ createChapter }) => {
      kept.drop();
      navigate(`/editor/${createChapter.chapter.slug}`);
    },
    onError: (failure) => {
      if (codeOf(failure) !== "BAD_USER_INPUT") toast(describe(failure));
    },
  });
  const errors = useFieldErrors(error);
  const form = useInvalidFocus(error);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const key = kept.value.key || crypto.randomUUID();
    kept.set({ title, key });
    const input = { title, slug: slugOf(title), requiredTier: "free" };
    void create({ variables: { courseId, input }, context: { headers: { "idempotency-key": key } } });
  };
  return (
    <form ref={form} className="row grow new-chapter" onSubmit={submit} noValidate>
      <Field label="Title of a new chapter" isLabelHidden error={errors["input.title"] ?? errors["input.slug"]} className="grow">
        {(control) => <input {...control} placeholder="Title of a new chapter" value={title} onChange={(event) => kept.set({ title: event.target.value, key: "" })} />}
      </Field>
      <button type="submit" className="button" disabled={loading}>
        Create draft
      </button>
    </form>
  );
}
