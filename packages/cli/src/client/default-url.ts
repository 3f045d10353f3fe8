/** Default URL of a gateway on this machine. */
export const DEFAULT_URL = 'http://127.0.0.1:31313';
