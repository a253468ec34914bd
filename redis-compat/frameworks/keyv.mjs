// Keyv with its Redis adapter (over node-redis).

import KeyvRedis, { createKeyv } from '@keyv/redis';
import Keyv from 'keyv';
import { allBytes, done, equal, eventually, host, port, step } from '../lib/steps.mjs';

const url = `redis://${host}:${port}`;
const keyv = createKeyv(url, { namespace: 'app' });
keyv.on('error', () => {});

await step('cache/set-get', async () => {
  equal(await keyv.set('user', { name: 'Ada', tags: [1, null] }), true);
  equal(await keyv.get('user'), { name: 'Ada', tags: [1, null] });
  equal([await keyv.get('nobody'), await keyv.has('user'), await keyv.has('nobody')],
    [undefined, true, false]);
});

await step('cache/buffer', async () => {
  await keyv.set('bytes', allBytes);
  equal(await keyv.get('bytes'), allBytes);
});

await step('cache/ttl', async () => {
  await keyv.set('short', 1, 250);
  equal(await keyv.get('short'), 1);
  await eventually(async () => (await keyv.get('short')) === undefined);
});

await step('cache/many', async () => {
  const keys = Array.from({ length: 100 }, (_, i) => `k${i}`);
  await keyv.setMany(keys.map((key, i) => ({ key, value: i })));
  equal(await keyv.getMany(keys), keys.map((_, i) => i));
  equal(await keyv.deleteMany(keys.slice(50)), true);
  equal((await keyv.getMany(keys)).filter((value) => value !== undefined).length, 50);
});

await step('cache/iterate', async () => {
  const found = [];
  for await (const [key] of keyv.iterator('app')) found.push(key);
  equal(found.length, 52);
});

await step('cache/delete', async () => {
  equal([await keyv.delete('user'), await keyv.delete('user')], [true, false]);
});

await step('cache/clear-namespace', async () => {
  const other = new Keyv(new KeyvRedis(url), { namespace: 'other' });
  await other.set('user', 'Bob');
  await keyv.clear();
  equal([await keyv.get('k1'), await other.get('user')], [undefined, 'Bob']);
});

done();
