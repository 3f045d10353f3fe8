import { type Check } from './apis.ts';
import { filesWithSettings, formatSettings } from './settings-plan.ts';
import { type Access, type Env, type Tool } from './tool.ts';

/** Settings, and the file or the place where they belong. */
export interface Part {
  /** Absolute path of a file, or what the user does with the text. */
  readonly target: string;
  readonly text: string;
}

/** The settings of a program, as text. */
export function partsOf(tool: Tool, access: Access, env: Env): readonly Part[] {
  if (!('files' in tool)) return [{ target: tool.target, text: tool.text(access) }];
  return filesWithSettings(tool.files, access).map((file) => ({
    target: file.path(env),
    text: formatSettings(file, access).trimEnd(),
  }));
}

const OUTCOMES = { ok: 'ok', failed: 'failed', skipped: 'not tried' } as const;

/** One line on a check: `POST /v1/messages: ok`. */
export const formatCheck = ({ call, outcome, reason }: Check): string =>
  `${call}: ${OUTCOMES[outcome]}${reason === undefined ? '' : `, ${reason}`}`;
