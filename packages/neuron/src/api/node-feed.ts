/** Turns the changes of models, devices and the drain into events. */
import type { NodeEvent } from '@cortex/protocol';
import { EventFeed } from '@cortex/service';

import { DeviceChanges } from '../events/device-changes.ts';
import type { Every } from '../every.ts';
import type { ApiDeps } from './context.ts';
import { deviceLoads, isDraining, modelLoad } from './views.ts';

/** As often as the devices are read. */
const DEVICES_MS = 5000;

type FeedDeps = Pick<
  ApiDeps,
  'models' | 'admission' | 'devices' | 'ledger' | 'yielding' | 'gate' | 'drain'
> & {
  readonly every: Every;
};

/** The feed of this node. It publishes every change of a model, the drain, and material changes of devices. */
export function createNodeFeed(deps: FeedDeps): EventFeed<NodeEvent> {
  const { models, drain, gate, every } = deps;
  const changes = new DeviceChanges();
  changes.check(deviceLoads(deps));
  const states = new Map<string, string>();

  const feed = new EventFeed<NodeEvent>({
    snapshot: () => ({
      draining: isDraining(deps),
      models: models.entries(performance.now()),
      devices: deviceLoads(deps),
    }),
    every,
    onClose: every(DEVICES_MS, () => publishDevices()),
  });

  function publishDevices(): void {
    const devices = changes.check(deviceLoads(deps));
    if (devices) feed.publish({ kind: 'devices', devices });
  }

  function publishModel(id: string): void {
    const model = models.entry(id, performance.now());
    if (!model) {
      states.delete(id);
      return feed.publish({ kind: 'model_gone', id });
    }
    const held = models.loaded().find((lifecycle) => lifecycle.id === id);
    feed.publish({ kind: 'model', model, load: held && modelLoad(deps, held) });
    // A load, an unload or a crash has changed the memory of a device.
    if (states.get(id) !== model.status) publishDevices();
    states.set(id, model.status);
    return undefined;
  }

  function publishDrain(): void {
    feed.publish({ kind: 'draining', draining: isDraining(deps) });
  }

  models.onChange(publishModel);
  drain.onChange(publishDrain);
  gate.onClose(publishDrain);
  return feed;
}
