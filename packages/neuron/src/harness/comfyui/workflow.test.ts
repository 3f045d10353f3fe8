import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { describe, expect, test } from 'bun:test';

import { parseWorkflow, readWorkflow } from './workflow.ts';

const NODE = { class_type: 'CLIPTextEncode' };
const workflow = (inputs: object): string => JSON.stringify({ 6: { ...NODE, inputs } });

const VALUES = {
  prompt: 'a "quoted" ${seed}\\',
  negative_prompt: '',
  width: 512,
  height: 768,
  steps: 4,
  seed: 7,
  n: 2,
};

describe('a workflow', () => {
  test('gets values of their own type in place of whole placeholders', () => {
    const parsed = parseWorkflow(
      'w',
      workflow({ text: '${prompt}', size: ['${width}', '${height}'], seed: '${seed}', cfg: 8 }),
    );

    expect(parsed.fill(VALUES)).toEqual({
      6: { ...NODE, inputs: { text: VALUES.prompt, size: [512, 768], seed: 7, cfg: 8 } },
    });
  });

  test('leaves text that only contains a placeholder as it is', () => {
    const parsed = parseWorkflow('w', workflow({ text: '${prompt}', name: 'img_${seed}' }));

    expect(parsed.fill(VALUES)).toMatchObject({ 6: { inputs: { name: 'img_${seed}' } } });
  });

  test.each([
    ['is not JSON', '{', 'is not valid JSON'],
    ['is a list', '[]', 'not a JSON object'],
    ['is in the format of the editor', '{"nodes":[],"links":[]}', 'Export (API)'],
    ['has a node without class', '{"1":{}}', 'node "1" has no class_type'],
    ['takes no prompt', workflow({ text: 'a cat' }), 'no value of it is "${prompt}"'],
    ['has an unknown placeholder', workflow({ text: '${promt}' }), '${promt} is not a placeholder'],
  ])('that %s is refused with what is wrong', (_name, text, why) => {
    expect(() => parseWorkflow('w.json', text)).toThrow(why);
  });

  test('is read from the file with the id of the model, and from nowhere else', async () => {
    const folder = temporaryFolder('workflows');
    writeFileSync(join(folder, 'cat.json'), workflow({ text: '${prompt}' }));
    writeFileSync(join(folder, '..', 'outside.json'), workflow({ text: '${prompt}' }));

    expect([...(await readWorkflow(folder, 'cat')).placeholders]).toEqual(['prompt']);
    await expect(readWorkflow(folder, '../outside')).rejects.toThrow('outside the workflows');
    await expect(readWorkflow(folder, 'dog')).rejects.toThrow('no such file');
  });
});
