// The operation in the editor as code for @hallpass/client: typed by gql.tada,
// executed by urql.

import { template } from './snippets.js';

const pascal = (name) => name.charAt(0).toUpperCase() + name.slice(1);

export function asClientCode(operation, { hasToken, isByCookie }) {
  const name = pascal(operation.name || 'Operation');
  const withToken = hasToken && !isByCookie;
  const provider = withToken ? 'betterAuthToken' : 'cookieCredentials';
  const variables = JSON.stringify(operation.variables ?? {}, null, 2);
  const liveUrl = operation.url.replace(/^http/, 'ws').concat('/ws');
  const run = operation.isSubscription
    ? `const { unsubscribe } = client.subscription(${name}, ${variables}).subscribe(({ data, error }) => {
  const failure = firstError(error);
  if (failure) console.error(failure.code, failure.message);
  else console.log(data);
});`
    : `const { data, error } = await client.${operation.kind}(${name}, ${variables});
const failure = firstError(error); // \`failure.code\` narrows \`failure.extensions\``;
  return `import { ${provider}, firstError } from "@hallpass/client";
import type { introspection } from "@hallpass/client/schema/gql-tada";
import { hallpassUrql } from "@hallpass/client/urql";
import { initGraphQLTada } from "gql.tada";
import { cacheExchange, Client } from "urql";${withToken ? '\nimport { authClient } from "./auth-client"; // of Better Auth, with the JWT plugin' : ''}

const graphql = initGraphQLTada<{ introspection: introspection; scalars: { DateTime: string; Date: string } }>();
const client = new Client(
  hallpassUrql({
    url: ${JSON.stringify(operation.url)},${operation.isSubscription ? `\n    liveUrl: ${JSON.stringify(liveUrl)},` : ''}
    credentials: ${provider}(${withToken ? 'authClient' : ''}),
    cache: cacheExchange,
  }),
);

const ${name} = graphql(${template(operation.query)});

${run}
`;
}
