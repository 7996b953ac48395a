// The demo courses of this repository, read from its Markdown files.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./prepare.mjs";

const directory = join(root, "../../src/domains/courses/demo");

/** A file with a header: lines `name = value` between two lines `+++`. The values are also JSON. */
function readDocument(file) {
  const [, header, body] = /^\+\+\+\n(.*?)\n\+\+\+\n(.*)$/s.exec(readFileSync(file, "utf8"));
  const entries = header.split("\n").map((line) => line.split(" = "));
  return { ...Object.fromEntries(entries.map(([name, value]) => [name, JSON.parse(value)])), body: body.trim() };
}

function readChapter(path, name) {
  const { title, body, interest_areas: interestAreas, required_tier: requiredTier } = readDocument(join(path, "chapter.md"));
  const files = readdirSync(path).filter((file) => file !== "chapter.md");
  const variants = files.map((file) => {
    const { level, hardware, body: text } = readDocument(join(path, file));
    return { level: level.toUpperCase(), hardware: hardware.toUpperCase(), body: text };
  });
  return { slug: name.replace(/^\d+-/, ""), title, summary: body, interestAreas, requiredTier, variants };
}

function readCourse(slug) {
  const path = join(directory, slug);
  const { title, body, interest_areas: interestAreas } = readDocument(join(path, "course.md"));
  const chapters = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const names = chapters.map((entry) => entry.name).sort();
  return { slug, title, description: body, interestAreas, chapters: names.map((name) => readChapter(join(path, name), name)) };
}

export const courses = () => readdirSync(directory).map(readCourse);
