import { useMutation } from "@apollo/client/react";
import { useFieldErrors } from "@hallpass/client/react";
import { useState, type FormEvent, type ReactNode } from "react";
import { codeOf, describe } from "../api/errors";
import { useViewer } from "../api/viewer";
import { useKept } from "../auth/kept";
import { LevelSelect } from "../courses/profile-form";
import type { Level } from "../gql/graphql";
import { Field } from "../ui/field";
import { useInvalidFocus } from "../ui/invalid";
import { useToast } from "../ui/toast";
import type { ChapterData } from "./chapter-editor";
import { SaveVariant } from "./documents";
import { Preview } from "./preview";
import { Unsaved } from "./unsaved";

interface Levels {
  readonly level: Level;
  readonly hardware: Level;
}

interface TextFormProps {
  readonly chapter: ChapterData;
  readonly levels: Levels;
}

/** The text for one pair of levels, with its preview. */
function TextForm({ chapter, levels }: TextFormProps): ReactNode {
  const toast = useToast();
  const saved = chapter.variants.find(({ level, hardware }) => level === levels.level && hardware === levels.hardware);
  const viewerId = useViewer()?.id ?? "";
  const text = useKept(viewerId, `text:${chapter.id}:${levels.level}:${levels.hardware}`, { body: saved?.body ?? "" });
  const { body } = text.value;
  const [save, { error, loading }] = useMutation(SaveVariant, {
    onCompleted: () => {
      text.drop();
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
    void save({ variables: { chapterId: chapter.id, input: { ...levels, body } } });
  };
  return (
    <form ref={form} className="stack" onSubmit={submit} noValidate aria-label="Text">
      <div className="side-by-side">
        <Field label="Text in Markdown" error={errors["input.body"]}>
          {(control) => <textarea {...control} className="code" rows={20} value={body} onChange={(event) => text.set({ body: event.target.value })} />}
        </Field>
        <section aria-label="Preview" className="preview" tabIndex={0}>
          <p className="preview-title">Preview</p>
          <Preview markdown={body} />
        </section>
      </div>
      <div className="row end">
        <Unsaved kept={text} />
        <button type="submit" className="button primary" disabled={loading}>
          Save text
        </button>
      </div>
    </form>
  );
}

export function VariantForm({ chapter }: { readonly chapter: ChapterData }): ReactNode {
  const first = chapter.variants[0];
  const [levels, setLevels] = useState<Levels>({ level: first?.level ?? "BEGINNER", hardware: first?.hardware ?? "BEGINNER" });
  return (
    <section className="card stack" aria-labelledby="variants">
      <h2 id="variants">Text for readers with this experience</h2>
      <div className="pair">
        <LevelSelect label="Software" value={levels.level} onChange={(level) => setLevels({ ...levels, level })} />
        <LevelSelect label="Hardware" value={levels.hardware} onChange={(hardware) => setLevels({ ...levels, hardware })} />
      </div>
      <TextForm key={`${levels.level}:${levels.hardware}`} chapter={chapter} levels={levels} />
    </section>
  );
}
