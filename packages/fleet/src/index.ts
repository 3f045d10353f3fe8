export * from './alias-table.ts';
export * from './catalogue.ts';
export * from './fleet-event.ts';
export * from './leases-view.ts';
export * from './resolve-model.ts';
export * from './snapshot.ts';
export * from './views/activity.ts';
