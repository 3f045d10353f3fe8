/** Where a gateway of this machine listens unless its configuration says otherwise. */
export const DEFAULT_URL = 'http://127.0.0.1:31313';
