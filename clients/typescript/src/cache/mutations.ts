/**
 * What each mutation changes in a normalized cache. Each row in its payload with an id updates that row by itself: a
 * mutation has an entry if lists, counts or other fields change too.
 *
 * The parts of a payload are found by their names: aliases hide them.
 */
import { asNumber, asObject, asString, isObject, type JsonObject } from "../json.js";

/** A created row, as an edge if the payload has it. */
export interface CreatedRow {
  readonly node: JsonObject;
  readonly cursor: string | null;
}

export interface MutationUpdate {
  /** The rows that were created: they are put at the beginning of lists without filter and order. */
  readonly created?: (payload: unknown) => readonly CreatedRow[];
  /** The ids of the rows that were deleted. */
  readonly deleted?: (payload: unknown) => readonly string[];
  /** Their type. */
  readonly type: string;
  /** Root fields that list rows of the type. */
  readonly lists: readonly string[];
  /**
   * Root fields whose lists with a filter or an order may have other rows now: those are queried again. Default:
   * `lists`, if rows were created.
   */
  readonly filtered?: readonly string[];
  /** Fields of other types whose lists with a filter or an order may have other rows now. */
  readonly filteredFields?: Readonly<Record<string, readonly string[]>>;
  /** Root fields whose new value, without arguments, is a part of the payload. Those not selected are queried again. */
  readonly values?: readonly string[];
  /** Root fields that are queried again when they are next displayed. */
  readonly stale: readonly string[];
  /** Further types whose queries urql's own cache sends again after an event: those of `values` and `stale`. */
  readonly types?: readonly string[];
  /** What identifies this change of a row, if the row has no `version`: an event with the same is of the same change. */
  readonly mark?: (payload: unknown) => string | null;
  /** Fields of other types that are queried again. */
  readonly staleFields?: (payload: unknown) => Readonly<Record<string, readonly string[]>>;
}

export type MutationUpdates = Readonly<Record<string, MutationUpdate>>;

/** The part of a payload with this name. */
export function field(payload: unknown, name: string): unknown {
  return isObject(payload) ? payload[name] : undefined;
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);

/** The rows in these parts of a payload: a row or rows, and an edge or edges. Each row once. */
export function createdRows(rows: string, edges: string): (payload: unknown) => readonly CreatedRow[] {
  return (payload) => {
    const ofEdges = listOf(field(payload, edges)).map((edge) => ({ node: field(edge, "node"), cursor: asString(field(edge, "cursor")) }));
    const ofRows = listOf(field(payload, rows)).map((node) => ({ node, cursor: null }));
    const found = new Map<unknown, CreatedRow>();
    for (const { node, cursor } of [...ofEdges, ...ofRows]) {
      if (isObject(node) && !found.has(node["id"])) found.set(node["id"], { node, cursor: cursor === "" ? null : cursor });
    }
    return [...found.values()];
  };
}

/** The rows that are parts of a payload, as rows or as edges. What its `query` returns was not changed. */
export function changedRows(payload: unknown): readonly JsonObject[] {
  const parts = Object.entries(asObject(payload)).filter(([name]) => name !== "query");
  const rows = parts.flatMap(([, part]) => listOf(part)).map((part) => field(part, "node") ?? part);
  return rows.filter(isObject).filter(({ id }) => typeof id === "string");
}

/** The id or ids in this part of a payload. */
export function deletedIds(name: string): (payload: unknown) => readonly string[] {
  return (payload) => listOf(field(payload, name)).flatMap((id) => asString(id) ?? []);
}

const task = { type: "Task", lists: ["tasks"], values: ["taskStats"], stale: ["publicTasks", "taskTags"], types: ["TaskStats", "TaskTagCount"] } as const;
const changedTask = { ...task, lists: [], filtered: ["tasks"] } as const;
const completedTask = { ...changedTask, filtered: ["tasks", "publicTasks", "taskTags"], stale: [] } as const;
const filteredChapters = { filtered: ["chapters"], filteredFields: { Course: ["chapters"] } } as const;
const course = { type: "Course", lists: [], stale: ["courses", "chapters"] } as const;
const chapter = {
  type: "Chapter",
  lists: [],
  stale: ["chapters", "currentChapter", "recommendations"],
  staleFields: () => ({ Course: ["chapters", "chapterCount", "currentChapter", "progress"], Chapter: ["next", "previous"] }),
} as const;

/** What depends on the progress in a chapter, unless the payload has it. Lists of chapters may have a filter by it. */
function chapterProgress(payload: unknown): Readonly<Record<string, readonly string[]>> {
  const chapter = asObject(field(payload, "chapter"));
  const course = asObject(chapter["course"]);
  const missing = ["currentChapter", "progress"].filter((name) => !(name in course));
  return { Course: missing, Chapter: "progress" in chapter ? [] : ["progress"] };
}

/** The texts of chapters: the list of variants, unless the payload has it. */
function chapterTexts(payload: unknown): Readonly<Record<string, readonly string[]>> {
  const variants = "variants" in asObject(field(payload, "chapter")) ? [] : ["variants"];
  return { Chapter: [...variants, "personalized"] };
}

/** A change of the progress in a chapter, by its chapter, percentage and time. */
function progressMark(payload: unknown): string | null {
  const chapter = asObject(field(payload, "chapter"));
  const progress = asObject(field(payload, "progress") ?? chapter["progress"]);
  const id = asString(chapter["id"]) ?? asString(asObject(progress["chapter"])["id"]);
  const [percent, time] = [asNumber(progress["percent"]), asString(progress["updatedAt"])];
  return id === null || percent === null || time === null ? null : `${id} ${percent} ${time}`;
}

/** The bookmark, unless the payload has it. */
function chapterBookmark(payload: unknown): Readonly<Record<string, readonly string[]>> {
  return { Chapter: "bookmarked" in asObject(field(payload, "chapter")) ? [] : ["bookmarked"] };
}

/** What depends on the profile, unless the payload has it. */
function profileTexts(payload: unknown): Readonly<Record<string, readonly string[]>> {
  const me = asObject(field(payload, "me"));
  const missing = ["contentLevel", "contentLevelValue"].filter((name) => !(name in me));
  return { Chapter: ["personalized"], Me: missing };
}

/** The mutations of the shipped server. */
export const mutationUpdates: MutationUpdates = {
  createTask: { ...task, created: createdRows("task", "edge") },
  createTasks: { ...task, created: createdRows("tasks", "edges") },
  updateTask: changedTask,
  updateTasks: changedTask,
  completeTask: completedTask,
  completeTasks: completedTask,
  reopenTask: completedTask,
  deleteTask: { ...task, deleted: deletedIds("deletedTaskId") },
  deleteTasks: { ...task, deleted: deletedIds("deletedTaskIds") },
  createCourse: course,
  updateCourse: { ...course, stale: ["courses"] },
  publishCourse: course,
  deleteCourse: { ...course, deleted: deletedIds("deletedCourseId") },
  createChapter: chapter,
  updateChapter: chapter,
  publishChapter: chapter,
  deleteChapter: { ...chapter, deleted: deletedIds("deletedChapterId") },
  saveChapterVariant: { type: "ChapterVariant", lists: [], stale: [], staleFields: chapterTexts },
  bookmarkChapter: { type: "Chapter", lists: [], ...filteredChapters, stale: [], staleFields: chapterBookmark },
  recordProgress: {
    type: "Chapter",
    lists: [],
    ...filteredChapters,
    filtered: ["chapters", "courses"],
    stale: ["currentChapter", "recommendations"],
    staleFields: chapterProgress,
    mark: progressMark,
    types: ["ChapterProgress", "Course"],
  },
  updateLearnerProfile: {
    type: "Me",
    lists: [],
    stale: ["recommendations"],
    staleFields: profileTexts,
    types: ["PersonalizedChapter"],
  },
};

/** The root fields whose lists with a filter or an order are queried again. */
export function filteredLists({ filtered, created, lists }: MutationUpdate): readonly string[] {
  return filtered ?? (created === undefined ? [] : lists);
}

/** The root fields whose value the payload has. */
export function valuesOf({ values = [] }: MutationUpdate, payload: unknown): Readonly<Record<string, JsonObject>> {
  const found = values.flatMap((name) => {
    const value = field(payload, name);
    return isObject(value) ? [[name, value] as const] : [];
  });
  return Object.fromEntries(found);
}

/** The mutations in a result that have an update. */
export function knownUpdates(data: unknown, updates: MutationUpdates): readonly (readonly [MutationUpdate, unknown])[] {
  return Object.entries(asObject(data)).flatMap(([name, payload]) => {
    const update = updates[name];
    return update === undefined || !isObject(payload) ? [] : [[update, payload]];
  });
}
