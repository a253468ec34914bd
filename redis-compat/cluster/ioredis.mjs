// ioredis 5's Cluster.

import { Cluster } from 'ioredis';
import { death, mode, nodes } from '../lib/cluster_steps.mjs';
import { done, equal, eventually, step } from '../lib/steps.mjs';

const cluster = new Cluster(nodes, { clusterRetryStrategy: (times) => Math.min(100 * times, 1000) });
cluster.on('error', () => {});

if (mode === 'death') {
  await death((key, value) => cluster.set(key, value), (key) => cluster.get(key));
  cluster.disconnect();
  process.exit(0);
}

await step('cluster/connect', async () => {
  await eventually(() => cluster.status === 'ready');
  equal(cluster.nodes('master').length, nodes.length);
});
await step('cluster/set-get', async () => {
  for (let i = 0; i < 300; ++i) equal(await cluster.set(`i:${i}`, `v${i}`), 'OK');
  for (let i = 0; i < 300; ++i) equal(await cluster.get(`i:${i}`), `v${i}`);
});
await step('cluster/hash-tag', async () => {
  equal(await cluster.mset('{t}:a', '1', '{t}:b', '2'), 'OK');
  equal(await cluster.mget('{t}:a', '{t}:b', '{t}:c'), ['1', '2', null]);
});
await step('cluster/pipeline', async () => {
  const pipeline = cluster.pipeline();
  for (let i = 0; i < 100; ++i) pipeline.incr('{p}:counter');
  const replies = await pipeline.exec();
  equal(replies.map(([, number]) => number), Array.from({ length: 100 }, (_, i) => i + 1));
});
await step('cluster/multi', async () => {
  equal(await cluster.multi().set('{m}', '1').incr('{m}').exec(), [[null, 'OK'], [null, 2]]);
});
await step('cluster/publish', async () => {
  const subscriber = new Cluster(nodes);
  const heard = [];
  subscriber.on('message', (channel, message) => heard.push([channel, message]));
  await subscriber.subscribe('news');
  for (let i = 0; i < 10; ++i) await cluster.publish('news', String(i));
  await eventually(() => heard.length === 10);
  equal(heard.map(([, message]) => message), Array.from({ length: 10 }, (_, i) => String(i)));
  subscriber.disconnect();
});
await step('cluster/delete', async () => {
  for (let i = 0; i < 300; ++i) equal(await cluster.del(`i:${i}`), 1);
});
cluster.disconnect();
done();
process.exit(0);
