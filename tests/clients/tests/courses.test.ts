// What progress, bookmarks and the profile change, in each cache.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { cacheExchange, Client, type Exchange } from "@urql/core";
import type { Credentials } from "@hallpass/client";
import { applyChange, createHallpassApollo } from "@hallpass/client/apollo";
import { applyChange as applyUrqlChange, hallpassUrql } from "@hallpass/client/urql";
import { hallpassGraphcache } from "@hallpass/client/urql/graphcache";
import type { DocumentNode } from "graphql";
import { pipe, subscribe } from "wonka";
import { BOOKMARK, BOOKMARKED, PROFILE_TEXTS, PROGRESS, RECORD_PROGRESS, TASK_STATS, UPDATE_PROFILE } from "../src/documents.js";
import type { BookmarkedQuery, ProfileTextsQuery, ProgressQuery, RecordProgressMutation } from "../src/gql/graphql.js";
import { developmentUrl, executor, persona, recorded, until, type Persona } from "./support.js";

const ends: (() => void)[] = [];
after(() => ends.forEach((end) => end()));

type Variables = Record<string, unknown>;
type Chapters = NonNullable<ProgressQuery["course"]>["chapters"]["nodes"];

/** What these tests need of a client. */
interface AnyClient {
  watch<Data>(query: DocumentNode, variables: Variables, show: (data: Data) => void): void;
  mutate<Data>(mutation: DocumentNode, variables: Variables): Promise<Data | null | undefined>;
  apply(change: Variables): Promise<void>;
}

type Create = (credentials: Credentials, fetching: typeof fetch) => AnyClient;

const apollo: Create = (credentials, fetching) => {
  const { client } = createHallpassApollo({ url: developmentUrl, credentials, fetch: fetching });
  ends.push(() => client.stop());
  return {
    watch: <Data>(query: DocumentNode, variables: Variables, show: (data: Data) => void) => {
      const watched = client.watchQuery<Data, Variables>({ query, variables, returnPartialData: false }).subscribe((result) => {
        if (result.dataState === "complete") show(result.data);
      });
      ends.push(() => watched.unsubscribe());
    },
    mutate: async <Data>(mutation: DocumentNode, variables: Variables) =>
      (await client.mutate<Data, Variables>({ mutation, variables })).data,
    apply: (change) => applyChange(client, change),
  };
};

const urql = (cache: () => Exchange): Create => (credentials, fetching) => {
  const client = new Client(hallpassUrql({ url: developmentUrl, credentials, fetch: fetching, cache: cache() }));
  return {
    watch: <Data>(query: DocumentNode, variables: Variables, show: (data: Data) => void) => {
      const watched = pipe(
        client.query<Data, Variables>(query, variables),
        subscribe(({ data }) => {
          if (data) show(data);
        }),
      );
      ends.push(watched.unsubscribe);
    },
    mutate: async <Data>(mutation: DocumentNode, variables: Variables) =>
      (await client.mutation<Data, Variables>(mutation, variables).toPromise()).data,
    apply: (change) => applyUrqlChange(client, change),
  };
};

/** Each has a user of its own. */
const clients: readonly (readonly [string, Persona, Create])[] = [
  ["Apollo", "free", apollo],
  ["graphcache", "premium", urql(() => hallpassGraphcache())],
  ["urql's cache", "editor", urql(() => cacheExchange)],
];

for (const [name, user, create] of clients) {
  test(`${name}: progress and bookmarks change the chapters of a course`, async () => {
    const client = create(persona(user), fetch);
    let shown: Chapters = [];
    let marked: string | undefined;
    const variables = { slug: "rust-apis" };
    client.watch<ProgressQuery>(PROGRESS, variables, ({ course }) => void (shown = course?.chapters.nodes ?? []));
    client.watch<BookmarkedQuery>(BOOKMARKED, variables, ({ course }) => void (marked = course?.chapters.nodes.map(({ id }) => id).join()));
    await until("the chapters", () => shown.length > 1 && marked !== undefined);
    const [first, second] = shown.map(({ id }) => id);
    assert.ok(first !== undefined && second !== undefined);
    await client.mutate(RECORD_PROGRESS, { id: second, percent: 40 });
    await until("the progress", () => shown[1]?.progress?.percent === 40);
    await client.mutate(RECORD_PROGRESS, { id: first, percent: 100 });
    await until("the completed chapter is gone", () => shown[0]?.id === second);
    await client.mutate(BOOKMARK, { id: second });
    await until("the bookmark", () => marked?.includes(second) === true && shown[0]?.bookmarked === true);
  });

  test(`${name}: an event of progress changes the chapter, and an own one has no effect`, async () => {
    const sent: string[] = [];
    const client = create(persona(user), recorded(sent));
    const device = executor(user);
    let shown: Chapters = [];
    client.watch<ProgressQuery>(PROGRESS, { slug: "physical-ai" }, ({ course }) => void (shown = course?.chapters.nodes ?? []));
    client.watch(TASK_STATS, {}, () => undefined);
    await until("the chapters", () => shown.length > 2);
    const id = shown[0]?.id ?? assert.fail("no chapter");
    const chapter = { __typename: "Chapter", id };
    const event = (progress: object): Promise<void> => client.apply({ recordProgress: { progress, chapter } });
    const shows = (percent: number): Promise<void> => until(`${percent} %`, () => shown[0]?.progress?.percent === percent);
    await device({ query: RECORD_PROGRESS, variables: { id, percent: 30 } });
    await event({ __typename: "ChapterProgress", percent: 30 });
    await shows(30);
    const data = await client.mutate<RecordProgressMutation>(RECORD_PROGRESS, { id, percent: 60 });
    await shows(60);
    await device({ query: RECORD_PROGRESS, variables: { id, percent: 70 } });
    // The own event has nothing queried.
    sent.length = 0;
    await event(data?.recordProgress.progress ?? assert.fail("no progress"));
    await client.apply({ updateTask: {} }); // has effects at the same time
    await until("the counts", () => sent.length > 0);
    assert.deepEqual(sent, ["TaskStats"]);
    await event({ __typename: "ChapterProgress", percent: 70 });
    await shows(70);
  });

  test(`${name}: the profile changes the texts of chapters`, async () => {
    const client = create(persona(user), fetch);
    let shown: ProfileTextsQuery | undefined;
    client.watch<ProfileTextsQuery>(PROFILE_TEXTS, { slug: "sense-think-act" }, (data) => void (shown = data));
    await until("the text", () => shown !== undefined);
    for (const [level, isForBeginners] of [["ADVANCED", false], ["BEGINNER", true]] as const) {
      await client.mutate(UPDATE_PROFILE, { level });
      await until(`the level ${level}`, () => (shown?.me.contentLevelValue === "BEGINNER_FRIENDLY") === isForBeginners);
      await until(`the text of ${level}`, () => shown?.chapter?.personalized?.contentLevel === shown?.me.contentLevel);
    }
  });
}
