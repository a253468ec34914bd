<?php
// phpredis 5.3's RedisCluster.

require getenv('COMPAT_LIB') . '/steps.php';

function connect(): RedisCluster
{
    return new RedisCluster(null, explode(' ', getenv('COMPAT_NODES')), 2, 2);
}

function death(): void
{
    $cluster = connect();
    $end = microtime(true) + (float) getenv('COMPAT_SECONDS');
    $operations = $errors = $longest = 0;
    $last = '';
    for ($i = 0; microtime(true) < $end; ++$i) {
        $key = 'death:' . CLIENT . ':' . ($i % 200);
        $began = microtime(true);
        try {
            // An error reply is no exception here.
            if ($cluster->set($key, (string) $i) !== true) {
                throw new Exception('SET: ' . $cluster->getLastError());
            }
            $value = $cluster->get($key);
            if ($value !== (string) $i) {
                throw new Exception('read ' . var_export($value, true) . ", wrote $i");
            }
        } catch (Throwable $error) {
            ++$errors;
            $last = preg_replace('/\s+/', ' ', get_class($error) . ' ' . $error->getMessage());
        }
        $operations += 2;
        $longest = max($longest, microtime(true) - $began);
    }
    fwrite(STDOUT, "death $operations $errors " . round($longest * 1000) . " $last\n");
}

if ($argv[1] === 'death') {
    death();
    exit(0);
}

$r = connect();

step('cluster/set-get', function () use ($r) {
    for ($i = 0; $i < 300; ++$i) {
        equal($r->set("php:$i", "v$i"), true);
    }
    for ($i = 0; $i < 300; ++$i) {
        equal($r->get("php:$i"), "v$i");
    }
});
step('cluster/across-slots', function () use ($r) {
    equal($r->mset(['x' => '1', 'y' => '2', 'z' => '3']), true);
    equal($r->mget(['x', 'y', 'z', 'none']), ['1', '2', '3', false]);
});
step('cluster/multi', function () use ($r) {
    $r->multi();
    $r->set('{m}:php', '1');
    $r->incr('{m}:php');
    equal($r->exec(), [true, 2]);
});
step('cluster/delete', function () use ($r) {
    $deleted = 0;
    for ($i = 0; $i < 300; ++$i) {
        $deleted += $r->del("php:$i");
    }
    equal($deleted, 300);
});

done();
