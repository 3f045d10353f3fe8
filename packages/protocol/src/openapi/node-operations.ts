/** The routes of neuron (contracts, section 3) but for inference, which are those of the APIs it speaks. */
import { z } from 'zod';

import {
  DeviceInfo,
  Discovery,
  ClaimAnswer,
  ClaimRequest,
  DrainAnswer,
  DrainRequest,
  EstimateAnswer,
  LoadModelRequest,
  ModelEntry,
  ModelLoad,
  NodeHealth,
  NodeModels,
  NodeVersion,
  PinModelRequest,
  SleepModelRequest,
  UnloadModelRequest,
} from '../neuron.ts';
import { NodeEventShape } from '../node-events.ts';
import { PullModelRequest, PullReport, RemovedFiles } from '../pulls.ts';
import { openApiDocument } from './document.ts';
import { TOKENIZER_OPERATIONS } from './tokenizer-operations.ts';
import type { Operation } from './operation.ts';

const status = (...values: readonly string[]) => z.looseObject({ status: z.enum(values) });

const READS: readonly Operation[] = [
  {
    method: 'get',
    path: '/version',
    id: 'getVersion',
    tag: 'node',
    summary: 'What runs here: versions of neuron, its runtime and its engines',
    answers: { 200: NodeVersion },
  },
  {
    method: 'get',
    path: '/discovery',
    id: 'getDiscovery',
    tag: 'node',
    summary: 'What the host is: system, CPU, memory, devices, disks, harnesses',
    answers: { 200: Discovery },
  },
  {
    method: 'get',
    path: '/health',
    id: 'getHealth',
    tag: 'node',
    summary: 'What the node does now: readiness, devices, loaded models, harnesses',
    answers: { 200: NodeHealth },
  },
  {
    method: 'get',
    path: '/metrics',
    id: 'getMetrics',
    tag: 'node',
    summary: 'The same for Prometheus',
    answers: { 200: { text: 'text/plain' } },
  },
  {
    method: 'get',
    path: '/events',
    id: 'followEvents',
    tag: 'node',
    summary: 'All models and devices, then every change of them, as server-sent events',
    answers: { 200: { events: NodeEventShape } },
  },
  {
    method: 'get',
    path: '/openapi.json',
    id: 'getOpenApi',
    tag: 'node',
    summary: 'This document',
    answers: { 200: z.looseObject({ openapi: z.string() }) },
  },
];

const MODELS: readonly Operation[] = [
  {
    method: 'get',
    path: '/models',
    id: 'listModels',
    tag: 'models',
    summary: 'Every model that is on disk, loaded or failed',
    answers: { 200: NodeModels },
  },
  {
    method: 'post',
    path: '/models/load',
    id: 'loadModel',
    tag: 'models',
    summary: 'Loads a model; its memory is reserved before the answer',
    query: z.object({
      wait: z.enum(['true', 'false']).optional().meta({ description: 'Answer once it is loaded' }),
    }),
    body: LoadModelRequest,
    answers: { 200: status('loaded'), 202: status('loading', 'pulling') },
  },
  {
    method: 'post',
    path: '/models/unload',
    id: 'unloadModel',
    tag: 'models',
    summary: 'Unloads a model; requests in flight end first, unless force is set',
    body: UnloadModelRequest,
    answers: { 200: status('unloaded') },
  },
  {
    method: 'post',
    path: '/models/{id}/sleep',
    id: 'putModelToSleep',
    tag: 'models',
    summary: 'An idle model gives its memory back and keeps its process',
    body: SleepModelRequest,
    isBodyOptional: true,
    answers: { 200: status('sleeping') },
  },
  {
    method: 'post',
    path: '/models/{id}/wake',
    id: 'wakeModel',
    tag: 'models',
    summary: 'Wakes a model; answers once it serves again',
    answers: { 200: status('loaded') },
  },
  {
    method: 'post',
    path: '/models/{id}/pin',
    id: 'pinModel',
    tag: 'models',
    summary: 'A pinned model is not unloaded by its TTL or for another program',
    body: PinModelRequest,
    answers: { 200: z.looseObject({ id: z.string(), pinned: z.boolean() }) },
  },
  {
    method: 'post',
    path: '/models/{id}/estimate',
    id: 'estimateModel',
    tag: 'models',
    summary: 'The memory that a load with these fields needs, and whether it fits now',
    body: LoadModelRequest.omit({ model_id: true }),
    answers: { 200: EstimateAnswer },
  },
  {
    method: 'get',
    path: '/models/{id}/capabilities',
    id: 'getCapabilities',
    tag: 'models',
    summary: 'What the model can do, from its files',
    answers: { 200: z.looseObject({ capabilities: z.array(z.string()) }) },
  },
  {
    method: 'get',
    path: '/models/{id}/endpoint',
    id: 'getEndpoint',
    tag: 'models',
    summary: 'Where inference for a loaded model is sent',
    answers: { 200: z.looseObject({ url: z.string() }) },
  },
  {
    method: 'get',
    path: '/models/{id}/logs',
    id: 'getLogs',
    tag: 'models',
    summary: 'The last lines that the engine of the model wrote, oldest first',
    answers: { 200: z.looseObject({ lines: z.array(z.string()) }) },
  },
];

const FILES: readonly Operation[] = [
  {
    method: 'post',
    path: '/models/pull',
    id: 'pullModel',
    tag: 'files',
    summary: 'Downloads the files of a model',
    body: PullModelRequest,
    answers: { 200: PullReport, 202: PullReport },
  },
  {
    method: 'get',
    path: '/models/pull/{id}',
    id: 'getPull',
    tag: 'files',
    summary: 'The running download of a model, or its last one',
    answers: { 200: PullReport },
  },
  {
    method: 'delete',
    path: '/models/pull/{id}',
    id: 'cancelPull',
    tag: 'files',
    summary: 'Cancels a download and removes its incomplete files',
    answers: { 200: PullReport },
  },
  {
    method: 'delete',
    path: '/models/{id}/files',
    id: 'removeFiles',
    tag: 'files',
    summary: 'Removes the files of a model that is not loaded',
    answers: { 200: RemovedFiles },
  },
  {
    method: 'post',
    path: '/models/rescan',
    id: 'rescanModels',
    tag: 'files',
    summary: 'Looks at the model folders again, now',
    answers: { 200: z.looseObject({ models: z.int() }) },
  },
];

const CALLS: readonly Operation[] = [
  {
    method: 'post',
    path: '/drain',
    id: 'drainNode',
    tag: 'node',
    summary: 'Begins or ends a drain: the node refuses loads and serves what it has',
    body: DrainRequest,
    answers: { 200: DrainAnswer },
  },
  {
    method: 'post',
    path: '/claim',
    id: 'claimRoom',
    tag: 'node',
    summary:
      'Keeps room for a model that waits: all gateways stop sending requests to those that are to leave',
    body: ClaimRequest,
    answers: { 200: ClaimAnswer },
  },
  {
    method: 'post',
    path: '/harnesses/{name}/restart',
    id: 'restartHarness',
    tag: 'node',
    summary: 'Restarts the server of a harness once its models are idle',
    answers: {
      200: z.looseObject({ status: z.string(), lifecycle_cycles: z.int().optional() }),
    },
  },
];

/** `GET /openapi.json` of neuron. */
export const nodeOpenApi = (version: string) =>
  openApiDocument(
    {
      title: 'neuron',
      version,
      description: 'What neuron answers beside inference: its state, its models and their files.',
      key: 'The node token (`node_token_file`). A node without one needs none.',
      shapes: { DeviceInfo, ModelEntry, ModelLoad, PullReport },
    },
    [...READS, ...MODELS, ...FILES, ...CALLS, ...TOKENIZER_OPERATIONS],
  );
