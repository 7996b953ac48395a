// The operation in the editor as code: for fetch and for curl. Credentials are
// variables in it, never their values.

const SECRET_NAME = /authorization|cookie|token|secret|session|password|api-?key/i;
const SECRET_VALUE = /^(bearer|basic)\s|^eyJ[\w-]+\./i;

/** Headers of the headers editor, secrets as names of variables: `[name, { text } | { variable }]`. */
function headersOf(headers) {
  return Object.entries(headers).filter(([, value]) => value).map(([name, value]) => {
    const isSecret = SECRET_NAME.test(name) || SECRET_VALUE.test(String(value));
    return [name, isSecret ? { variable: name.toUpperCase().replace(/\W/g, '_') } : { text: String(value) }];
  });
}

const has = (headers, name) => headers.some(([other]) => other.toLowerCase() === name);

const bodyOf = ({ query, variables, operationName }) => ({
  query,
  ...(variables ? { variables } : {}),
  ...(operationName ? { operationName } : {}),
});

const acceptOf = ({ isSubscription }) =>
  isSubscription ? 'text/event-stream' : 'application/graphql-response+json, application/json;q=0.9';

const indent = (text, by) => text.replaceAll('\n', `\n${' '.repeat(by)}`);

/** A template literal with `text` in it. */
export const template = (text) => `\`${text.replace(/[\\`]|\$(?=\{)/g, '\\$&')}\``;

/** Lines that declare `token`. */
function tokenLines(source) {
  if (!source) return 'const token = process.env.TOKEN; // of the user\n';
  return `const personas = await (await fetch(${JSON.stringify(source.url)})).json();
const { token } = personas.find(({ name }) => name === ${JSON.stringify(source.persona)});
`;
}

export function asFetch(operation, { hasToken, isByCookie, tokenSource }) {
  const headers = headersOf(operation.headers);
  const withToken = hasToken && !has(headers, 'authorization');
  const lines = [
    '"Content-Type": "application/json",',
    `Accept: ${JSON.stringify(acceptOf(operation))},`,
    ...(withToken ? ['Authorization: `Bearer ${token}`,'] : []),
    ...headers.map(([name, { text, variable }]) =>
      `${JSON.stringify(name)}: ${text === undefined ? `process.env.${variable}` : JSON.stringify(text)},`),
  ];
  const { query, ...rest } = bodyOf(operation);
  const more = Object.entries(rest).map(([name, value]) => `, ${name}: ${indent(JSON.stringify(value, null, 2), 2)}`).join('');
  const request = `const response = await fetch(${JSON.stringify(operation.url)}, {
  method: "POST",${isByCookie ? '\n  credentials: "include",' : ''}
  headers: {
    ${lines.join('\n    ')}
  },
  body: JSON.stringify({ query${more} }),
});`;
  const answer = operation.isSubscription
    ? `for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
  console.log(text);
}`
    : 'const { data, errors } = await response.json();';
  return `${withToken ? `${tokenLines(tokenSource)}\n` : ''}const query = ${template(query)};\n\n${request}\n${answer}\n`;
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** A variable of the shell, without which the command is not run. */
const variableOf = (name) => `\${${name}:?}`;

/** The line that sets TOKEN. */
function tokenLine({ url, persona }) {
  const pick = `s/.*"name":"${persona}"[^{]*"token":"\\([^"]*\\)".*/\\1/p`;
  return `TOKEN=$(curl -s ${quoted(url)} | sed -n ${quoted(pick)})\n`;
}

export function asCurl(operation, { hasToken, isByCookie, tokenSource }) {
  const headers = headersOf(operation.headers);
  const withToken = hasToken && !has(headers, 'authorization');
  const parts = [
    `curl ${operation.isSubscription ? '-N ' : ''}${quoted(operation.url)}`,
    "-H 'Content-Type: application/json'",
    `-H ${quoted(`Accept: ${acceptOf(operation)}`)}`,
    ...(withToken ? [`-H "Authorization: Bearer ${variableOf('TOKEN')}"`] : []),
    ...(isByCookie && !has(headers, 'cookie') ? [`-H "Cookie: ${variableOf('COOKIE')}"`] : []),
    ...headers.map(([name, { text, variable }]) =>
      text === undefined ? `-H "${name}: ${variableOf(variable)}"` : `-H ${quoted(`${name}: ${text}`)}`),
    `--data-raw ${quoted(JSON.stringify(bodyOf(operation)))}`,
  ];
  return `${withToken && tokenSource ? tokenLine(tokenSource) : ''}${parts.join(' \\\n  ')}\n`;
}
