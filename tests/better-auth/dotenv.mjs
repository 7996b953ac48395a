// Reads a .env file on stdin as the `dotenv` package does, and prints its variables as JSON.
import { readFileSync } from "node:fs";
import dotenv from "dotenv";

process.stdout.write(JSON.stringify(dotenv.parse(readFileSync(0))));
