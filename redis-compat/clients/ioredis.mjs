// ioredis 5, which speaks RESP2.

import { Redis, ReplyError } from 'ioredis';
import {
  allBytes, authPort, done, equal, eventually, host, password, port, rejects, skip, step,
} from '../lib/steps.mjs';

function connect(options = {}) {
  const client = new Redis({ host, port, connectTimeout: 5000, ...options });
  client.on('error', () => {});
  return client;
}

const r = connect();

await step('connect/resp2', async () => {
  equal(await r.ping(), 'PONG');
});
skip('connect/resp3', 'ioredis 5 speaks RESP2 only');

await step('values/set-get', async () => {
  equal(await r.set('greeting', 'hello'), 'OK');
  equal(await r.get('greeting'), 'hello');
});

await step('values/missing', async () => {
  equal(await r.get('no such key'), null);
  equal(await r.del('no such key'), 0);
});

await step('values/binary-value', async () => {
  await r.set('bytes', allBytes);
  equal(await r.getBuffer('bytes'), allBytes);
});

await step('values/binary-key', async () => {
  await r.set(allBytes, 'v');
  equal(await r.get(allBytes), 'v');
  equal(await r.exists(allBytes), 1);
});

await step('values/1mb', async () => {
  const big = Buffer.concat(Array(4096).fill(allBytes));
  await r.set('big', big);
  equal(big.equals(await r.getBuffer('big')), true);
});

await step('pipeline/1000', async () => {
  const pipeline = r.pipeline();
  for (let i = 0; i < 1000; i++) pipeline.set(`pipe:${i}`, i).get(`pipe:${i}`);
  equal(await pipeline.exec(),
    Array.from({ length: 1000 }, (_, i) => [[null, 'OK'], [null, `${i}`]]).flat());
});

await step('multi/exec', async () => {
  equal(await r.multi().set('tx', 1).incr('tx').get('tx').exec(),
    [[null, 'OK'], [null, 2], [null, '2']]);
});

await step('multi/discard', async () => {
  await r.multi({ pipeline: false });
  equal([await r.set('tx', 9), await r.discard()], ['QUEUED', 'OK']);
  equal(await r.get('tx'), '2');
});

await step('multi/watch-conflict', async () => {
  const other = connect();
  await r.watch('tx');
  await other.set('tx', 'other');
  equal(await r.multi().set('tx', 'mine').exec(), null);
  equal(await r.get('tx'), 'other');
});

await step('expire/ex-ttl', async () => {
  await r.set('ttl', 'v', 'EX', 100);
  equal([99, 100].includes(await r.ttl('ttl')), true);
  equal([await r.ttl('greeting'), await r.ttl('no such key')], [-1, -2]);
  equal([await r.persist('ttl'), await r.ttl('ttl')], [1, -1]);
});

await step('expire/px-gone', async () => {
  await r.set('short', 'v', 'PX', 250);
  const left = await r.pttl('short');
  equal(left > 0 && left <= 250, true);
  await eventually(async () => (await r.get('short')) === null);
  equal(await r.exists('short'), 0);
});

await step('scan/1000', async () => {
  const wanted = Array.from({ length: 1000 }, (_, i) => `scan:${i}`).sort();
  await r.mset(wanted.flatMap((key) => [key, 'v']));
  const found = new Set();
  for await (const keys of r.scanStream({ match: 'scan:*', count: 50 })) {
    keys.forEach((key) => found.add(key));
  }
  equal([...found].sort(), wanted);
});

const subscriber = connect();

// Subscribes, publishes from the other connection, and returns what the event carried.
async function hear(subscribe, event, what, channel) {
  const heard = [];
  subscriber.once(`${event}Buffer`, (...message) => heard.push(message.map(String)));
  equal(await subscriber[subscribe](what), 1);
  equal(await r.publish(channel, 'hello'), 1);
  await eventually(() => heard.length === 1);
  equal(await subscriber[subscribe.replace('subscribe', 'unsubscribe')](what), 0);
  equal(await r.publish(channel, 'nobody hears this'), 0);
  return heard[0];
}

await step('pubsub/channel', async () => {
  equal(await hear('subscribe', 'message', 'news', 'news'), ['news', 'hello']);
});

await step('pubsub/pattern', async () => {
  equal(await hear('psubscribe', 'pmessage', 'new?.*', 'news.de'),
    ['new?.*', 'news.de', 'hello']);
});

await step('pubsub/unsubscribe', async () => {
  equal([await subscriber.subscribe('a', 'b'), await subscriber.unsubscribe('a')], [2, 1]);
  equal([await r.publish('a', 'x'), await r.publish('b', 'x')], [0, 1]);
  equal([await subscriber.unsubscribe(), await subscriber.get('greeting')], [0, 'hello']);
});

await step('count/incr', async () => {
  equal([await r.incr('n'), await r.incrby('n', 41), await r.decrby('n', 2)], [1, 42, 40]);
});

await step('count/incrbyfloat', async () => {
  equal([await r.incrbyfloat('f', 10.5), await r.incrbyfloat('f', 0.1)], ['10.5', '10.6']);
});

await step('error/arity', async () => {
  await rejects(r.call('GET'), ReplyError, "ERR wrong number of arguments for 'get' command");
});

await step('error/not-integer', async () => {
  await rejects(r.incr('greeting'), ReplyError, 'ERR value is not an integer or out of range');
});

// The ready check sends INFO, which a server with a password refuses; without it the command
// itself is refused.
await step('auth/required', async () => {
  const client = connect({ port: authPort, enableReadyCheck: false });
  await rejects(client.get('k'), ReplyError, 'NOAUTH Authentication required.');
  client.disconnect();
});

await step('auth/wrong', async () => {
  const client = connect({ port: authPort, password: 'nonsense', lazyConnect: true });
  const error = new Promise((resolve) => client.once('error', resolve));
  client.connect().catch(() => {});
  equal((await error).message.includes('WRONGPASS'), true);
  client.disconnect();
});

await step('auth/right', async () => {
  equal(await connect({ port: authPort, password }).set('k', 'v'), 'OK');
  equal(await connect({ port: authPort, username: 'default', password }).get('k'), 'v');
});

await step('reconnect/after-kill', async () => {
  const victim = connect({ db: 5, connectionName: 'victim' });
  const id = await victim.client('ID');
  equal(await r.client('KILL', 'ID', id), 1);
  await new Promise((resolve) => victim.once('ready', resolve));
  equal((await victim.client('ID')) > id, true);
  equal(await victim.client('GETNAME'), 'victim');
  equal(/ db=5 /.test(await victim.client('INFO')), true);
});

await step('select/isolation', async () => {
  const other = connect();
  equal(await other.select(5), 'OK');
  await other.set('only in 5', 'v');
  equal([await other.get('only in 5'), await r.get('only in 5')], ['v', null]);
  equal([await other.get('greeting'), await other.dbsize()], [null, 1]);
  await other.flushdb();
  equal(await r.get('greeting'), 'hello');
});

await step('name/set-get', async () => {
  await r.client('SETNAME', 'compat-test');
  equal(await r.client('GETNAME'), 'compat-test');
  equal((await r.client('LIST')).match(/ name=compat-test /g).length, 1);
});

await step('many/mset-mget-1000', async () => {
  const numbers = Array.from({ length: 1000 }, (_, i) => String(i));
  equal(await r.mset(new Map(numbers.map((n) => [`many:${n}`, n]))), 'OK');
  equal(await r.mget(numbers.map((n) => `many:${n}`)), numbers);
});

await step('info/parse', async () => {
  const info = await r.info();
  const field = (name) => info.match(new RegExp(`^${name}:(.*)\r$`, 'm'))?.[1];
  equal([field('redis_version').slice(0, 2), field('role'), field('loading')],
    ['7.', 'master', '0']);
  equal([field('tcp_port'), /^keys=3\d{3},expires=\d+,/.test(field('db0'))],
    [String(port), true]);
});

await step('extra/auto-pipelining', async () => {
  const client = connect({ enableAutoPipelining: true });
  const keys = Array.from({ length: 100 }, (_, i) => `many:${i}`);
  equal(await Promise.all(keys.map((key) => client.get(key))), keys.map((key) => key.slice(5)));
});

await step('extra/monitor', async () => {
  const monitor = await r.duplicate().monitor();
  const seen = [];
  monitor.on('monitor', (_, args) => seen.push(args.join(' ')));
  await r.get('greeting');
  await eventually(() => seen.includes('get greeting'));
  monitor.disconnect();
});

done();
