/**
 * The pages of lists. After a change, a list is loaded again with all rows that were loaded: its first page, and further
 * ones from the end of the page before, joined before a cache stores them.
 */
import { asArray, asNumber, asObject, asString, isObject, type JsonObject } from "../json.js";

/** A field of a document whose pages are selected by a variable: `tasks(first: $first, after: $after)`. */
export interface PagedField {
  /** The names in the response that lead to it. */
  readonly path: readonly string[];
  /** The variable of `after`. */
  readonly after: string;
  /** The variable of `first`, if it is one. */
  readonly first: string | undefined;
}

/** The most rows that a server of Hallpass returns in a page. */
const MAX_PAGE = 100;

const nameOf = (node: JsonObject): string => asString(asObject(node["name"])["value"]) ?? "";

/** The variable that is the value of an argument. */
function variableOf(field: JsonObject, argument: string): string | undefined {
  const found = asArray(field["arguments"]).map(asObject).find((candidate) => nameOf(candidate) === argument);
  const value = asObject(found?.["value"]);
  return value["kind"] === "Variable" ? nameOf(value) : undefined;
}

function fieldsIn(node: unknown, fragments: ReadonlyMap<string, JsonObject>, path: readonly string[]): readonly PagedField[] {
  const selections = asArray(asObject(asObject(node)["selectionSet"])["selections"]).map(asObject);
  return selections.flatMap((selection) => {
    if (selection["kind"] === "FragmentSpread") return fieldsIn(fragments.get(nameOf(selection)), fragments, path);
    if (selection["kind"] !== "Field") return fieldsIn(selection, fragments, path);
    const alias = asString(asObject(asObject(selection["alias"]))["value"]);
    const names = [...path, alias ?? nameOf(selection)];
    const after = variableOf(selection, "after");
    return after === undefined ? fieldsIn(selection, fragments, names) : [{ path: names, after, first: variableOf(selection, "first") }];
  });
}

/** What is read once of each document. */
interface Outline {
  readonly name: string;
  readonly variables: readonly string[];
  readonly roots: readonly string[];
  readonly fields: readonly PagedField[];
}

const outlines = new WeakMap<object, Outline>();

function outlineOf(document: object): Outline {
  const known = outlines.get(document);
  if (known !== undefined) return known;
  const definitions = asArray(asObject(document)["definitions"]).map(asObject);
  const operation = definitions.find(({ kind }) => kind === "OperationDefinition") ?? {};
  const fragments = new Map(definitions.filter(({ kind }) => kind === "FragmentDefinition").map((node) => [nameOf(node), node]));
  const fields = new Map(fieldsIn(operation, fragments, []).map((field) => [field.path.join("."), field]));
  const variables = asArray(operation["variableDefinitions"]).map((node) => nameOf(asObject(asObject(node)["variable"])));
  const roots = asArray(asObject(operation["selectionSet"])["selections"]).map((node) => nameOf(asObject(node)));
  const outline = { name: nameOf(operation), variables, roots, fields: [...fields.values()] };
  outlines.set(document, outline);
  return outline;
}

/** The names of the fields of the operation's type. Those in fragments are left out. */
export const rootFields = (document: object): readonly string[] => outlineOf(document).roots;

/** The fields of an operation that have pages. */
export const pagedFields = (document: object): readonly PagedField[] => outlineOf(document).fields;

/** The variables without those that select a further page. */
export function firstPage(fields: readonly PagedField[], variables: JsonObject): JsonObject {
  const cursors = fields.map(({ after }) => after);
  return Object.fromEntries(Object.entries(variables).filter(([name]) => !cursors.includes(name)));
}

/** Whether the variables select a further page. */
export function isFurtherPage(fields: readonly PagedField[], variables: JsonObject): boolean {
  return fields.some(({ after }) => typeof variables[after] === "string");
}

/** Identifies an operation with its variables. The document may have another form, such as one with `__typename`. */
export function operationKey(document: object, variables: JsonObject): string {
  const { name, variables: declared, fields } = outlineOf(document);
  return JSON.stringify([name, fields, declared.map((variable) => variables[variable] ?? null)]);
}

/** A list in a response, with its rows. Empty, if the response does not have it. */
export function listAt(data: unknown, { path }: PagedField): JsonObject {
  return asObject(path.reduce<unknown>((value, name) => asObject(value)[name], data));
}

const rowsOf = (list: JsonObject): number => Math.max(asArray(list["edges"]).length, asArray(list["nodes"]).length);

/** The number of rows of each field. */
export function rowCounts(fields: readonly PagedField[], data: unknown): readonly number[] {
  return fields.map((field) => rowsOf(listAt(data, field)));
}

const cursorOf = (value: unknown): string | undefined => asString(value) || undefined;

/** The cursor at the end of a list. */
export function endOf(list: JsonObject): string | undefined {
  const last = asArray(list["edges"]).at(-1);
  return cursorOf(asObject(list["pageInfo"])["endCursor"]) ?? cursorOf(asObject(last)["cursor"]);
}

/** Whether the list has this cursor: the rows after it join up with those before. */
export function hasCursor(list: JsonObject, cursor: string): boolean {
  return endOf(list) === cursor || asArray(list["edges"]).some((edge) => asObject(edge)["cursor"] === cursor);
}

/** The variables of the next page, if a list has fewer rows than wanted and the server has more. */
export function nextPage(
  fields: readonly PagedField[],
  variables: JsonObject,
  data: unknown,
  wanted: readonly number[],
): JsonObject | undefined {
  const next = fields.flatMap((field, index): readonly (readonly [string, unknown])[] => {
    const list = listAt(data, field);
    const [rows, end] = [rowsOf(list), endOf(list)];
    const missing = (wanted[index] ?? 0) - rows;
    if (missing <= 0 || rows === 0 || end === undefined || asObject(list["pageInfo"])["hasNextPage"] === false) return [];
    const size = Math.min(Math.max(missing, field.first === undefined ? 0 : asNumber(variables[field.first]) ?? rows), MAX_PAGE);
    return field.first === undefined ? [[field.after, end]] : [[field.after, end], [field.first, size]];
  });
  return next.length === 0 ? undefined : { ...variables, ...Object.fromEntries(next) };
}

/** The identity of a row or an edge. */
const idOf = (row: unknown): unknown => asObject(asObject(row)["node"] ?? row)["id"];

/** A row may have moved between two pages. */
function joinRows(before: unknown, added: unknown): readonly unknown[] {
  const known = new Set(asArray(before).map(idOf));
  return [...asArray(before), ...asArray(added).filter((row) => idOf(row) === undefined || !known.has(idOf(row)))];
}

function joinLists(list: JsonObject, page: JsonObject): JsonObject {
  const rows = ["edges", "nodes"].filter((name) => name in list).map((name) => [name, joinRows(list[name], page[name])] as const);
  const { hasNextPage, endCursor } = asObject(page["pageInfo"]);
  const end = Object.entries({ hasNextPage, endCursor }).filter(([, value]) => value !== undefined);
  const pageInfo = isObject(list["pageInfo"]) ? { pageInfo: { ...list["pageInfo"], ...Object.fromEntries(end) } } : {};
  return { ...list, ...Object.fromEntries(rows), ...pageInfo };
}

function withList(data: unknown, [name, ...rest]: readonly string[], list: JsonObject): JsonObject {
  if (name === undefined) return list;
  return { ...asObject(data), [name]: withList(asObject(data)[name], rest, list) };
}

/** The data with the rows of a further page, which was requested with these variables. */
export function joinPages(fields: readonly PagedField[], data: unknown, page: unknown, variables: JsonObject): JsonObject {
  const continued = fields.filter(({ after }) => typeof variables[after] === "string");
  return continued.reduce<JsonObject>(
    (joined, field) => withList(joined, field.path, joinLists(listAt(joined, field), listAt(page, field))),
    asObject(data),
  );
}
