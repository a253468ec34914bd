<?php
// phpredis 5.3, the PHP extension, which speaks RESP2.

require getenv('COMPAT_LIB') . '/steps.php';

function connect(int $port = PORT): Redis
{
    $redis = new Redis();
    $redis->connect(HOST, $port, 5, null, 0, 5);
    return $redis;
}

$r = connect();

step('connect/resp2', function () use ($r) {
    equal($r->ping(), true);
    equal($r->ping('hello'), 'hello');
});
skip('connect/resp3', 'phpredis 5.3 speaks RESP2 only');

step('values/set-get', function () use ($r) {
    equal($r->set('greeting', 'hello'), true);
    equal($r->get('greeting'), 'hello');
});

step('values/missing', function () use ($r) {
    equal($r->get('no such key'), false);
    equal($r->del('no such key'), 0);
});

step('values/binary-value', function () use ($r) {
    $r->set('bytes', ALL_BYTES);
    equal($r->get('bytes'), ALL_BYTES);
});

step('values/binary-key', function () use ($r) {
    $r->set(ALL_BYTES, 'v');
    equal($r->get(ALL_BYTES), 'v');
    equal($r->exists(ALL_BYTES), 1);
});

step('values/1mb', function () use ($r) {
    $big = str_repeat(ALL_BYTES, 4096);
    $r->set('big', $big);
    equal($r->get('big') === $big, true);
});

step('pipeline/1000', function () use ($r) {
    $pipe = $r->multi(Redis::PIPELINE);
    $expected = [];
    for ($i = 0; $i < 1000; $i++) {
        $pipe->set("pipe:$i", $i)->get("pipe:$i");
        array_push($expected, true, (string) $i);
    }
    equal($pipe->exec(), $expected);
});

step('multi/exec', function () use ($r) {
    equal($r->multi()->set('tx', 1)->incr('tx')->get('tx')->exec(), [true, 2, '2']);
});

step('multi/discard', function () use ($r) {
    $r->multi()->set('tx', 9);
    equal($r->discard(), true);
    equal($r->get('tx'), '2');
});

step('multi/watch-conflict', function () use ($r) {
    $r->watch('tx');
    connect()->set('tx', 'other');
    equal($r->multi()->set('tx', 'mine')->exec(), false);
    equal($r->get('tx'), 'other');
});

step('expire/ex-ttl', function () use ($r) {
    $r->set('ttl', 'v', ['ex' => 100]);
    equal(in_array($r->ttl('ttl'), [99, 100], true), true);
    equal([$r->ttl('greeting'), $r->ttl('no such key')], [-1, -2]);
    equal([$r->persist('ttl'), $r->ttl('ttl')], [true, -1]);
});

step('expire/px-gone', function () use ($r) {
    $r->set('short', 'v', ['px' => 250]);
    $left = $r->pttl('short');
    equal($left > 0 && $left <= 250, true);
    eventually(fn () => $r->get('short') === false);
    equal($r->exists('short'), 0);
});

step('scan/1000', function () use ($r) {
    $wanted = array_map(fn ($i) => "scan:$i", range(0, 999));
    $r->mset(array_fill_keys($wanted, 'v'));
    $found = [];
    $cursor = null;
    do {
        $found += array_flip($r->scan($cursor, 'scan:*', 50) ?: []);
    } while ($cursor > 0);
    $found = array_keys($found);
    sort($found);
    sort($wanted);
    equal($found, $wanted);
});

// Subscribes and returns what the first message brought. phpredis is inside subscribe() from the
// confirmation until the connection ends: another process publishes until somebody hears it, and
// the callback unsubscribes and closes.
function hear(string $subscribe, string $what, string $channel): array
{
    $publisher = proc_open([PHP_BINARY, '-r', '
        $r = new Redis();
        $r->connect($argv[1], (int) $argv[2], 5);
        for ($i = 0; $i < 500 && $r->publish($argv[3], "hello") === 0; $i++) usleep(10000);
    ', '--', HOST, (string) PORT, $channel], [], $pipes);
    $heard = [];
    $callback = function ($redis, ...$message) use (&$heard, $subscribe, $what, $channel) {
        $redis->{str_replace('subscribe', 'unsubscribe', $subscribe)}([$what]);
        $heard = [...$message, connect()->publish($channel, 'nobody hears this')];
        $redis->close();
    };
    throws(RedisException::class, 'Connection closed', fn () => connect()->$subscribe([$what],
        $callback));
    proc_close($publisher);
    return $heard;
}

step('pubsub/channel', function () {
    equal(array_slice(hear('subscribe', 'news', 'news'), 0, 2), ['news', 'hello']);
});

step('pubsub/pattern', function () {
    equal(array_slice(hear('psubscribe', 'new?.*', 'news.de'), 0, 3),
        ['new?.*', 'news.de', 'hello']);
});

step('pubsub/unsubscribe', function () use ($r) {
    equal(hear('subscribe', 'left', 'left'), ['left', 'hello', 0]);
    equal(hear('psubscribe', 'le?t', 'left'), ['le?t', 'left', 'hello', 0]);
    equal(array_map('intval', $r->pubsub('numsub', ['left'])), ['left' => 0]);
});

step('count/incr', function () use ($r) {
    equal([$r->incr('n'), $r->incrBy('n', 41), $r->decrBy('n', 2)], [1, 42, 40]);
});

step('count/incrbyfloat', function () use ($r) {
    equal([$r->incrByFloat('f', 10.5), $r->incrByFloat('f', 0.1)], [10.5, 10.6]);
});

// phpredis answers an ERR with false and keeps the text.
step('error/arity', function () use ($r) {
    $r->clearLastError();
    equal($r->rawCommand('GET'), false);
    equal($r->getLastError(), "ERR wrong number of arguments for 'get' command");
});

step('error/not-integer', function () use ($r) {
    $r->clearLastError();
    equal($r->incr('greeting'), false);
    // phpredis 5.3 leaves a NUL behind this one.
    equal(rtrim($r->getLastError(), "\0"), 'ERR value is not an integer or out of range');
});

step('auth/required', function () {
    throws(RedisException::class, 'NOAUTH', fn () => connect(AUTH_PORT)->get('k'));
});

step('auth/wrong', function () {
    throws(RedisException::class, 'WRONGPASS', fn () => connect(AUTH_PORT)->auth('nonsense'));
});

step('auth/right', function () {
    $locked = connect(AUTH_PORT);
    equal([$locked->auth(PASSWORD), $locked->set('k', 'v')], [true, true]);
    equal([$locked->auth(['default', PASSWORD]), $locked->get('k')], [true, 'v']);
});

step('reconnect/after-kill', function () use ($r) {
    $victim = connect();
    $id = $victim->client('id');
    equal($r->rawCommand('CLIENT', 'KILL', 'ID', $id), 1);
    equal($victim->get('greeting'), 'hello');
    equal($victim->client('id') > $id, true);
});

step('select/isolation', function () use ($r) {
    $other = connect();
    equal([$other->select(5), $other->set('only in 5', 'v')], [true, true]);
    equal([$r->get('only in 5'), $other->get('greeting'), $other->dbSize()], [false, false, 1]);
    equal([$other->flushDB(), $r->get('greeting')], [true, 'hello']);
});

step('name/set-get', function () use ($r) {
    equal([$r->client('setname', 'compat-test'), $r->client('getname')], [true, 'compat-test']);
    equal(in_array('compat-test', array_column($r->client('list'), 'name'), true), true);
});

step('many/mset-mget-1000', function () use ($r) {
    $values = [];
    for ($i = 0; $i < 1000; $i++) {
        $values["many:$i"] = (string) $i;
    }
    equal($r->mset($values), true);
    equal($r->mget(array_keys($values)), array_values($values));
});

step('info/parse', function () use ($r) {
    $info = $r->info();
    equal([substr($info['redis_version'], 0, 2), $info['role'], (int) $info['loading']],
        ['7.', 'master', 0]);
    equal([(int) $info['tcp_port'], preg_match('/^keys=3\d{3},expires=/', $info['db0'])],
        [PORT, 1]);
});

step('extra/persistent-connection', function () {
    for ($i = 0; $i < 2; $i++) {
        $redis = new Redis();
        equal($redis->pconnect(HOST, PORT, 5), true);
        equal($redis->get('greeting'), 'hello');
        $redis->close();
    }
});

step('extra/serializer', function () {
    $redis = connect();
    $redis->setOption(Redis::OPT_SERIALIZER, Redis::SERIALIZER_PHP);
    $redis->setOption(Redis::OPT_PREFIX, 'prefix:');
    equal($redis->set('object', ['a' => [1, null]]), true);
    equal($redis->get('object'), ['a' => [1, null]]);
});

done();
