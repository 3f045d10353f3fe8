import {
  type AdminAddCall,
  type AdminAdded,
  type AdminRemoveCall,
  type AdminRemoved,
  CortexError,
} from '@cortex/protocol';
import { ConfigError } from '@cortex/service';

import { type ModelsFile } from '../config/load-gateway-config.ts';
import {
  checkModelsText,
  replaceModelsFile,
  withModel,
  withoutModel,
} from '../config/models-file.ts';
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

  /**
   * Removes the files of a model if asked for, and its entry unless only one node is meant. Files are removed only once
   * it is certain that the entry can be.
   *
   * @throws CortexError `model_not_found`, `conflict` for a configuration that cannot be used, the error of the node that
   * removes files, or `invalid_request` if models.toml cannot be written
   */
  async remove(call: AdminRemoveCall, signal: AbortSignal): Promise<AdminRemoved> {
    const { control } = this.#deps;
    const { model, node, files } = call;
    const isCatalogued = control.snapshot().catalogue.has(model);
    if (!files && (node !== undefined || !isCatalogued))
      throw new CortexError('model_not_found', `models.toml has no ${model}.`);
    const isEntryMeant = isCatalogued && node === undefined;
    if (isEntryMeant && files) this.#checkRemoval(model);
    const results = files ? await this.#removeFiles({ model, node }, isCatalogued, signal) : [];
    if (!isEntryMeant) return { model, results, catalogued: isCatalogued };
    return { model, results, catalogued: false, file: this.#removeEntry(model) };
  }

  /** @throws CortexError if the entry of the model cannot be removed, whatever happens to its files */
  #checkRemoval(model: string): void {
    const { path } = this.#deps.modelsFile();
    if (!this.#deps.reload()) throw unusable(path);
    const { text, file } = this.#withoutEntry(model);
    checkModelsText(file.path, text, asConfig(file.check));
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
    const { text, file } = this.#withoutEntry(model);
    this.#replace(file, text);
    return file.path;
  }

  /** models.toml without the model. @throws CortexError if the model has no table of its own there */
  #withoutEntry(model: string): { readonly text: string; readonly file: ModelsFile } {
    const file = this.#deps.modelsFile();
    const text = withoutModel(file.path, model);
    if (text !== undefined) return { text, file };
    throw new CortexError(
      'invalid_request',
      `${file.path} does not have ${model} in a table of its own ([[models]]): remove it by hand.`,
    );
  }

  /** Writes models.toml and has it in use; it is as before if this fails. */
  #replace({ path, check }: ModelsFile, text: string): void {
    const putBack = replaceModelsFile(path, text, asConfig(check));
    if (this.#deps.reload()) return;
    putBack();
    throw unusable(path);
  }
}

const unusable = (path: string): CortexError =>
  new CortexError(
    'conflict',
    `${path} was not changed: the configuration of the gateway has a mistake, which its log names. Correct it, then try again.`,
  );

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
