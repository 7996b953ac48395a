/** Tasks in the order of their due dates, whose titles are the days. */
import assert from "node:assert/strict";
import { bearerToken, createExecutor, type TypedExecutor } from "@hallpass/client";
import { productionUrl, type User } from "./support.js";

/** The input of the task of a day. */
export function taskOf(day: number): { readonly title: string; readonly dueOn: string } {
  return { title: `${day}`, dueOn: `2031-01-${`${day + 1}`.padStart(2, "0")}` };
}

/** Another device of a user. */
export function deviceOf(user: User): TypedExecutor {
  return createExecutor({ url: productionUrl, credentials: bearerToken(() => user.sessionToken()) });
}

/** Creates the tasks of these days. Returns their ids. */
export async function addDays(device: TypedExecutor, ...days: number[]): Promise<string[]> {
  const query = "mutation($inputs: [CreateTaskInput!]!) { createTasks(inputs: $inputs) { tasks { id } } }";
  const { data } = await device({ query, variables: { inputs: days.map(taskOf) } });
  const { createTasks }: { createTasks: { tasks: { id: string }[] } } = JSON.parse(JSON.stringify(data));
  assert.equal(createTasks.tasks.length, days.length);
  return createTasks.tasks.map(({ id }) => id);
}

/** The values, without those that are equal to the one before. */
export function steps(values: readonly string[]): readonly string[] {
  return values.filter((value, index) => value !== values[index - 1]);
}
