'use strict';

// The GraphiQL page of Hallpass: who you are (a development persona or a bearer
// token), the schema with its access rules written into the docs, the fetcher.

const { GraphQL } = GraphiQL;
const $ = (id) => document.getElementById(id);

function say(id, text, failed = false) {
  $(id).textContent = $(id).title = text;
  $(id).classList.toggle('failed', failed);
}

const DEFAULT_QUERY = `# Welcome to Hallpass!
#
# Choose who you are at the top,
# then press Run or Ctrl-Enter.
#
# The docs (the book, left) name
# the access rule of every field.

query MyTasks {
  viewer {
    name
    roles
    tier
    contentLevel
  }
  tasks(first: 5) {
    nodes {
      id
      title
      priority
      dueAt
      completed
    }
  }
}
`;

// --- Who you are ------------------------------------------------------------

const REMEMBERED = 'hallpass.persona'; // the name only: tokens stay in memory
const FRESH_FOR_MS = 5 * 60 * 1000; // development tokens expire: fetch them anew

let personas = []; // none in production
let personasAt = 0;

async function loadPersonas() {
  try {
    const response = await fetch('/dev/personas', { headers: { Accept: 'application/json' } });
    const list = response.ok ? await response.json() : [];
    if (Array.isArray(list) && list.length > 0) personas = list;
  } catch {
    // No list: the token field, or the personas that are known already.
  }
  personasAt = Date.now();
}

const persona = () => personas.find(({ name }) => name === $('persona').value);

async function token() {
  if (personas.length === 0) return $('token').value.trim().replace(/^bearer\s+/i, '');
  if (Date.now() - personasAt > FRESH_FOR_MS) await loadPersonas();
  return persona()?.token;
}

function showWho() {
  let { title, about, token } = persona() ?? {};
  if (personas.length === 0) {
    token = $('token').value.trim();
    title = token ? 'Requests carry this token' : 'Guest';
  }
  say('who', about ? `${title} — ${about}` : title);
  $('who').classList.toggle('signed-in', Boolean(token));
}

function setUpBar() {
  const known = personas.length > 0;
  $('badge').hidden = $('persona-switch').hidden = !known;
  $('token-entry').hidden = known;
  $('persona').replaceChildren(...personas.map(({ name }) => new Option(name)));
  const remembered = sessionStorage.getItem(REMEMBERED);
  if (personas.some(({ name }) => name === remembered)) $('persona').value = remembered;
  $('persona').addEventListener('change', () => {
    sessionStorage.setItem(REMEMBERED, $('persona').value);
    showWho();
    showSchema();
  });
  $('token').addEventListener('input', showWho);
  $('token').addEventListener('change', showSchema);
  showWho();
}

// --- The schema -------------------------------------------------------------

const directive = (field, name) => field.directives?.find((d) => d.name.value === name);
const argument = (node, name) => node?.arguments?.find((a) => a.name.value === name)?.value;

/** What the directives of a field say, as one line of Markdown ('' for nothing). */
function ruleLine(field) {
  const parts = [];
  const rule = argument(directive(field, 'access'), 'rule')?.value;
  if (rule) parts.push(`**Access:** \`${rule}\``);
  const nonNull = directive(field, 'semanticNonNull');
  if (nonNull) {
    const levels = argument(nonNull, 'levels')?.values?.map((v) => Number(v.value)) ?? [0];
    if (levels.includes(0)) parts.push('null only on error');
    if (levels.some((level) => level > 0)) parts.push('items null only on error');
  }
  return parts.join(' · ');
}

/** Builds the schema from its SDL, each field's description led by its access rule. */
function buildSchema(sdl) {
  const document = GraphQL.visit(GraphQL.parse(sdl), {
    FieldDefinition(field) {
      const line = ruleLine(field);
      if (!line) return undefined;
      // A hard line break, not a new paragraph: lists show the first paragraph only.
      const text = field.description ? `${line}  \n${field.description.value}` : line;
      return { ...field, description: { kind: 'StringValue', value: text, block: true } };
    },
  });
  return GraphQL.buildASTSchema(document, { assumeValidSDL: true });
}

/** What a request of whoever is chosen carries. */
async function credentials() {
  const bearer = await token();
  return {
    headers: new Headers(bearer ? { Authorization: `Bearer ${bearer}` } : {}),
    // A persona is all that counts: another server on this machine may have left its cookies.
    credentials: personas.length > 0 ? 'omit' : 'same-origin',
  };
}

/** The schema as they see it, or null where it cannot be had (null also means: no introspection). */
async function loadSchema() {
  try {
    const request = await credentials();
    request.headers.set('GraphQL-Require-Preflight', '1');
    const response = await fetch('/schema.graphql', { ...request, cache: 'no-store' });
    const schema = response.ok ? buildSchema(await response.text()) : null;
    const off = response.status === 404;
    say('docs', schema ? '' : `No docs: ${off ? 'introspection is off' : `HTTP ${response.status}`}`, !off);
    return schema;
  } catch (error) {
    say('docs', `No docs: ${error.message}`, true);
  }
  return null;
}

// --- Requests ---------------------------------------------------------------

const failure = (message, extra) => ({ errors: [{ message }], ...extra });

/** The answers in a stream of events, for as long as whoever listens wants them. */
function answers(response, stopped) {
  async function* read() {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return yield failure('The server ended the stream: ask again.');
        const events = (text + value).split('\n\n');
        text = events.pop();
        for (const event of events) {
          if (event.startsWith('event: complete')) return;
          if (event.startsWith('event: next\ndata: ')) yield JSON.parse(event.slice(18));
        }
      }
    } catch (error) {
      if (!stopped.signal.aborted) yield failure(`The stream broke off: ask again. (${error.message})`);
    }
  }
  const events = read();
  const stoppable = {
    [Symbol.asyncIterator]: () => stoppable,
    next: () => events.next(),
    return: () => {
      stopped.abort();
      return events.return();
    },
  };
  return stoppable;
}

async function fetcher(params, options) {
  const started = performance.now();
  try {
    const shown = await credentials();
    const { headers } = shown;
    headers.set('Content-Type', 'application/json');
    const accepted = 'application/graphql-response+json, application/json;q=0.9, text/event-stream;q=0.8';
    headers.set('Accept', accepted);
    for (const [name, value] of Object.entries(options?.headers ?? {})) {
      if (value) headers.set(name, value); // what the headers editor says wins,
      else headers.delete(name); // and "" or null there sends none
    }
    const body = JSON.stringify(params);
    const stopped = new AbortController();
    const request = { ...shown, method: 'POST', body, signal: stopped.signal };
    const response = await fetch('/graphql', request);
    if (response.headers.get('Content-Type')?.startsWith('text/event-stream')) {
      say('answer', 'Listening');
      return answers(response, stopped);
    }
    const text = await response.text();
    const took = Math.round(performance.now() - started);
    say('answer', `HTTP ${response.status} · ${took} ms`, !response.ok);
    try {
      return JSON.parse(text);
    } catch {
      return failure(`The server answered HTTP ${response.status}, but not with JSON.`, { body: text });
    }
  } catch (error) {
    say('answer', 'No answer', true);
    return failure(`No answer from ${location.origin}: is Hallpass running? (${error.message})`);
  }
}

// --- The page ---------------------------------------------------------------

const root = ReactDOM.createRoot($('graphiql'));
const storage = GraphiQL.createLocalStorage({ namespace: 'hallpass' });

function render(schema) {
  const props = { fetcher, schema, storage, defaultQuery: DEFAULT_QUERY, shouldPersistHeaders: false };
  root.render(React.createElement(GraphiQL, props));
}

let asked = 0;

/** Shows the schema of whoever is chosen by now. */
async function showSchema() {
  asked += 1;
  const mine = asked;
  const schema = await loadSchema();
  if (mine === asked) render(schema);
}

document.addEventListener('click', (event) => {
  if (event.target.closest('[aria-label="Re-fetch GraphQL schema"]')) showSchema();
  // Editor pop-ups have links to "javascript:void 0", which the page's policy refuses.
  if (event.target.closest('a[href^="javascript:"]')) event.preventDefault();
});

loadPersonas().then(setUpBar).then(showSchema);
