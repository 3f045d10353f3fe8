export { type AliasTable, createAliasTable, findAlias } from './alias-table.ts';
export * from './catalogue.ts';
export { type ConfigMismatch, type Residency, residencyOf } from './catalogue-changes.ts';
export { type Refusal } from './classify-unserved.ts';
export { type Lacking, type NodeLack } from './feasibility.ts';
export { DueRestarts, type HarnessReport } from './due-restarts.ts';
export * from './fleet-event.ts';
export { FleetState } from './fleet-state.ts';
export { nearNames } from './near-names.ts';
export { replicaLoad } from './replica-load.ts';
export {
  ANTHROPIC_PREFIX,
  isKnownModel,
  nameForUnnamed,
  resolveModel,
  type Fits,
  type Resolution,
} from './resolve-model.ts';
export * from './snapshot.ts';
export type { Activity } from './views/activity.ts';
export type { Words } from './views/words.ts';
export {
  type AdminViewOptions,
  describeAdminModel,
  listAdminModels,
} from './views/admin-models.ts';
export { describeAdminNode, listAdminNodes, toAvoidance } from './views/admin-nodes.ts';
export { isSameModelView, isSameNodeView } from './views/same-view.ts';
export { type Touched, touchedBy } from './views/touched.ts';
export { type FleetHealth, fleetHealth } from './views/fleet-health.ts';
export { describeModel, type ListOptions, listModels } from './views/list-models.ts';
export { modelStatus } from './views/model-status.ts';
export { decide } from './decide/decide.ts';
export { DecideState, DEFAULT_SETTINGS } from './decide/decide-state.ts';
export { fitsBeside } from './decide/fits-beside.ts';
export { keepsTooMuch } from './decide/leavers.ts';
export { type Sleep, sleepOf } from './decide/sleep.ts';
export { underWay } from './decide/under-way.ts';
export { nodeForFiles } from './decide/node-for-files.ts';
export type {
  Action,
  AttemptOutcome,
  CircuitChange,
  DecideEvent,
  DecideRefusal,
  EvictionStep,
  FleetRequest,
  LoadOutcome,
  OperatorAnswer,
  ReportedEvent,
  WaitedFor,
} from './decide/events.ts';
export type { OpenCircuit } from './decide/circuit-table.ts';
export { explainModel, type ModelExplanation, type Outlook } from './decide/explain.ts';
export type {
  Blocker,
  Candidate,
  ExpectedSpeed,
  GrantRecord,
  PlacementRecord,
  UnderWay,
  Victim,
} from './decide/record.ts';
export type { DecideSettings } from './decide/settings.ts';
