import { setTimeout as sleep } from 'node:timers/promises';

import { type AdminPull } from '@cortex/protocol';

import { CliError } from '../cli-error.ts';
import { type PullCall } from '../client/calls.ts';
import { type GatewayClient } from '../client/gateway-client.ts';
import { pullLine } from './pull-line.ts';
import { type Terminal } from './terminal.ts';

const POLL_MS = 500;
/** Clears the line of the cursor, to redraw it. */
const REDRAW = '\r\u001B[K';
/** Progress that is worth a line where lines cannot be redrawn. */
const STEP = 0.1;

/** Draws the progress: in place on a terminal, else a line for each tenth. */
function progressView(terminal: Pick<Terminal, 'isInteractive' | 'write' | 'warn'>) {
  let shown = -1;
  return {
    show({ pull }: AdminPull): void {
      if (terminal.isInteractive) return terminal.write(REDRAW + pullLine(pull));
      const step = Math.floor((pull.progress ?? 0) / STEP);
      if (step === shown) return undefined;
      shown = step;
      return terminal.warn(pullLine(pull));
    },
    end(): void {
      if (terminal.isInteractive) terminal.write(REDRAW);
    },
  };
}

/**
 * Pulls a model and waits for the end, with a view of the progress on a terminal or on standard error.
 *
 * @throws CliError why it failed or was cancelled
 */
export async function pullAndWait(
  client: GatewayClient,
  call: PullCall,
  terminal: Terminal,
): Promise<AdminPull> {
  const view = progressView(terminal);
  let state = await client.pullModel(call);
  try {
    while (state.pull.status === 'running') {
      view.show(state);
      await sleep(POLL_MS);
      state = await client.pullReport({ model: call.model, node: state.node });
    }
  } finally {
    view.end();
  }
  const { status, error } = state.pull;
  if (status === 'done') return state;
  throw new CliError(error ?? `the pull of ${call.model} was ${status}`);
}
