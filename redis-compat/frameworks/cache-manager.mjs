// cache-manager with Redis behind Keyv, as NestJS and others configure it.

import { createKeyv } from '@keyv/redis';
import { createCache } from 'cache-manager';
import { done, equal, eventually, host, port, step } from '../lib/steps.mjs';

const cache = createCache({ stores: [createKeyv(`redis://${host}:${port}`)], ttl: 60_000 });

await step('cache/set-get', async () => {
  await cache.set('user', { name: 'Ada' });
  equal(await cache.get('user'), { name: 'Ada' });
  equal(await cache.get('nobody'), undefined);
});

await step('cache/ttl', async () => {
  await cache.set('short', 1, 100);
  await eventually(async () => (await cache.get('short')) === undefined);
  const left = (await cache.ttl('user')) - Date.now();
  equal(left > 0 && left <= 60_000, true);
});

await step('cache/wrap', async () => {
  let calls = 0;
  const compute = async () => ++calls;
  equal([await cache.wrap('sum', compute), await cache.wrap('sum', compute), calls], [1, 1, 1]);
});

await step('cache/many', async () => {
  await cache.mset([{ key: 'a', value: 1 }, { key: 'b', value: 2, ttl: 5000 }]);
  equal(await cache.mget(['a', 'b', 'nobody']), [1, 2, undefined]);
  await cache.mdel(['a', 'b']);
  equal(await cache.mget(['a', 'b']), [undefined, undefined]);
});

await step('cache/clear', async () => {
  await cache.clear();
  equal(await cache.get('user'), undefined);
});

done();
