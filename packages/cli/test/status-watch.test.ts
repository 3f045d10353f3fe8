/** `cortex status --watch` on a real gateway that changes, ends and comes back. */
import { afterEach, describe, expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { loadGatewayConfig, type RunningGateway, startGateway } from '@cortex/gateway';
import { createLogger } from '@cortex/service';
import { FakeNeuron } from '@cortex/testkit';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';

import { createGatewayClient } from '../src/client/gateway-client.ts';
import { statusCommand } from '../src/commands/status.ts';
import { FakeTerminal, plain } from './fake-client.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

/** A terminal whose output can be waited for. */
class WatchedTerminal extends FakeTerminal {
  #onOutput = Promise.withResolvers<void>();

  override print(text: string): void {
    super.print(text);
    this.#changed();
  }
  override warn(text: string): void {
    super.warn(text);
    this.#changed();
  }
  async until(holds: (terminal: this) => boolean): Promise<void> {
    while (!holds(this)) await this.#onOutput.promise;
  }
  /** Waits for `pattern` in what is printed from now on. */
  async prints(pattern: RegExp): Promise<void> {
    const { length } = this.text;
    await this.until(({ text }) => pattern.test(text.slice(length)));
  }
  #changed(): void {
    this.#onOutput.resolve();
    this.#onOutput = Promise.withResolvers();
  }
}

function gatewayIn(folder: string, neuron: FakeNeuron) {
  const file = join(folder, 'cortex.toml');
  return async (listen: string): Promise<RunningGateway> => {
    writeFileSync(
      file,
      `[gateway]\nlisten = "${listen}"\nmetrics_listen = "127.0.0.1:0"\nstate_dir = "state"\n[control]\npoll_interval_s = 0.1\n[[neurons]]\nname = "beast"\nendpoint = "${neuron.url}"\n`,
    );
    const gateway = await startGateway({
      ...loadGatewayConfig({ file, env: {} }),
      log: createLogger({ name: 'cortex', level: 'silent' }),
    });
    open.push({ close: () => gateway.close(0) });
    return gateway;
  };
}

function watch(url: string, folder: string, ...args: readonly string[]) {
  const terminal = new WatchedTerminal();
  let hasLeft = false;
  const context = {
    terminal,
    paint: plain,
    connect: () =>
      createGatewayClient(url, {
        adminKeys: () =>
          Promise.resolve({
            keys: [readFileSync(join(folder, 'state', 'admin.key'), 'utf8').trim()],
            tried: [],
          }),
      }),
  };
  const pause = async (): Promise<void> => {
    if (hasLeft) throw new Error('end of the test');
    await Bun.sleep(1);
  };
  const ended = statusCommand(context, pause)
    .parseAsync(['--watch', ...args], { from: 'user' })
    .then(
      () => undefined,
      (error: unknown) => error,
    );
  // It ends after its gateway, at its next pause.
  open.unshift({
    close: async () => {
      hasLeft = true;
      await ended;
    },
  });
  return { terminal, ended };
}

describe('cortex status --watch', () => {
  test('shows a change as soon as the gateway tells it, and goes on after a restart', async () => {
    const folder = temporaryFolder('cortex-watch');
    const neuron = new FakeNeuron({ models: [{ id: 'first' }] });
    open.push(neuron);
    const start = gatewayIn(folder, neuron);
    const gateway = await start('127.0.0.1:0');
    const { terminal } = watch(gateway.apiUrl, folder);
    await terminal.until(({ text }) => /first +loaded +beast/.test(text));

    neuron.setModel({ id: 'second', status: 'loading', progress: 0.4 });
    await terminal.prints(/second +loading 40 % +beast/);
    await gateway.close(0);
    await terminal.until(({ warnings }) => warnings.includes('no gateway answers at'));
    neuron.setModel({ id: 'third' });
    await start(new URL(gateway.apiUrl).host);

    await terminal.prints(/third +loaded +beast/);
    expect(terminal.warnings).toContain(`${gateway.apiUrl} has ended; it is called again`);
  });

  test('with --json prints one line per state', async () => {
    const folder = temporaryFolder('cortex-watch');
    const neuron = new FakeNeuron({ models: [{ id: 'first' }] });
    open.push(neuron);
    const gateway = await gatewayIn(folder, neuron)('127.0.0.1:0');
    const { terminal } = watch(gateway.apiUrl, folder, '--json');
    await terminal.until(({ text }) => text.includes('"first"'));

    neuron.setModel({ id: 'second' });
    await terminal.prints(/"second"/);

    const states: unknown[] = terminal.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(states.at(-1)).toMatchObject({
      health: { status: 'ok' },
      nodes: [{ name: 'beast' }],
      models: [{ id: 'first' }, { id: 'second' }],
    });
  });

  test('ends at once if no gateway answers at its start', async () => {
    const folder = temporaryFolder('cortex-watch');
    const neuron = new FakeNeuron();
    open.push(neuron);
    const gateway = await gatewayIn(folder, neuron)('127.0.0.1:0');
    await gateway.close(0);

    const { ended } = watch(gateway.apiUrl, folder);

    expect(String(await ended)).toContain('no gateway answers at');
  });
});
