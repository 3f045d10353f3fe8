/** The routes of cortex that are its own: the admin API and extensions (contracts, section 1). */
import { z } from 'zod';

import {
  AdminDrainResult,
  AdminExplanation,
  AdminFreeCall,
  AdminFreeResult,
  AdminModel,
  AdminModelCall,
  AdminModelResult,
  AdminModels,
  AdminNode,
  AdminNodes,
  AdminPinCall,
  AdminPinResults,
} from '../admin.ts';
import { AdminEventShape, AdminFleet, GatewayHealth } from '../admin-fleet.ts';
import { AdminRequest, AdminRequests, AdminRequestsQuery } from '../admin-requests.ts';
import { AdminJoinToken, JoinCall, SealedBody } from '../join.ts';
import { ListedModel, ModelList } from '../listed-model.ts';
import { DrainRequest, ModelEntry } from '../neuron.ts';
import {
  AdminAddCall,
  AdminAdded,
  AdminPull,
  AdminPullCall,
  AdminRemoveCall,
  AdminRemoved,
  PullReport,
} from '../pulls.ts';
import { RerankAnswer } from '../vectors.ts';
import { openApiDocument } from './document.ts';
import type { Operation } from './operation.ts';
import { SHARED_TOKENIZER_OPERATIONS } from './tokenizer-operations.ts';

const VIEWS: readonly Operation[] = [
  {
    method: 'get',
    path: '/admin/v1/nodes',
    id: 'listNodes',
    tag: 'admin',
    summary: 'The nodes: state, devices, models',
    answers: { 200: AdminNodes },
  },
  {
    method: 'get',
    path: '/admin/v1/models',
    id: 'listFleetModels',
    tag: 'admin',
    summary: 'The models of the catalogue and of the nodes, with their replicas',
    answers: { 200: AdminModels },
  },
  {
    method: 'get',
    path: '/admin/v1/fleet',
    id: 'getFleet',
    tag: 'admin',
    summary: 'Health, nodes and models at one moment',
    answers: { 200: AdminFleet },
  },
  {
    method: 'get',
    path: '/admin/v1/events',
    id: 'followFleet',
    tag: 'admin',
    summary: 'The fleet, then its changes in order, as server-sent events',
    answers: { 200: { events: AdminEventShape } },
  },
  {
    method: 'get',
    path: '/admin/v1/requests',
    id: 'listRequests',
    tag: 'admin',
    summary: 'The last requests that have ended, newest first',
    query: AdminRequestsQuery,
    answers: { 200: AdminRequests },
  },
  {
    method: 'get',
    path: '/admin/v1/explain',
    id: 'explain',
    tag: 'admin',
    summary: 'Why a request was answered where it was, or where a model would be loaded and why',
    query: z.object({
      model: z.string().optional().meta({ description: 'An id, or id@node' }),
      request: z.string().optional().meta({ description: 'An x-request-id; one of the two' }),
    }),
    answers: { 200: AdminExplanation },
  },
];

const MODEL_CALLS: readonly Operation[] = [
  {
    method: 'post',
    path: '/admin/v1/models/load',
    id: 'loadFleetModel',
    tag: 'admin',
    summary: 'Loads a model, on the node where a request would load it or on the one that is named',
    body: AdminModelCall.omit({ force: true }),
    answers: { 200: AdminModelResult },
  },
  {
    method: 'post',
    path: '/admin/v1/models/unload',
    id: 'unloadFleetModel',
    tag: 'admin',
    summary: 'Unloads a model on all nodes, or on one',
    body: AdminModelCall,
    answers: { 200: z.looseObject({ results: z.array(AdminModelResult) }) },
  },
  {
    method: 'post',
    path: '/admin/v1/models/pin',
    id: 'pinFleetModel',
    tag: 'admin',
    summary: 'A pinned model is not evicted',
    body: AdminPinCall,
    answers: { 200: AdminPinResults },
  },
  {
    method: 'post',
    path: '/admin/v1/models/add',
    id: 'addModel',
    tag: 'admin',
    summary: 'Adds a model to models.toml and says what it needs on each node',
    body: AdminAddCall,
    answers: { 200: AdminAdded },
  },
  {
    method: 'post',
    path: '/admin/v1/models/remove',
    id: 'removeModel',
    tag: 'admin',
    summary: 'Removes a model from models.toml, and its files if asked to',
    body: AdminRemoveCall,
    answers: { 200: AdminRemoved },
  },
  {
    method: 'post',
    path: '/admin/v1/models/pull',
    id: 'pullFleetModel',
    tag: 'admin',
    summary: 'Downloads the files of a model on a node',
    body: AdminPullCall,
    answers: { 200: AdminPull },
  },
  {
    method: 'get',
    path: '/admin/v1/models/pull',
    id: 'getFleetPull',
    tag: 'admin',
    summary: 'The download of a model on a node',
    query: z.object({ model: z.string(), node: z.string() }),
    answers: { 200: AdminPull },
  },
];

const NODE_CALLS: readonly Operation[] = [
  {
    method: 'post',
    path: '/admin/v1/nodes/{node}/drain',
    id: 'drainFleetNode',
    tag: 'admin',
    summary: 'Begins or ends the drain of a node',
    body: DrainRequest,
    answers: { 200: AdminDrainResult },
  },
  {
    method: 'post',
    path: '/admin/v1/nodes/{node}/free',
    id: 'freeNode',
    tag: 'admin',
    summary: 'Drains a node and unloads its models, so that its GPU is free',
    body: AdminFreeCall,
    answers: { 200: AdminFreeResult },
  },
  {
    method: 'post',
    path: '/admin/v1/join-tokens',
    id: 'createJoinToken',
    tag: 'admin',
    summary: 'A token with which one host can join within an hour',
    answers: { 200: AdminJoinToken },
  },
  {
    method: 'post',
    path: '/admin/v1/join',
    id: 'join',
    tag: 'admin',
    summary:
      'A host joins; body and answer are sealed with the join token, which stands in for the key',
    body: JoinCall,
    answers: { 200: SealedBody },
    isOpen: true,
  },
];

const EXTENSIONS: readonly Operation[] = [
  {
    method: 'get',
    path: '/health',
    id: 'getHealth',
    tag: 'extensions',
    summary: 'Whether the fleet serves, for load balancers',
    answers: { 200: GatewayHealth },
    isOpen: true,
  },
  {
    method: 'get',
    path: '/openapi.json',
    id: 'getOpenApi',
    tag: 'extensions',
    summary: 'This document',
    answers: { 200: z.looseObject({ openapi: z.string() }) },
    isOpen: true,
  },
  {
    method: 'get',
    path: '/v1/models',
    id: 'listModels',
    tag: 'extensions',
    summary: 'The models, with state, places, limits and capabilities beside the fields of OpenAI',
    answers: { 200: ModelList },
    isOpen: true,
  },
  {
    method: 'get',
    path: '/v1/models/{id}',
    id: 'getModel',
    tag: 'extensions',
    summary: 'One model; the header x-cortex-warm: 1 has it loaded',
    answers: { 200: ListedModel },
    isOpen: true,
  },
  {
    method: 'post',
    path: '/v1/rerank',
    id: 'rerank',
    tag: 'extensions',
    summary: 'Documents ranked by a query, in the shape of Jina and Cohere',
    body: z.looseObject({
      model: z.string(),
      query: z.string(),
      documents: z.array(z.union([z.string(), z.looseObject({ text: z.string() })])),
      top_n: z.int().optional(),
      return_documents: z.boolean().optional(),
    }),
    answers: { 200: RerankAnswer },
    isOpen: true,
  },
  ...SHARED_TOKENIZER_OPERATIONS.map((operation) => ({ ...operation, isOpen: true })),
];

/** `GET /openapi.json` of cortex. */
export const gatewayOpenApi = (version: string) =>
  openApiDocument(
    {
      title: 'cortex',
      version,
      description:
        'What cortex answers beside the APIs of OpenAI, Anthropic and Ollama: the admin API and extensions.',
      key: 'The admin key, which cortex makes at its first start.',
      shapes: { AdminModel, AdminNode, AdminRequest, ListedModel, ModelEntry, PullReport },
    },
    [...VIEWS, ...MODEL_CALLS, ...NODE_CALLS, ...EXTENSIONS],
  );
