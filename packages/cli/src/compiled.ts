/** The entry of the compiled program. */
import { restartWithSettings } from '@cortex/service/runtime-settings';

restartWithSettings();
await import('./main.ts');
