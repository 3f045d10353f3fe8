/** Where the program that checks deploy/ is, or will be. */
export function deployCheckPath(): string;
