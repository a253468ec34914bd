<?php
// Predis 1.1, in PHP alone, which speaks RESP2.

require getenv('COMPAT_LIB') . '/steps.php';
require 'Predis/autoload.php';

function connect(array $parameters = []): Predis\Client
{
    return new Predis\Client(
        $parameters + ['host' => HOST, 'port' => PORT, 'timeout' => 5, 'read_write_timeout' => 5]);
}

$r = connect();

step('connect/resp2', function () use ($r) {
    equal((string) $r->ping(), 'PONG');
});
skip('connect/resp3', 'Predis 1.1 speaks RESP2 only');

step('values/set-get', function () use ($r) {
    equal((string) $r->set('greeting', 'hello'), 'OK');
    equal($r->get('greeting'), 'hello');
});

step('values/missing', function () use ($r) {
    equal($r->get('no such key'), null);
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
    $replies = $r->pipeline(function ($pipe) {
        for ($i = 0; $i < 1000; $i++) {
            $pipe->set("pipe:$i", $i);
            $pipe->get("pipe:$i");
        }
    });
    $expected = [];
    for ($i = 0; $i < 1000; $i++) {
        array_push($expected, 'OK', (string) $i);
    }
    equal(array_map('strval', $replies), $expected);
});

step('multi/exec', function () use ($r) {
    $replies = $r->transaction(function ($tx) {
        $tx->set('tx', 1);
        $tx->incr('tx');
        $tx->get('tx');
    });
    equal(array_map('strval', $replies), ['OK', '2', '2']);
});

step('multi/discard', function () use ($r) {
    equal((string) $r->multi(), 'OK');
    equal((string) $r->set('tx', 9), 'QUEUED');
    equal((string) $r->discard(), 'OK');
    equal($r->get('tx'), '2');
});

step('multi/watch-conflict', function () use ($r) {
    throws(Predis\Transaction\AbortedMultiExecException::class, 'aborted', function () use ($r) {
        $r->transaction(['watch' => 'tx', 'cas' => true], function ($tx) {
            $tx->get('tx');
            connect()->set('tx', 'other');
            $tx->multi();
            $tx->set('tx', 'mine');
        });
    });
    equal($r->get('tx'), 'other');
});

step('expire/ex-ttl', function () use ($r) {
    $r->set('ttl', 'v', 'EX', 100);
    equal(in_array($r->ttl('ttl'), [99, 100], true), true);
    equal([$r->ttl('greeting'), $r->ttl('no such key')], [-1, -2]);
    equal([$r->persist('ttl'), $r->ttl('ttl')], [1, -1]);
});

step('expire/px-gone', function () use ($r) {
    $r->set('short', 'v', 'PX', 250);
    $left = $r->pttl('short');
    equal($left > 0 && $left <= 250, true);
    eventually(fn () => $r->get('short') === null);
    equal($r->exists('short'), 0);
});

step('scan/1000', function () use ($r) {
    $wanted = array_map(fn ($i) => "scan:$i", range(0, 999));
    $r->mset(array_fill_keys($wanted, 'v'));
    $found = [];
    foreach (new Predis\Collection\Iterator\Keyspace($r, 'scan:*', 50) as $key) {
        $found[$key] = true;
    }
    $found = array_keys($found);
    sort($found);
    sort($wanted);
    equal($found, $wanted);
});

// The next message of the loop has to be of that kind.
function heard(Iterator $loop, string $kind, string $channel, $payload): void
{
    $message = $loop->current();
    equal([$message->kind, $message->channel, $message->payload], [$kind, $channel, $payload]);
    $loop->next();
}

step('pubsub/channel', function () use ($r) {
    $loop = connect()->pubSubLoop();
    $loop->subscribe('news');
    heard($loop, 'subscribe', 'news', 1);
    equal($r->publish('news', ALL_BYTES), 1);
    heard($loop, 'message', 'news', ALL_BYTES);
    $loop->stop(true);
});

step('pubsub/pattern', function () use ($r) {
    $loop = connect()->pubSubLoop();
    $loop->psubscribe('new?.*');
    heard($loop, 'psubscribe', 'new?.*', 1);
    equal($r->publish('news.de', 'hello'), 1);
    equal($loop->current()->pattern, 'new?.*');
    $loop->next();
    $loop->stop(true);
});

step('pubsub/unsubscribe', function () use ($r) {
    $loop = connect()->pubSubLoop();
    $loop->subscribe('a', 'b');
    $loop->unsubscribe('a');
    heard($loop, 'subscribe', 'a', 1);
    heard($loop, 'subscribe', 'b', 2);
    heard($loop, 'unsubscribe', 'a', 1);
    equal([$r->publish('a', 'x'), $r->publish('b', 'x')], [0, 1]);
    $loop->stop(true);
});

step('count/incr', function () use ($r) {
    equal([$r->incr('n'), $r->incrby('n', 41), $r->decrby('n', 2)], [1, 42, 40]);
});

step('count/incrbyfloat', function () use ($r) {
    equal([$r->incrbyfloat('f', 10.5), $r->incrbyfloat('f', 0.1)], ['10.5', '10.6']);
});

step('error/arity', function () use ($r) {
    throws(Predis\Response\ServerException::class,
        "ERR wrong number of arguments for 'get' command",
        fn () => $r->executeCommand(Predis\Command\RawCommand::create('GET')));
});

step('error/not-integer', function () use ($r) {
    throws(Predis\Response\ServerException::class, 'ERR value is not an integer or out of range',
        fn () => $r->incr('greeting'));
});

step('auth/required', function () {
    throws(Predis\Response\ServerException::class, 'NOAUTH Authentication required.',
        fn () => connect(['port' => AUTH_PORT])->get('k'));
});

step('auth/wrong', function () {
    throws(Predis\Connection\ConnectionException::class, 'WRONGPASS',
        fn () => connect(['port' => AUTH_PORT, 'password' => 'nonsense'])->get('k'));
});

step('auth/right', function () {
    $locked = connect(['port' => AUTH_PORT, 'password' => PASSWORD]);
    equal([(string) $locked->set('k', 'v'), $locked->get('k')], ['OK', 'v']);
});

// Predis reports the lost connection once and opens another for the next command.
step('reconnect/after-kill', function () use ($r) {
    $victim = connect();
    $id = $victim->executeRaw(['CLIENT', 'ID']);
    equal($r->executeRaw(['CLIENT', 'KILL', 'ID', $id]), 1);
    throws(Predis\Connection\ConnectionException::class, '', fn () => $victim->get('greeting'));
    equal($victim->get('greeting'), 'hello');
});

step('select/isolation', function () use ($r) {
    $other = connect(['database' => 5]);
    $other->set('only in 5', 'v');
    equal([$r->get('only in 5'), $other->get('greeting'), $other->dbsize()], [null, null, 1]);
    $other->flushdb();
    equal($r->get('greeting'), 'hello');
});

step('name/set-get', function () use ($r) {
    equal((string) $r->client('setname', 'compat-test'), 'OK');
    equal($r->client('getname'), 'compat-test');
    equal(in_array('compat-test', array_column($r->client('list'), 'name'), true), true);
});

step('many/mset-mget-1000', function () use ($r) {
    $values = [];
    for ($i = 0; $i < 1000; $i++) {
        $values["many:$i"] = (string) $i;
    }
    equal((string) $r->mset($values), 'OK');
    equal($r->mget(array_keys($values)), array_values($values));
});

step('info/parse', function () use ($r) {
    $info = $r->info();
    equal([substr($info['Server']['redis_version'], 0, 2), $info['Replication']['role'],
        $info['Persistence']['loading']], ['7.', 'master', '0']);
    equal([(int) $info['Server']['tcp_port'], (int) $info['Keyspace']['db0']['keys'] >= 3000],
        [PORT, true]);
});

step('extra/monitor', function () use ($r) {
    $monitor = connect()->monitor();
    $r->get('greeting');
    $event = $monitor->current();
    equal([$event->command, $event->arguments], ['GET', '"greeting"']);
    $monitor->stop();
});

done();
