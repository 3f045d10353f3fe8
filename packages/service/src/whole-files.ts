import {
  chownSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** A file to write. */
export interface WholeFile {
  readonly path: string;
  readonly text: string | Buffer;
  readonly mode: number;
}

const draftOf = (path: string): string => `${path}.${process.pid}.new`;

/**
 * Writes beside the file, and creates missing folders. What root writes belongs to the owner of the folder: a service
 * reads what the operator has a command write there.
 */
function writeDraft({ path, text, mode }: WholeFile): void {
  const draft = draftOf(path);
  mkdirSync(dirname(path), { recursive: true });
  // Left by a process of the same number that was killed.
  rmSync(draft, { force: true });
  try {
    writeFileSync(draft, text, { mode, flag: 'wx' });
    if (process.getuid?.() === 0) {
      const { uid, gid } = statSync(dirname(path));
      chownSync(draft, uid, gid);
    }
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/** The file as it is; undefined: there is none. */
function readWhole(path: string): WholeFile | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isFile() !== true) return undefined;
  return { path, text: readFileSync(path), mode: stats.mode & 0o777 };
}

/**
 * Writes all files completely, or none; readers see the old content of a file or the new one. Missing folders are
 * created.
 *
 * @returns a function that brings back what was there before
 * @throws the error of the system call that failed; everything is as before then
 */
export function writeWholeFiles(files: readonly WholeFile[]): () => void {
  const drafts = new Set<string>();
  const replaced: { readonly path: string; readonly before: WholeFile | undefined }[] = [];
  const undo = (): void => {
    for (const { path, before } of replaced.toReversed()) {
      if (before === undefined) rmSync(path, { force: true });
      else {
        writeDraft(before);
        renameSync(draftOf(path), path);
      }
    }
  };
  try {
    for (const file of files) {
      writeDraft(file);
      drafts.add(draftOf(file.path));
    }
    for (const { path } of files) {
      const before = readWhole(path);
      renameSync(draftOf(path), path);
      drafts.delete(draftOf(path));
      replaced.push({ path, before });
    }
  } catch (error) {
    undo();
    throw error;
  } finally {
    for (const draft of drafts) rmSync(draft, { force: true });
  }
  return undo;
}
