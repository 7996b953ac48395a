import type { ChildProcess } from "node:child_process";

export interface Started {
  readonly child: ChildProcess;
  readonly url: string;
}

export function freePort(): Promise<number>;
export function startHallpass(program: string, directory: string, settings: Readonly<Record<string, string>>): Promise<Started>;
export function stopServer(child: ChildProcess): Promise<void>;
export function token(program: string, directory: string, persona: string): string;
