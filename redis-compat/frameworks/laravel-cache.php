<?php
// Laravel's cache repository on its Redis store, over phpredis and over Predis. add() and locks are
// Lua and left out.

require getenv('COMPAT_LIB') . '/steps.php';
foreach (['Cache', 'Redis'] as $component) {
    require "Illuminate/$component/autoload.php";
}
require 'Predis/autoload.php';

use Illuminate\Cache\RedisStore;
use Illuminate\Cache\Repository;
use Illuminate\Redis\RedisManager;

function steps(string $driver): void
{
    $redis = new RedisManager(null, $driver, [
        'default' => ['host' => HOST, 'port' => PORT, 'database' => 6, 'timeout' => 5],
    ]);
    $cache = new Repository(new RedisStore($redis, 'laravel'));

    step("cache/$driver-put-get", function () use ($cache) {
        equal($cache->put('user', ['name' => 'Ada', 'bytes' => ALL_BYTES], 100), true);
        equal([$cache->get('user'), $cache->get('nobody', 'none')],
            [['name' => 'Ada', 'bytes' => ALL_BYTES], 'none']);
        equal([$cache->has('user'), $cache->missing('user')], [true, false]);
    });

    step("cache/$driver-ttl", function () use ($cache, $redis) {
        equal(in_array($redis->connection()->ttl('laravel:user'), [99, 100], true), true);
        $cache->put('short', 1, 1);
        eventually(fn () => $cache->get('short') === null);
        equal($cache->forever('kept', 1), true);
        equal($redis->connection()->ttl('laravel:kept'), -1);
    });

    step("cache/$driver-remember", function () use ($cache) {
        $calls = 0;
        $compute = function () use (&$calls) {
            return ++$calls;
        };
        $cache->remember('sum', 60, $compute);
        equal([(int) $cache->remember('sum', 60, $compute), $calls], [1, 1]);
    });

    step("cache/$driver-many", function () use ($cache) {
        equal($cache->putMany(['a' => 1, 'b' => 'two'], 60), true);
        $got = $cache->many(['a', 'b', 'nobody']);
        equal([(int) $got['a'], $got['b'], $got['nobody']], [1, 'two', null]);
    });

    step("cache/$driver-count", function () use ($cache) {
        equal([(int) $cache->increment('hits'), (int) $cache->increment('hits', 5),
            (int) $cache->decrement('hits', 2)], [1, 6, 4]);
    });

    step("cache/$driver-pull-forget", function () use ($cache) {
        equal([$cache->pull('b'), $cache->get('b')], ['two', null]);
        equal([$cache->forget('a'), $cache->forget('a')], [true, false]);
    });

    step("cache/$driver-flush", function () use ($cache) {
        equal([$cache->flush(), $cache->get('user')], [true, null]);
    });
}

steps('phpredis');
steps('predis');
done();
