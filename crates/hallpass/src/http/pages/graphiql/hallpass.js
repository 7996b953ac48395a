'use strict';

// GraphiQL page of Hallpass: the header bar (a development persona or a bearer
// token), the schema with access rules in its descriptions, and the fetcher. All
// paths are relative to the page: a proxy may serve it below a path of its own.

const { GraphQL } = GraphiQL;
const $ = (id) => document.getElementById(id);

function setStatus(id, text, failed = false) {
  $(id).textContent = $(id).title = text;
  $(id).classList.toggle('failed', failed);
}

const WELCOME = `# Welcome to Hallpass!
#
# Choose a user at the top,
# then press Run or Ctrl-Enter.
#
# The docs (the book icon, left)
# show the access rule of each field.

`;

/** The example query of the application. */
const example = fetch('graphiql/example.graphql')
  .then((response) => (response.ok ? response.text() : ''))
  .catch(() => '');

// --- Identity ---------------------------------------------------------------

const PERSONA_KEY = 'hallpass.persona'; // stores the name only: tokens stay in memory
const TOKEN_MAX_AGE_MS = 5 * 60 * 1000; // development tokens expire: fetch new ones

let personas = []; // empty in production
let personasAt = 0;

async function loadPersonas() {
  try {
    const response = await fetch('dev/personas', { headers: { Accept: 'application/json' } });
    const list = response.ok ? await response.json() : [];
    if (Array.isArray(list) && list.length > 0) personas = list;
  } catch {
    // Not available: use the token field, or the personas loaded before.
  }
  personasAt = Date.now();
}

const persona = () => personas.find(({ name }) => name === $('persona').value);

async function token() {
  if (personas.length === 0) return $('token').value.trim().replace(/^bearer\s+/i, '');
  if (Date.now() - personasAt > TOKEN_MAX_AGE_MS) await loadPersonas();
  return persona()?.token;
}

function showIdentity() {
  let { title, about, token } = persona() ?? {};
  if (personas.length === 0) {
    token = $('token').value.trim();
    title = token ? 'Bearer token' : 'Anonymous';
  }
  setStatus('who', about ? `${title} — ${about}` : title);
  $('who').classList.toggle('signed-in', Boolean(token));
}

function setUpHeader() {
  const hasPersonas = personas.length > 0;
  $('badge').hidden = $('persona-switch').hidden = !hasPersonas;
  $('token-entry').hidden = hasPersonas;
  $('persona').replaceChildren(...personas.map(({ name }) => new Option(name)));
  const stored = sessionStorage.getItem(PERSONA_KEY);
  if (personas.some(({ name }) => name === stored)) $('persona').value = stored;
  $('persona').addEventListener('change', () => {
    sessionStorage.setItem(PERSONA_KEY, $('persona').value);
    showIdentity();
    showSchema();
  });
  $('token').addEventListener('input', showIdentity);
  $('token').addEventListener('change', showSchema);
  showIdentity();
}

// --- The schema -------------------------------------------------------------

const directive = (field, name) => field.directives?.find((d) => d.name.value === name);
const argument = (node, name) => node?.arguments?.find((a) => a.name.value === name)?.value;

/** The access rule and nullability of a field as one line of Markdown, or ''. */
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

/** Builds the schema from its SDL, and prepends the access rule to each field's description. */
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

/** The fetch options with the credentials of the selected identity. */
async function credentials() {
  const bearer = await token();
  return {
    headers: new Headers(bearer ? { Authorization: `Bearer ${bearer}` } : {}),
    // Personas omit cookies: another server on this machine may have set some.
    credentials: personas.length > 0 ? 'omit' : 'same-origin',
  };
}

/** The schema that the selected identity sees, or null on failure (GraphiQL then skips introspection). */
async function loadSchema() {
  try {
    const request = await credentials();
    request.headers.set('GraphQL-Require-Preflight', '1');
    const response = await fetch('schema.graphql', { ...request, cache: 'no-store' });
    const schema = response.ok ? buildSchema(await response.text()) : null;
    const off = response.status === 404;
    setStatus('docs', schema ? '' : `No schema: ${off ? 'introspection is disabled' : `HTTP ${response.status}`}`, !off);
    return schema;
  } catch (error) {
    setStatus('docs', `No schema: ${error.message}`, true);
  }
  return null;
}

// --- Requests ---------------------------------------------------------------

const failure = (message, extra) => ({ errors: [{ message }], ...extra });

/** The responses in an event stream, as an async iterator; `return` aborts the request. */
function answers(response, stopped) {
  async function* read() {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return yield failure('The server ended the stream: run the operation again.');
        const events = (text + value).split('\n\n');
        text = events.pop();
        for (const event of events) {
          if (event.startsWith('event: complete')) return;
          if (event.startsWith('event: next\ndata: ')) yield JSON.parse(event.slice(18));
        }
      }
    } catch (error) {
      if (!stopped.signal.aborted) yield failure(`The stream was interrupted: run the operation again. (${error.message})`);
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
    const base = await credentials();
    const { headers } = base;
    headers.set('Content-Type', 'application/json');
    const accepted = 'application/graphql-response+json, application/json;q=0.9, text/event-stream;q=0.8';
    headers.set('Accept', accepted);
    for (const [name, value] of Object.entries(options?.headers ?? {})) {
      if (value) headers.set(name, value); // the headers editor takes precedence,
      else headers.delete(name); // and "" or null removes a header
    }
    const body = JSON.stringify(params);
    const stopped = new AbortController();
    const request = { ...base, method: 'POST', body, signal: stopped.signal };
    const response = await fetch('graphql', request);
    if (response.headers.get('Content-Type')?.startsWith('text/event-stream')) {
      setStatus('status', 'Subscribed');
      return answers(response, stopped);
    }
    const text = await response.text();
    const took = Math.round(performance.now() - started);
    setStatus('status', `HTTP ${response.status} · ${took} ms`, !response.ok);
    try {
      return JSON.parse(text);
    } catch {
      return failure(`The response (HTTP ${response.status}) is not JSON.`, { body: text });
    }
  } catch (error) {
    setStatus('status', 'No response', true);
    return failure(`No response from ${location.origin}: is Hallpass running? (${error.message})`);
  }
}

// --- The page ---------------------------------------------------------------

const root = ReactDOM.createRoot($('graphiql'));
const storage = GraphiQL.createLocalStorage({ namespace: 'hallpass' });

async function render(schema) {
  const defaultQuery = WELCOME + (await example);
  const props = { fetcher, schema, storage, defaultQuery, shouldPersistHeaders: false };
  root.render(React.createElement(GraphiQL, props));
}

let requested = 0;

/** Loads and shows the schema of the selected identity; ignores outdated responses. */
async function showSchema() {
  requested += 1;
  const current = requested;
  const schema = await loadSchema();
  if (current === requested) render(schema);
}

document.addEventListener('click', (event) => {
  if (event.target.closest('[aria-label="Re-fetch GraphQL schema"]')) showSchema();
  // Editor tooltips have "javascript:void 0" links, which the page's CSP blocks.
  if (event.target.closest('a[href^="javascript:"]')) event.preventDefault();
});

loadPersonas().then(setUpHeader).then(showSchema);
