/**
 * What each mutation changes in a normalized cache. A mutation that returns a row with its id updates that row by
 * itself, and has no entry unless lists or counts change too.
 *
 * When a mutation gets a payload type, its line changes in `result`: `(value) => field(value, "task")`.
 */
import { asArray, asString, isObject, type JsonObject } from "../json.js";

export interface MutationUpdate {
  /** The rows that were created: they are put at the beginning of lists without filter and order. */
  readonly created?: (result: unknown) => readonly JsonObject[];
  /** The ids of the rows that were deleted. */
  readonly deleted?: (result: unknown) => readonly string[];
  /** Their type. */
  readonly type: string;
  /** Root fields that list rows of the type. */
  readonly lists: readonly string[];
  /**
   * Root fields whose lists with a filter or an order may have other rows now: those are queried again. Default:
   * `lists`, if rows were created.
   */
  readonly filtered?: readonly string[];
  /** Root fields that are queried again when they are next displayed. */
  readonly stale: readonly string[];
}

export type MutationUpdates = Readonly<Record<string, MutationUpdate>>;

const row = (result: unknown): readonly JsonObject[] => (isObject(result) ? [result] : []);
const id = (result: unknown): readonly string[] => ids([result]);
const ids = (result: unknown): readonly string[] => asArray(result).flatMap((item) => asString(item) ?? []);

const tasks = { type: "Task", lists: ["tasks"], stale: ["publicTasks", "taskStats"] } as const;
const changes = { type: "Task", lists: [], filtered: ["tasks", "publicTasks"], stale: ["taskStats"] } as const;
const courses = { type: "Course", lists: [], stale: ["courses", "chapters"] } as const;
const chapters = { type: "Chapter", lists: [], stale: ["chapters", "recommendations"] } as const;

/** The mutations of the shipped server. */
export const mutationUpdates: MutationUpdates = {
  createTask: { ...tasks, created: row },
  updateTask: { ...tasks, lists: [], filtered: ["tasks"] },
  completeTask: changes,
  completeTasks: changes,
  reopenTask: changes,
  deleteTask: { ...tasks, deleted: id },
  deleteTasks: { ...tasks, deleted: ids },
  createCourse: courses,
  publishCourse: courses,
  deleteCourse: { ...courses, deleted: id },
  createChapter: chapters,
  publishChapter: chapters,
  deleteChapter: { ...chapters, deleted: id },
  recordProgress: { type: "ChapterProgress", lists: [], stale: ["recommendations"] },
  updateLearnerProfile: { type: "Me", lists: [], stale: ["recommendations"] },
};

/** The root fields whose lists with a filter or an order are queried again. */
export function filteredLists({ filtered, created, lists }: MutationUpdate): readonly string[] {
  return filtered ?? (created === undefined ? [] : lists);
}

/** The part of a payload with this name. */
export function field(result: unknown, name: string): unknown {
  return isObject(result) ? result[name] : undefined;
}
