import manifest from '../package.json' with { type: 'json' };

/** Version of this build of cortex. */
export const PRODUCT_VERSION: string = manifest.version;
