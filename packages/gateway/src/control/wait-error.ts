import type { Selection } from '@cortex/fleet';
import { CortexError, type LoadingState } from '@cortex/protocol';

import type { AcquireRequest } from './control.ts';

const RETRY_AFTER_WAIT_S = 5;

function loadError(request: AcquireRequest, loading: LoadingState): CortexError {
  const { model, stream } = request;
  // A client of a request that is not streamed can retry while the load continues. A stream has already waited for
  // the maximum time.
  if (stream && loading.state !== 'pulling') {
    return new CortexError('load_timeout', `${model} was not loaded in time.`, { loading });
  }
  return new CortexError('model_loading', `${model} is still ${loading.state}.`, {
    loading,
    retryAfterS: loading.eta_s ?? RETRY_AFTER_WAIT_S,
  });
}

/** The error for a request that waited too long, depending on what it waited for. */
export function waitError(
  request: AcquireRequest,
  selection: Exclude<Selection, { kind: 'refused' }>,
  describe: (replica: Extract<Selection, { kind: 'loading' }>['replica']) => LoadingState,
): CortexError {
  const { model } = request;
  switch (selection.kind) {
    case 'loading':
      return loadError(request, describe(selection.replica));
    case 'load':
      return loadError(request, { state: 'loading' });
    case 'pending':
      return new CortexError(
        'no_healthy_node',
        `No node that could have ${model} has answered yet.`,
      );
    case 'node':
    case 'full':
      break;
  }
  return new CortexError('queue_full', `No slot for ${model} became free in time.`, {
    retryAfterS: RETRY_AFTER_WAIT_S,
  });
}
