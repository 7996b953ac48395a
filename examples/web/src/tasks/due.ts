import type { TaskRowFragment } from "../gql/graphql";

/** When the task is due: at the end of the day, if it was given a date. */
export function dueTime({ own }: TaskRowFragment): Date | null {
  if (own === null || (own.dueAt === null && own.dueOn === null)) return null;
  return new Date(own.dueAt ?? `${own.dueOn}T23:59:59Z`);
}

export function isOverdue(task: TaskRowFragment): boolean {
  const due = dueTime(task);
  return !task.completed && due !== null && due.getTime() < Date.now();
}
