import {
  type AdminAddCall,
  type AdminAdded,
  type AdminRemoveCall,
  type AdminRemoved,
  CortexError,
} from '@cortex/protocol';
import { ConfigError } from '@cortex/service';

import { type ModelsFile } from '../config/load-gateway-config.ts';
import { replaceModelsFile, withModel, withoutModel } from '../config/models-file.ts';
import { type Control } from '../control/control.ts';

interface CatalogueDeps {
  readonly control: Control;
  /** The models.toml in use, or the one that the first model creates. */
  readonly modelsFile: () => ModelsFile;
  /** Reads the configuration again. @returns false if it cannot be used */
  readonly reload: () => boolean;
}

/** Adds models to models.toml and removes them, for `cortex add` and `cortex rm`. */
export class CatalogueEdits {
  readonly #deps: CatalogueDeps;

  constructor(deps: CatalogueDeps) {
    this.#deps = deps;
  }

  /**
   * Asks the nodes what the model needs, then writes it to models.toml.
   *
   * @throws CortexError `conflict` for an id that is taken or a configuration that cannot be used, the error of the nodes if none can use the source, or
   * `invalid_request` if the file cannot be written
   */
  async add(call: AdminAddCall, signal: AbortSignal): Promise<AdminAdded> {
    const { control } = this.#deps;
    const { id, ...settings } = call;
    if (control.snapshot().catalogue.has(id)) {
      throw new CortexError('conflict', `models.toml has ${id} already.`, { param: 'id' });
    }
    const nodes = await control.estimate({ model_id: id, ...settings }, signal);
    const [first] = nodes;
    if (first?.error !== undefined && nodes.every(({ error }) => error !== undefined)) {
      throw new CortexError('invalid_request', `${id} cannot be used: ${first.error}`, {
        param: 'source',
      });
    }
    const file = this.#deps.modelsFile();
    this.#replace(file, withModel(file.text, call));
    return { model: id, file: file.path, nodes: [...nodes] };
  }

  /** Removes the files of a model if asked for, and its entry unless only one node is meant. */
  async remove(call: AdminRemoveCall, signal: AbortSignal): Promise<AdminRemoved> {
    const { control } = this.#deps;
    const { model, node, files } = call;
    const isCatalogued = control.snapshot().catalogue.has(model);
    const results = files ? await this.#removeFiles({ model, node }, isCatalogued, signal) : [];
    if (node !== undefined || !isCatalogued) {
      if (!files) throw new CortexError('model_not_found', `models.toml has no ${model}.`);
      return { model, results, catalogued: isCatalogued };
    }
    return { model, results, catalogued: false, file: this.#removeEntry(model) };
  }

  async #removeFiles(
    call: { readonly model: string; readonly node: string | undefined },
    isCatalogued: boolean,
    signal: AbortSignal,
  ): Promise<AdminRemoved['results']> {
    try {
      return (await this.#deps.control.removeFiles(call, signal)).results;
    } catch (error) {
      // A model that was never downloaded can still leave models.toml.
      const isAbsent = error instanceof CortexError && error.code === 'model_not_found';
      if (isAbsent && isCatalogued && call.node === undefined) return [];
      throw error;
    }
  }

  #removeEntry(model: string): string {
    const file = this.#deps.modelsFile();
    const { path } = file;
    const text = withoutModel(path, model);
    if (text === undefined) {
      throw new CortexError(
        'invalid_request',
        `${path} does not have ${model} in a table of its own ([[models]]): remove it by hand.`,
      );
    }
    this.#replace(file, text);
    return path;
  }

  /** Writes models.toml and has it in use; it is as before if this fails. */
  #replace({ path, check }: ModelsFile, text: string): void {
    const putBack = replaceModelsFile(path, text, asConfig(check));
    if (this.#deps.reload()) return;
    putBack();
    throw new CortexError(
      'conflict',
      `${path} was not changed: the configuration of the gateway has a mistake, which its log names. Correct it, then try again.`,
    );
  }
}

/** A check whose errors are those of the call. */
const asConfig =
  (check: (file: string) => void) =>
  (file: string): void => {
    try {
      check(file);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      throw new CortexError('invalid_request', error.message, { cause: error });
    }
  };
