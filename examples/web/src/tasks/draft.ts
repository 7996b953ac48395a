import type { TaskPriority, TaskRowFragment } from "../gql/graphql";

/** What a form about a task holds: texts, as they are typed. */
export interface Draft {
  readonly title: string;
  readonly description: string;
  readonly priority: TaskPriority;
  readonly dueOn: string;
  readonly tags: string;
  readonly isPublic: boolean;
}

export const emptyDraft: Draft = { title: "", description: "", priority: "MEDIUM", dueOn: "", tags: "", isPublic: false };

export const priorities = [["LOW", "Low"], ["MEDIUM", "Medium"], ["HIGH", "High"], ["URGENT", "Urgent"]] as const;

export const priorityLabel = (value: TaskPriority): string => priorities.find(([name]) => name === value)?.[1] ?? value;

export const isPriority = (value: string): value is TaskPriority => priorities.some(([name]) => name === value);

const tagsOf = (text: string): string[] => text.split(",").map((tag) => tag.trim()).filter(Boolean);

export function draftOf({ title, isPublic, own }: TaskRowFragment): Draft {
  if (own === null) return { ...emptyDraft, title, isPublic };
  const { priority, tags, description, dueOn } = own;
  return { title, isPublic, priority, description: description ?? "", dueOn: dueOn ?? "", tags: tags.join(", ") };
}

/** The input of the server. An empty text removes the value. */
export function inputOf(draft: Draft): {
  readonly title: string;
  readonly description: string | null;
  readonly priority: TaskPriority;
  readonly dueOn: string | null;
  readonly tags: string[];
  readonly isPublic: boolean;
} {
  return { ...draft, description: draft.description || null, dueOn: draft.dueOn || null, tags: tagsOf(draft.tags) };
}

/** The parts in which two drafts differ, with a label and both values as text. */
export function differences(mine: Draft, theirs: Draft): readonly (readonly [label: string, mine: string, theirs: string])[] {
  const shown = (draft: Draft): readonly (readonly [string, string])[] => [
    ["Title", draft.title],
    ["Description", draft.description],
    ["Priority", priorityLabel(draft.priority)],
    ["Due", draft.dueOn],
    ["Tags", draft.tags],
    ["Public", draft.isPublic ? "yes" : "no"],
  ];
  const other = shown(theirs);
  return shown(mine).flatMap(([label, value], index) => {
    const theirValue = other[index]?.[1] ?? "";
    return value === theirValue ? [] : [[label, value, theirValue] as const];
  });
}
