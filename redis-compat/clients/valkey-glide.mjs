// valkey-glide 2, on a core in Rust, which speaks RESP3 unless told otherwise.

import {
  Batch, Decoder, GlideClient, InfoOptions, Logger, ProtocolVersion, RequestError, TimeUnit,
} from '@valkey/valkey-glide';
import {
  allBytes, authPort, done, equal, eventually, host, password, port, rejects, skip, sleep, step,
} from '../lib/steps.mjs';

Logger.init('off');  // it would report the errors that the steps provoke

const asBytes = { decoder: Decoder.Bytes };

function connect(options = {}, toPort = port) {
  return GlideClient.createClient({
    addresses: [{ host, port: toPort }], requestTimeout: 5000, ...options,
  });
}

const r = await connect();

const protocolOf = async (client) => (await client.customCommand(['CLIENT', 'INFO']))
  .match(/ resp=(\d)/)[1];

await step('connect/resp2', async () => {
  const client = await connect({ protocol: ProtocolVersion.RESP2 });
  equal([await client.ping(), await protocolOf(client)], ['PONG', '2']);
});

await step('connect/resp3', async () => {
  equal([await r.ping(), await protocolOf(r)], ['PONG', '3']);
});

await step('values/set-get', async () => {
  equal(await r.set('greeting', 'hello'), 'OK');
  equal(await r.get('greeting'), 'hello');
});

await step('values/missing', async () => {
  equal(await r.get('no such key'), null);
  equal(await r.del(['no such key']), 0);
});

await step('values/binary-value', async () => {
  await r.set('bytes', allBytes);
  equal(await r.get('bytes', asBytes), allBytes);
});

await step('values/binary-key', async () => {
  await r.set(allBytes, 'v');
  equal(await r.get(allBytes), 'v');
  equal(await r.exists([allBytes]), 1);
});

await step('values/1mb', async () => {
  const big = Buffer.concat(Array(4096).fill(allBytes));
  await r.set('big', big);
  equal(big.equals(await r.get('big', asBytes)), true);
});

await step('pipeline/1000', async () => {
  const pipeline = new Batch(false);
  for (let i = 0; i < 1000; i++) pipeline.set(`pipe:${i}`, `${i}`).get(`pipe:${i}`);
  equal(await r.exec(pipeline, true),
    Array.from({ length: 1000 }, (_, i) => ['OK', `${i}`]).flat());
});

await step('multi/exec', async () => {
  equal(await r.exec(new Batch(true).set('tx', '1').incr('tx').get('tx'), true), ['OK', 2, '2']);
});

skip('multi/discard', 'a transaction is collected by the client and sent as a whole');

await step('multi/watch-conflict', async () => {
  const other = await connect();
  await r.watch(['tx']);
  await other.set('tx', 'other');
  equal(await r.exec(new Batch(true).set('tx', 'mine'), true), null);
  equal(await r.get('tx'), 'other');
  other.close();
});

await step('expire/ex-ttl', async () => {
  await r.set('ttl', 'v', { expiry: { type: TimeUnit.Seconds, count: 100 } });
  equal([99, 100].includes(await r.ttl('ttl')), true);
  equal([await r.ttl('greeting'), await r.ttl('no such key')], [-1, -2]);
  equal([await r.persist('ttl'), await r.ttl('ttl')], [true, -1]);
});

await step('expire/px-gone', async () => {
  await r.set('short', 'v', { expiry: { type: TimeUnit.Milliseconds, count: 250 } });
  const left = await r.pttl('short');
  equal(left > 0 && left <= 250, true);
  await eventually(async () => (await r.get('short')) === null);
  equal(await r.exists(['short']), 0);
});

await step('scan/1000', async () => {
  const wanted = Array.from({ length: 1000 }, (_, i) => `scan:${i}`).sort();
  await r.mset(Object.fromEntries(wanted.map((key) => [key, 'v'])));
  const found = new Set();
  let cursor = '0';
  do {
    const [next, keys] = await r.scan(cursor, { match: 'scan:*', count: 50 });
    keys.forEach((key) => found.add(key));
    cursor = next;
  } while (cursor !== '0');
  equal([...found].sort(), wanted);
});

const listener = await connect();

await step('pubsub/channel', async () => {
  await listener.subscribe(['news'], 5000);
  equal(await r.publish('hello', 'news'), 1);
  const { message, channel } = await listener.getPubSubMessage();
  equal([message, channel], ['hello', 'news']);
  await listener.unsubscribe(['news'], 5000);
});

await step('pubsub/pattern', async () => {
  await listener.psubscribe(['new?.*'], 5000);
  equal(await r.publish('hello', 'news.de'), 1);
  const { message, channel, pattern } = await listener.getPubSubMessage();
  equal([message, channel, pattern], ['hello', 'news.de', 'new?.*']);
  await listener.punsubscribe(['new?.*'], 5000);
});

await step('pubsub/unsubscribe', async () => {
  await listener.subscribe(['a', 'b'], 5000);
  await listener.unsubscribe(['a'], 5000);
  equal([await r.publish('x', 'a'), await r.publish('x', 'b')], [0, 1]);
  await listener.unsubscribe(null, 5000);
  equal(await r.publish('x', 'b'), 0);
});

await step('count/incr', async () => {
  equal([await r.incr('n'), await r.incrBy('n', 41), await r.decrBy('n', 2)], [1, 42, 40]);
});

await step('count/incrbyfloat', async () => {
  equal([await r.incrByFloat('f', 10.5), await r.incrByFloat('f', 0.1)], [10.5, 10.6]);
});

await step('error/arity', async () => {
  await rejects(r.customCommand(['GET']), RequestError, 'wrong number of arguments');
});

await step('error/not-integer', async () => {
  await rejects(r.incr('greeting'), RequestError, 'value is not an integer or out of range');
});

await step('auth/required', async () => {
  await rejects(connect({}, authPort), Error, 'NOAUTH');
});

await step('auth/wrong', async () => {
  await rejects(connect({ credentials: { password: 'nonsense' } }, authPort), Error, 'WRONGPASS');
});

await step('auth/right', async () => {
  equal(await (await connect({ credentials: { password } }, authPort)).set('k', 'v'), 'OK');
  const credentials = { username: 'default', password };
  equal(await (await connect({ credentials }, authPort)).get('k'), 'v');
});

// A command that meets the lost connection fails; those after the reconnection succeed.
await step('reconnect/after-kill', async () => {
  const victim = await connect({ databaseId: 5, clientName: 'victim' });
  const id = await victim.clientId();
  equal(await r.customCommand(['CLIENT', 'KILL', 'ID', String(id)]), 1);
  await eventually(() => victim.get('greeting').then(() => true, () => sleep(10)));
  equal((await victim.clientId()) > id, true);
  const info = await victim.customCommand(['CLIENT', 'INFO']);
  equal([info.includes(' db=5 '), info.includes(' name=victim ')], [true, true]);
});

await step('select/isolation', async () => {
  const other = await connect({ databaseId: 5 });
  await other.set('only in 5', 'v');
  equal([await other.get('only in 5'), await r.get('only in 5')], ['v', null]);
  equal([await other.get('greeting'), await other.dbsize()], [null, 1]);
  equal([await other.flushdb(), await r.get('greeting')], ['OK', 'hello']);
});

await step('name/set-get', async () => {
  const named = await connect({ clientName: 'compat-test' });
  equal(await named.clientGetName(), 'compat-test');
});

await step('many/mset-mget-1000', async () => {
  const numbers = Array.from({ length: 1000 }, (_, i) => String(i));
  const values = Object.fromEntries(numbers.map((n) => [`many:${n}`, n]));
  equal(await r.mset(values), 'OK');
  equal(await r.mget(numbers.map((n) => `many:${n}`)), numbers);
});

await step('info/parse', async () => {
  const info = await r.info([InfoOptions.Everything]);
  const field = (name) => info.match(new RegExp(`^${name}:(.*)\r$`, 'm'))?.[1];
  equal([field('redis_version').slice(0, 2), field('role'), field('loading')],
    ['7.', 'master', '0']);
  equal([field('tcp_port'), /^keys=3\d{3},expires=\d+,/.test(field('db0'))],
    [String(port), true]);
});

await step('extra/config-map', async () => {
  equal(await r.configGet(['port']), { port: String(port) });
});

done();
