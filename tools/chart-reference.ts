/**
 * Writes the values of the Helm chart into its README, from values.yaml and its comments: `node tools/bun.mjs
 * tools/chart-reference.ts`. A test compares the result with the checked-in file.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { format } from 'prettier';
import { isMap, isScalar, parseDocument, type Node, type YAMLMap } from 'yaml';

const CHART = fileURLToPath(new URL('../deploy/helm/cortex', import.meta.url));
export const README = join(CHART, 'README.md');
const MARK = '<!-- What follows is written by tools/chart-reference.ts';

/** A value of the chart. */
export interface ChartValue {
  /** Keys from the root, joined by dots. */
  readonly path: string;
  readonly default: unknown;
  /** The comment above it; empty: it has none. */
  readonly about: string;
}

/** The comment that stands directly above a key, without the paragraphs before it. */
const lastParagraph = (comment: string): string =>
  comment
    .split(/\n\s*\n/)
    .at(-1)
    ?.split('\n')
    .map((line) => line.trim())
    .join(' ')
    .trim() ?? '';

const commentOf = (node: unknown): string => {
  const { commentBefore } = (node ?? {}) as Partial<Node>;
  return typeof commentBefore === 'string' ? commentBefore : '';
};

/** A map whose keys are values of their own: they have comments. */
const isGroup = (node: unknown): node is YAMLMap =>
  isMap(node) &&
  !node.flow &&
  node.items.some(({ key }) => commentOf(key) !== '' || commentOf(node) !== '');

function listFrom(map: YAMLMap, prefix: string, above: string): ChartValue[] {
  return map.items.flatMap(({ key, value }, index) => {
    const name = isScalar(key) ? String(key.value) : String(key);
    const path = prefix + name;
    // The comment of the first key belongs to the map.
    const about = commentOf(key) || (index === 0 ? above : '');
    if (isGroup(value)) return listFrom(value, `${path}.`, commentOf(value));
    const given = value as Node | null;
    return [{ path, default: given?.toJSON(), about: lastParagraph(about) }];
  });
}

/** Every value of the chart, in the order of values.yaml. */
export function listChartValues(): readonly ChartValue[] {
  const document = parseDocument(readFileSync(join(CHART, 'values.yaml'), 'utf8'));
  if (!isMap(document.contents)) throw new Error('values.yaml is not a map');
  return listFrom(
    document.contents,
    '',
    document.contents.commentBefore ?? document.commentBefore ?? '',
  );
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('*', '\\*');

/** The README of the chart as it should be. */
export async function renderChartReadme(): Promise<string> {
  const [before = ''] = readFileSync(README, 'utf8').split(MARK);
  const rows = listChartValues().map(
    ({ path, default: value, about }) =>
      `| \`${path}\` | \`${JSON.stringify(value)}\` | ${cell(about)} |`,
  );
  const text = `${before}${MARK} from values.yaml. Do not edit. -->

| value | default | meaning |
| --- | --- | --- |
${rows.join('\n')}
`;
  return format(text, { parser: 'markdown', printWidth: 100 });
}

if (import.meta.main) writeFileSync(README, await renderChartReadme());
