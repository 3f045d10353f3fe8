import { expect, test } from 'bun:test';

import { endpointPath } from './endpoint-path.ts';

test.each([
  ['http://localhost:8000', ''],
  ['http://127.0.0.1:8000/', ''],
  ['http://169.254.169.254/latest/meta-data', '/latest/meta-data'],
  ['https://evil.example:443/engines/a/?token=x#y', '/engines/a'],
  ['http://user:secret@evil.example/engines', '/engines'],
  ['http://a//engines//b//', '/engines/b'],
  ['//evil.example/engines', '/engines'],
  ['/engines/a', '/engines/a'],
  ['engines/a', '/engines/a'],
  ['http://a/../../x', '/x'],
  ['http://a/模', '/%E6%A8%A1'],
  ['http://a/x\r\ny', '/xy'],
])('uses only the path of the endpoint %p: %p', (reportedUrl, path) => {
  expect(endpointPath(reportedUrl)).toBe(path);
});

test.each([
  'ftp://a/x',
  'file:///etc/passwd',
  'javascript:x',
  'http://',
  'http://a/..%2f..%2fx',
  'http://a/x%5C..%5Cy',
])('rejects the endpoint %p', (reportedUrl) => {
  expect(endpointPath(reportedUrl)).toBeUndefined();
});
