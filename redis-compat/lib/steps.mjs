// Reports steps to redis-compat/run, which describes the lines.

import assert from 'node:assert/strict';

const client = process.env.COMPAT_CLIENT;

export const host = process.env.COMPAT_HOST;
export const port = Number(process.env.COMPAT_PORT);
export const authPort = Number(process.env.COMPAT_AUTH_PORT);
export const password = process.env.COMPAT_PASSWORD;
export const allBytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));

const stepTimeoutMs = 10_000;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Runs one step; an exception or 10 s without an end is its failure.
export async function step(name, body) {
  let timer;
  const tooLong = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('no end after 10 s')), stepTimeoutMs);
  });
  try {
    await Promise.race([body(), tooLong]);
    console.log(`ok ${client} ${name}`);
  } catch (error) {
    const why = String(error?.message ?? error).replace(/\s+/g, ' ').slice(0, 300);
    console.log(`FAIL ${client} ${name}: ${why}`);
  } finally {
    clearTimeout(timer);
  }
}

export function skip(name, why) {
  console.log(`skip ${client} ${name}: ${why}`);
}

export const equal = assert.deepStrictEqual;

// The promise must be rejected with that type of error and that text.
export async function rejects(promise, type, text) {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof type, `${error.constructor.name} (${error.message})`);
    assert.ok(error.message.includes(text), error.message);
    return;
  }
  assert.fail(`no error, expected ${text}`);
}

// Waits until the (async) condition holds.
export async function eventually(condition, withinMs = 5000) {
  const deadline = Date.now() + withinMs;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `not so after ${withinMs} ms: ${condition}`);
    await sleep(10);
  }
}

// Says that the script reached its end. Connections that are still open do not keep it alive.
export function done() {
  console.log(`done ${client}`);
  process.exit(0);
}
