import type { ServerUnit } from './endpoint-server.ts';

/** A unit of systemd, started and restarted with `systemctl`. */
export const systemdUnit = (name: string): ServerUnit => ({
  name,
  async run(verb, signal) {
    const systemctl = Bun.which('systemctl');
    if (systemctl === null) throw new Error('systemctl is not installed');
    const child = Bun.spawn([systemctl, '--no-ask-password', verb, '--', name], {
      stdio: ['ignore', 'ignore', 'pipe'],
      signal,
    });
    const [code, said] = await Promise.all([child.exited, new Response(child.stderr).text()]);
    signal.throwIfAborted();
    if (code !== 0)
      throw new Error(said.trim() || `systemctl ${verb} ended with exit code ${code}`);
  },
});
