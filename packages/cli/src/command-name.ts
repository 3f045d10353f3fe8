/** How a user calls this program: installed, or in a checkout. */
export const COMMAND: string = Bun.isStandaloneExecutable ? 'cortex' : 'npx cortex';
