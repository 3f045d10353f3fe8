import { type Tool } from './tool.ts';
import { aider } from './tools/aider.ts';
import { claudeCode } from './tools/claude-code.ts';
import { cline } from './tools/cline.ts';
import { codex } from './tools/codex.ts';
import { continueDev } from './tools/continue.ts';
import { openAiSdk } from './tools/openai-sdk.ts';
import { openWebui } from './tools/open-webui.ts';
import { opencode } from './tools/opencode.ts';
import { vscode } from './tools/vscode.ts';
import { zed } from './tools/zed.ts';

export const TOOL_NAMES = [
  'claude-code',
  'opencode',
  'codex',
  'zed',
  'vscode',
  'open-webui',
  'aider',
  'continue',
  'cline',
  'openai',
] as const;

export type ToolName = (typeof TOOL_NAMES)[number];

/** The programs that `cortex connect` knows, by the name that it takes. */
export const TOOLS: Readonly<Record<ToolName, Tool>> = {
  'claude-code': claudeCode,
  opencode,
  codex,
  zed,
  vscode,
  'open-webui': openWebui,
  aider,
  continue: continueDev,
  cline,
  openai: openAiSdk,
};
