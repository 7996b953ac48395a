// Drives the GraphiQL page of a running Hallpass (in development mode: it needs the personas)
// in a headless Chromium.
//
//   node graphiql.mjs <base url> <screenshot path> [step …]
//
// The base URL may have a path, if a proxy serves Hallpass below it.
//
// Prints {"ok":true,"answer":<premium's answer>} and exits 0, or says on stderr what is wrong
// and exits 1. CHROMIUM names another browser than /usr/bin/chromium.

import { axe } from './steps/axe.mjs';
import { copy } from './steps/copy.mjs';
import { docs } from './steps/docs.mjs';
import { events } from './steps/events.mjs';
import { examples } from './steps/examples.mjs';
import { explain } from './steps/explain.mjs';
import { identity } from './steps/identity.mjs';
import { keyboard } from './steps/keyboard.mjs';
import { narrow } from './steps/narrow.mjs';
import { baseOf, launch, onPage, report } from './support/browser.mjs';
import { check } from './support/checks.mjs';

const PHONE = { width: 390, height: 844 };

/** Name, page, and what is done on it. */
const STEPS = [
  ['identity', {}, identity],
  ['docs', {}, (page, base, screenshot) => docs(page, screenshot)],
  ['examples', {}, examples],
  ['events', {}, events],
  ['keyboard', {}, keyboard],
  ['explain', {}, explain],
  ['copy', {}, copy],
  ['narrow', PHONE, narrow],
  ['axe', {}, axe],
  ['axe dark', { colorScheme: 'dark' }, axe],
  ['axe on a phone', PHONE, axe],
  ['axe dark on a phone', { ...PHONE, colorScheme: 'dark' }, axe],
];

await report('The GraphiQL page', async () => {
  const [url, screenshot, ...only] = process.argv.slice(2);
  check(url && screenshot, 'usage: node graphiql.mjs <base url> <screenshot path> [step …]');
  const base = baseOf(url);
  const browser = await launch();
  try {
    const results = {};
    for (const [name, options, step] of STEPS.filter(([name]) => only.length === 0 || only.includes(name))) {
      results[name] = await onPage(browser, base, options, (page) => step(page, base, screenshot)).catch((error) => {
        error.message = `${name}: ${error.message}`;
        throw error;
      });
    }
    return { answer: results.identity };
  } finally {
    await browser.close();
  }
});
