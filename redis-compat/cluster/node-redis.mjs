// node-redis 5's createCluster.

import { createCluster } from 'redis';
import { death, mode, nodes } from '../lib/cluster_steps.mjs';
import { done, equal, step } from '../lib/steps.mjs';

const cluster = createCluster({
  rootNodes: nodes.map(({ host, port }) => ({ url: `redis://${host}:${port}` })),
  defaults: { commandOptions: { timeout: 2000 } },
});
cluster.on('error', () => {});
await cluster.connect();

if (mode === 'death') {
  await death((key, value) => cluster.set(key, value), (key) => cluster.get(key));
  process.exit(0);
}

await step('cluster/connect', async () => {
  equal(cluster.masters.length, nodes.length);
});
await step('cluster/set-get', async () => {
  for (let i = 0; i < 300; ++i) equal(await cluster.set(`n:${i}`, `v${i}`), 'OK');
  for (let i = 0; i < 300; ++i) equal(await cluster.get(`n:${i}`), `v${i}`);
});
await step('cluster/hash-tag', async () => {
  equal(await cluster.mSet({ '{t}:a': '1', '{t}:b': '2' }), 'OK');
  equal(await cluster.mGet(['{t}:a', '{t}:b', '{t}:c']), ['1', '2', null]);
});
await step('cluster/multi', async () => {
  equal(await cluster.multi().set('{m}', '1').incr('{m}').exec(), ['OK', 2]);
});
await step('cluster/delete', async () => {
  for (let i = 0; i < 300; ++i) equal(await cluster.del(`n:${i}`), 1);
});
done();
process.exit(0);
