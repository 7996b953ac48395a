import { launch as launchPuppeteer } from "puppeteer-core";

/** CHROMIUM names another browser than /usr/bin/chromium. */
export function launch() {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  return launchPuppeteer({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--lang=en"] });
}
