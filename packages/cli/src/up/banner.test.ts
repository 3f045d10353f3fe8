import { expect, test } from 'bun:test';

import { adminNode } from '../../test/fake-client.ts';
import { formatBanner } from './banner.ts';

test('the banner of cortex up says which library a GPU lacks, and the command that installs it', () => {
  const reason = 'The engine has no libcudart.so.13. Run "sudo apt install libcudart12".';

  const banner = formatBanner(
    {
      apiUrl: 'http://127.0.0.1:31313',
      metricsUrl: 'http://127.0.0.1:31314',
      nodes: [adminNode({ gpu_unavailable_reason: reason })],
      models: [],
      lanUrls: [],
    },
    (_style, text) => text,
  );

  expect(banner).toContain(`! local: ${reason}`);
});
