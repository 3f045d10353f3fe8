import {
  type AdminEstimate,
  AdminExplanation,
  AdminFleet,
  type AdminFreeResult,
  AdminModel,
  AdminNode,
  type AdminPull,
  AdminRemoved,
  ListedModel,
} from '@cortex/protocol';

import { CliError } from '../src/cli-error.ts';
import {
  type AddCall,
  type DrainCall,
  type ExplainQuestion,
  type FreeCall,
  type ModelCall,
  type PinCall,
  type PullCall,
  type Question,
  type RemoveCall,
} from '../src/client/calls.ts';
import { type ChatDelta, type GatewayClient } from '../src/client/gateway-client.ts';
import { type Paint, type Terminal } from '../src/output/terminal.ts';

export const listedModel = (overrides: Partial<ListedModel> = {}): ListedModel =>
  ListedModel.parse({
    id: 'cortex-tiny',
    object: 'model',
    created: 0,
    owned_by: 'cortex',
    loaded: true,
    status: { value: 'loaded' },
    locations: [{ node: 'local', status: 'loaded' }],
    feasible_on: ['local'],
    capabilities: ['text'],
    limit: { context: 4096, output: 4096 },
    ...overrides,
  });

export const adminNode = (overrides: Partial<AdminNode> = {}): AdminNode =>
  AdminNode.parse({
    name: 'local',
    endpoint: 'http://127.0.0.1:13131',
    state: 'up',
    draining: false,
    misses: 0,
    version: '0.1.0',
    cpu: { model: 'Example CPU', cores: 8 },
    ram_total_mb: 32_768,
    devices: [],
    models: [],
    in_flight: 0,
    ...overrides,
  });

export const adminModel = (
  overrides: Partial<AdminModel> = {},
  entry: Readonly<Record<string, unknown>> = {},
): AdminModel =>
  AdminModel.parse({
    id: 'cortex-tiny',
    status: 'loaded',
    catalogued: false,
    aliases: [],
    waiting: 0,
    replicas: [
      {
        node: 'local',
        in_flight: 0,
        model: {
          id: 'cortex-tiny',
          harness: 'llama',
          status: 'loaded',
          backend: 'cpu',
          limit: { context: 4096, output: 4096 },
          ...entry,
        },
      },
    ],
    ...overrides,
  });

export function adminFleet({
  nodes = [adminNode()],
  models = [adminModel()],
}: {
  readonly nodes?: readonly AdminNode[];
  readonly models?: readonly AdminModel[];
} = {}): AdminFleet {
  const { length } = nodes;
  const health = { status: 'ok', nodes: { healthy: length, total: length } };
  return AdminFleet.parse({ health, nodes, models });
}

/** A gateway with scripted answers that records its calls. */
export class FakeClient implements GatewayClient {
  url = 'http://gateway';
  readonly calls: (ModelCall & PullCall & Partial<RemoveCall>)[] = [];
  readonly bodies: Readonly<Record<string, unknown>>[] = [];
  freed: Pick<AdminFreeResult, 'unloaded' | 'pinned' | 'kept'> = {
    unloaded: ['cortex-tiny'],
    pinned: [],
    kept: [],
  };
  answer: readonly ChatDelta[] = [{ text: 'Hello.' }, { finish: 'stop' }];
  listed: readonly ListedModel[] = [listedModel()];
  nodeList: readonly AdminNode[] = [adminNode()];
  modelList: readonly AdminModel[] = [adminModel()];

  models() {
    return Promise.resolve(this.listed);
  }
  /** What the alias `default` stands for. */
  defaultModel: string | undefined;
  model(name: string) {
    const root = name === 'default' ? this.defaultModel : name;
    const entry = this.listed.find(({ id }) => id === root);
    return Promise.resolve(entry && root !== name ? { ...entry, id: name, root } : entry);
  }
  readonly questions: Question[] = [];
  /** By path; the others get the list of models. */
  refusals: Readonly<Record<string, string>> = {};
  ask(question: Question): Promise<unknown> {
    this.questions.push(question);
    const refusal = this.refusals[question.path];
    return refusal === undefined
      ? Promise.resolve({ data: this.listed })
      : Promise.reject(new CliError(refusal));
  }
  nodes() {
    return Promise.resolve(this.nodeList);
  }
  fleet() {
    const fleet = adminFleet({ nodes: this.nodeList, models: this.modelList });
    return Promise.resolve({ ...fleet, restart_required: this.restartRequired });
  }
  restartRequired: string[] | undefined;
  async *followFleet() {
    yield await this.fleet();
  }
  loadModel(call: ModelCall) {
    this.calls.push(call);
    return Promise.resolve({ model: call.model, node: call.node ?? 'local', status: 'loading' });
  }
  unloadModel(call: ModelCall) {
    this.calls.push(call);
    return Promise.resolve([{ model: call.model, node: 'local', status: 'unloaded' }]);
  }
  pulls: AdminPull[] = [];
  pullModel(call: PullCall) {
    this.calls.push(call);
    return this.pullReport();
  }
  /** The next state of the download; the last one stays. */
  pullReport() {
    const [state] = this.pulls.length > 1 ? this.pulls.splice(0, 1) : this.pulls;
    return state ? Promise.resolve(state) : Promise.reject(new Error('no pull is scripted'));
  }
  removed: AdminRemoved = AdminRemoved.parse({ model: 'm', results: [], catalogued: false });
  removeModel(call: RemoveCall) {
    this.calls.push(call);
    return Promise.resolve(this.removed);
  }
  addedNodes: readonly AdminEstimate[] = [];
  readonly added: AddCall[] = [];
  addModel(call: AddCall) {
    this.added.push(call);
    return Promise.resolve({
      model: call.id,
      file: '/etc/cortex/models.toml',
      nodes: [...this.addedNodes],
    });
  }
  pinModel({ model, pinned }: PinCall) {
    return Promise.resolve([{ model, node: 'local', pinned }]);
  }
  /** By model or request; the others are refused. */
  explained: Readonly<Record<string, readonly string[]>> = {};
  explain(question: ExplainQuestion) {
    const [asked = ''] = Object.values(question);
    const text = this.explained[`${Object.keys(question)[0]} ${asked}`];
    if (!text) return Promise.reject(new CliError(`nothing is known of ${asked}`));
    const outlook = { kind: 'plan', victims: [], candidates: [] };
    const bare = { model: 'cortex-tiny', waiting: 0, replicas: [], outlook };
    return Promise.resolve(AdminExplanation.parse({ ...bare, text: [...text] }));
  }
  drainNode(call: DrainCall) {
    return Promise.resolve({ ...call });
  }
  freeNode({ node, forS }: FreeCall) {
    return Promise.resolve({ node, draining: true, for_s: forS, ...this.freed });
  }
  joinToken() {
    return Promise.resolve({ token: '0a-token', expires_in_s: 3600 });
  }
  async *chat(body: Readonly<Record<string, unknown>>) {
    this.bodies.push(body);
    yield* await Promise.resolve(this.answer);
  }
}

export const plain: Paint = (_, text) => text;

/** A terminal that records its output. */
export class FakeTerminal implements Terminal {
  readonly isInteractive: boolean = false;
  text = '';
  warnings = '';
  write(text: string): void {
    this.text += text;
  }
  print(text: string): void {
    this.text += `${text}\n`;
  }
  warn(text: string): void {
    this.warnings += `${text}\n`;
  }
}
