// node-redis 5 in RESP2 or RESP3 (the argument says which).

import { createClient, ErrorReply, RESP_TYPES, WatchError } from 'redis';
import {
  allBytes, authPort, done, equal, eventually, host, password, port, rejects, skip, step,
} from '../lib/steps.mjs';

const RESP = Number(process.argv[2]);

async function connect(options = {}, socket = {}) {
  const client = createClient({
    RESP, socket: { host, port, connectTimeout: 5000, ...socket }, ...options,
  });
  client.on('error', () => {});
  return client.connect();
}

const r = await connect();
const bytes = r.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });

async function connects() {
  equal(await r.ping(), 'PONG');
  equal((await r.clientInfo()).resp, RESP);
}
await step(`connect/resp${RESP}`, connects);
skip(`connect/resp${5 - RESP}`, `row node-redis${RESP === 2 ? '-resp3' : ''} does it`);

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
  equal(await bytes.get('bytes'), allBytes);
});

await step('values/binary-key', async () => {
  await r.set(allBytes, 'v');
  equal(await r.get(allBytes), 'v');
  equal(await r.exists(allBytes), 1);
});

await step('values/1mb', async () => {
  const big = Buffer.concat(Array(4096).fill(allBytes));
  await r.set('big', big);
  equal(big.equals(await bytes.get('big')), true);
});

await step('pipeline/1000', async () => {
  const replies = [];
  for (let i = 0; i < 1000; i++) replies.push(r.set(`pipe:${i}`, `${i}`), r.get(`pipe:${i}`));
  equal(await Promise.all(replies), Array.from({ length: 1000 }, (_, i) => ['OK', `${i}`]).flat());
});

await step('multi/exec', async () => {
  equal(await r.multi().set('tx', '1').incr('tx').get('tx').exec(), ['OK', 2, '2']);
});

await step('multi/discard', async () => {
  equal(await Promise.all([['MULTI'], ['SET', 'tx', '9'], ['DISCARD']].map(
    (command) => r.sendCommand(command))), ['OK', 'QUEUED', 'OK']);
  equal(await r.get('tx'), '2');
});

await step('multi/watch-conflict', async () => {
  const other = await connect();
  await r.watch('tx');
  await other.set('tx', 'other');
  await rejects(r.multi().set('tx', 'mine').exec(), WatchError, '');
  equal(await r.get('tx'), 'other');
});

await step('expire/ex-ttl', async () => {
  await r.set('ttl', 'v', { expiration: { type: 'EX', value: 100 } });
  equal([99, 100].includes(await r.ttl('ttl')), true);
  equal([await r.ttl('greeting'), await r.ttl('no such key')], [-1, -2]);
  equal([await r.persist('ttl'), await r.ttl('ttl')], [1, -1]);
});

await step('expire/px-gone', async () => {
  await r.set('short', 'v', { expiration: { type: 'PX', value: 250 } });
  const left = await r.pTTL('short');
  equal(left > 0 && left <= 250, true);
  await eventually(async () => (await r.get('short')) === null);
  equal(await r.exists('short'), 0);
});

await step('scan/1000', async () => {
  const wanted = Array.from({ length: 1000 }, (_, i) => `scan:${i}`).sort();
  await r.mSet(wanted.map((key) => [key, 'v']));
  const found = new Set();
  for await (const keys of r.scanIterator({ MATCH: 'scan:*', COUNT: 50 })) {
    keys.forEach((key) => found.add(key));
  }
  equal([...found].sort(), wanted);
});

const subscriber = await connect();

// Subscribes, publishes from the other connection, and returns what was heard.
async function hear(subscribe, unsubscribe, what, channel) {
  const heard = [];
  await subscriber[subscribe](what, (...message) => heard.push(message), true);
  equal(await r.publish(channel, allBytes), 1);
  await eventually(() => heard.length === 1);
  await subscriber[unsubscribe](what);
  equal(await r.publish(channel, 'nobody hears this'), 0);
  return heard[0].map((part) => part.toString('latin1'));
}
const published = allBytes.toString('latin1');

await step('pubsub/channel', async () => {
  equal(await hear('subscribe', 'unsubscribe', 'news', 'news'), [published, 'news']);
});

await step('pubsub/pattern', async () => {
  equal(await hear('pSubscribe', 'pUnsubscribe', 'new?.*', 'news.de'), [published, 'news.de']);
});

await step('pubsub/unsubscribe', async () => {
  await subscriber.subscribe(['a', 'b'], () => {});
  await subscriber.unsubscribe('a');
  equal([await r.publish('a', 'x'), await r.publish('b', 'x')], [0, 1]);
  await subscriber.unsubscribe();
  // In RESP2 a connection that listened for buffers stays with buffers, hence String().
  equal(String(await subscriber.get('greeting')), 'hello');
});

await step('pubsub/sharded', async () => {
  const heard = [];
  await subscriber.sSubscribe('shard', (message) => heard.push(message));
  equal(await r.sPublish('shard', 'x'), 1);
  await eventually(() => heard.length === 1);
  await subscriber.sUnsubscribe('shard');
});

await step('count/incr', async () => {
  equal([await r.incr('n'), await r.incrBy('n', 41), await r.decrBy('n', 2)], [1, 42, 40]);
});

await step('count/incrbyfloat', async () => {
  equal([await r.incrByFloat('f', 10.5), await r.incrByFloat('f', 0.1)], ['10.5', '10.6']);
});

await step('error/arity', async () => {
  await rejects(r.sendCommand(['GET']), ErrorReply,
    "ERR wrong number of arguments for 'get' command");
});

await step('error/not-integer', async () => {
  await rejects(r.incr('greeting'), ErrorReply, 'ERR value is not an integer or out of range');
});

const locked = { port: authPort, reconnectStrategy: false };

await step('auth/required', async () => {
  // With RESP3 the client's own HELLO is refused, with RESP2 the first command.
  await rejects(connect({}, locked).then((client) => client.get('k')), ErrorReply, 'NOAUTH');
});

await step('auth/wrong', async () => {
  await rejects(connect({ password: 'nonsense' }, locked), ErrorReply, 'WRONGPASS');
});

await step('auth/right', async () => {
  equal(await (await connect({ password }, locked)).set('k', 'v'), 'OK');
  equal(await (await connect({ username: 'default', password }, locked)).get('k'), 'v');
});

await step('reconnect/after-kill', async () => {
  const victim = await connect({ name: 'victim' });
  const id = await victim.clientId();
  const ready = new Promise((resolve) => victim.once('ready', resolve));
  equal(await r.clientKill({ filter: 'ID', id }), 1);
  await ready;
  equal(await victim.get('greeting'), 'hello');
  equal((await victim.clientId()) > id, true);
  equal(await victim.clientGetName(), 'victim');
});

await step('select/isolation', async () => {
  const other = await connect({ database: 5 });
  await other.set('only in 5', 'v');
  equal([await other.get('only in 5'), await r.get('only in 5')], ['v', null]);
  equal([await other.get('greeting'), await other.dbSize()], [null, 1]);
  await other.flushDb();
  equal(await r.get('greeting'), 'hello');
});

await step('name/set-get', async () => {
  await r.clientSetName('compat-test');
  equal(await r.clientGetName(), 'compat-test');
  equal((await r.clientList()).filter(({ name }) => name === 'compat-test').length, 1);
});

await step('many/mset-mget-1000', async () => {
  const numbers = Array.from({ length: 1000 }, (_, i) => String(i));
  equal(await r.mSet(numbers.map((n) => [`many:${n}`, n])), 'OK');
  equal(await r.mGet(numbers.map((n) => `many:${n}`)), numbers);
});

await step('info/parse', async () => {
  const info = await r.info();
  const field = (name) => info.match(new RegExp(`^${name}:(.*)\r$`, 'm'))?.[1];
  equal([field('redis_version').slice(0, 2), field('role'), field('loading')],
    ['7.', 'master', '0']);
  equal([field('tcp_port'), /^keys=3\d{3},expires=\d+,/.test(field('db0'))],
    [String(port), true]);
});

// Replies whose shape differs between RESP2 and RESP3.
await step('extra/hello', async () => {
  const { proto, mode, role, modules } = await r.hello();
  equal([proto, mode, role, [...modules]], [RESP, 'standalone', 'master', []]);
});

await step('extra/lcs', async () => {
  await r.mSet({ lcs1: 'ohmytext', lcs2: 'mynewtext' });
  equal([await r.lcs('lcs1', 'lcs2'), await r.lcsLen('lcs1', 'lcs2')], ['mytext', 6]);
  const { matches, len } = await r.lcsIdxWithMatchLen('lcs1', 'lcs2');
  equal([matches[0].matchLen ?? matches[0][2], len], [4, 6]);
});

await step('extra/pubsub-introspection', async () => {
  await subscriber.subscribe('here', () => {});
  equal([await r.pubSubChannels('he*'), { ...(await r.pubSubNumSub(['here', 'gone'])) }],
    [['here'], { here: 1, gone: 0 }]);
  await subscriber.unsubscribe();
});

await step('extra/server', async () => {
  equal([(await r.role()).role, (await r.memoryStats())['keys.count'] > 0], ['master', true]);
  equal((await r.memoryUsage('greeting')) > 0, true);
  equal(Math.abs((await r.time())[0] - Date.now() / 1000) < 5, true);
});

await step('extra/dump-restore', async () => {
  await r.restore('restored', 0, await bytes.dump('bytes'));
  equal(await bytes.get('restored'), allBytes);
});

await step('extra/config-map', async () => {
  equal({ ...(await r.configGet('port')) }, { port: String(port) });
});

await step('extra/command-table', async () => {
  const [get] = await r.commandInfo(['get']);
  equal([get.name, get.arity, get.firstKeyIndex], ['get', 2, 1]);
});

await step('extra/set-options', async () => {
  equal(await r.set('greeting', 'x', { condition: 'NX' }), null);
  equal(await r.set('greeting', 'hello', { GET: true }), 'hello');
  equal(await r.getEx('greeting', { type: 'PX', value: 5000 }), 'hello');
  equal(await r.getDel('greeting'), 'hello');
});

done();
