/** Images for models that cannot read them and are loaded with `on_image = "placeholder"`. */
import { noteImages } from '@cortex/protocol';

import type { ModelLifecycle } from '../models/model-lifecycle.ts';
import type { Models } from '../models/models.ts';

/** Whether the model gets a text in place of each image. */
export const notesImages = ({
  settings,
  running,
}: Pick<ModelLifecycle, 'settings' | 'running'>): boolean =>
  settings?.onImage === 'placeholder' && running?.capabilities.includes('vision') === false;

/** The body as its model gets it. It is replaced before it is measured and parsed: images are most of its bytes. */
export const withoutImages = (
  bytes: Uint8Array<ArrayBuffer>,
  models: Models,
): Promise<Uint8Array<ArrayBuffer>> => {
  const noting = models.loaded().filter(notesImages);
  return noteImages(bytes, new Set(noting.map(({ id }) => id)));
};
