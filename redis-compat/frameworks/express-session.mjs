// Express sessions in Redis: express-session with connect-redis over node-redis.

import { RedisStore } from 'connect-redis';
import express from 'express';
import session from 'express-session';
import { createClient } from 'redis';
import { done, equal, eventually, host, port, step } from '../lib/steps.mjs';

const redis = await createClient({ socket: { host, port } }).on('error', () => {}).connect();
const store = new RedisStore({ client: redis, prefix: 'sess:', ttl: 100 });

const app = express();
app.use(session({ store, secret: 'compat', resave: false, saveUninitialized: false }));
app.get('/visit', (request, response) => {
  request.session.visits = (request.session.visits ?? 0) + 1;
  response.send(String(request.session.visits));
});
app.get('/look', (request, response) => response.send(String(request.session.visits)));
app.get('/leave', (request, response) => request.session.destroy(() => response.send('left')));
const server = await new Promise((resolve) => {
  const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
});

// One browser: it keeps the session cookie.
class Browser {
  async get(path) {
    const response = await fetch(`http://127.0.0.1:${server.address().port}${path}`,
      { headers: this.cookie ? { cookie: this.cookie } : {} });
    this.cookie = response.headers.get('set-cookie')?.split(';')[0] ?? this.cookie;
    return response.text();
  }
}

const ada = new Browser();
const bob = new Browser();

await step('session/create', async () => {
  equal(await ada.get('/visit'), '1');
  equal((await redis.keys('sess:*')).length, 1);
});

await step('session/continue', async () => {
  equal([await ada.get('/visit'), await ada.get('/visit'), await ada.get('/look')],
    ['2', '3', '3']);
});

await step('session/separate', async () => {
  equal([await bob.get('/visit'), await ada.get('/look')], ['1', '3']);
});

await step('session/ttl', async () => {
  const [key] = await redis.keys('sess:*');
  equal([99, 100].includes(await redis.ttl(key)), true);
});

await step('session/expire', async () => {
  const [id] = (await redis.keys('sess:*')).map((key) => key.slice('sess:'.length));
  const visitor = new Browser();
  await visitor.get('/visit');
  const key = (await redis.keys('sess:*')).find((name) => name.endsWith(
    decodeURIComponent(visitor.cookie).match(/s:([^.]+)/)[1]));
  equal(key !== `sess:${id}`, true);
  await redis.pExpire(key, 20);
  await eventually(async () => (await redis.exists(key)) === 0);
  equal(await visitor.get('/look'), 'undefined');
});

await step('session/list', async () => {
  equal(await store.length(), 2);
  equal((await store.ids()).length, 2);
  equal((await store.all()).map(({ visits }) => visits).sort(), [1, 3]);
});

await step('session/destroy', async () => {
  equal([await ada.get('/leave'), await ada.get('/look')], ['left', 'undefined']);
  equal(await store.length(), 1);
  await store.clear();
  equal(await bob.get('/look'), 'undefined');
});

done();
