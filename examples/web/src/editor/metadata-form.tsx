import { useMutation } from "@apollo/client/react";
import { tiers } from "@hallpass/client/schema";
import { useFieldErrors } from "@hallpass/client/react";
import type { FormEvent, ReactNode } from "react";
import { codeOf, describe } from "../api/errors";
import { useViewer } from "../api/viewer";
import { useKept } from "../auth/kept";
import { Field } from "../ui/field";
import { useInvalidFocus } from "../ui/invalid";
import { useToast } from "../ui/toast";
import type { ChapterData } from "./chapter-editor";
import { UpdateChapter } from "./documents";
import { Unsaved } from "./unsaved";

export function MetadataForm({ chapter }: { readonly chapter: ChapterData }): ReactNode {
  const toast = useToast();
  const { title, summary, requiredTier } = chapter;
  const kept = useKept(useViewer()?.id ?? "", `chapter:${chapter.id}`, { title, summary, requiredTier });
  const { value: input, set: setInput } = kept;
  const [update, { error, loading }] = useMutation(UpdateChapter, {
    onCompleted: () => {
      kept.drop();
      toast("Saved.");
    },
    onError: (failure) => {
      if (codeOf(failure) !== "BAD_USER_INPUT") toast(describe(failure));
    },
  });
  const errors = useFieldErrors(error);
  const form = useInvalidFocus(error);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void update({ variables: { id: chapter.id, input } });
  };
  return (
    <form ref={form} className="card stack" onSubmit={submit} noValidate aria-label="About the chapter">
      <div className="pair">
        <Field label="Title" error={errors["input.title"]}>
          {(control) => <input {...control} value={input.title} onChange={(event) => setInput({ ...input, title: event.target.value })} />}
        </Field>
        <Field label="Lowest tier that may read it" error={errors["input.requiredTier"]}>
          {(control) => (
            <select {...control} value={input.requiredTier} onChange={(event) => setInput({ ...input, requiredTier: event.target.value })}>
              {tiers.map((tier) => (
                <option key={tier}>{tier}</option>
              ))}
            </select>
          )}
        </Field>
      </div>
      <Field label="Summary" error={errors["input.summary"]} hint="Everyone can read it.">
        {(control) => <textarea {...control} rows={3} value={input.summary} onChange={(event) => setInput({ ...input, summary: event.target.value })} />}
      </Field>
      <div className="row end">
        <Unsaved kept={kept} />
        <button type="submit" className="button primary" disabled={loading}>
          Save
        </button>
      </div>
    </form>
  );
}
