/** A document for React, before React is imported. */
import { JSDOM } from "jsdom";

const { window } = new JSDOM("<!doctype html>");
const globals = { window, document: window.document, navigator: window.navigator, IS_REACT_ACT_ENVIRONMENT: true };
for (const [name, value] of Object.entries(globals)) Object.defineProperty(globalThis, name, { value, configurable: true });
