<?php
// Symfony's cache: RedisAdapter over phpredis. Tags need sets and are left out.

require getenv('COMPAT_LIB') . '/steps.php';
require 'Psr/SimpleCache/autoload.php';
require 'Symfony/Component/Cache/autoload.php';

use Symfony\Component\Cache\Adapter\RedisAdapter;
use Symfony\Component\Cache\Psr16Cache;
use Symfony\Contracts\Cache\ItemInterface;

$redis = RedisAdapter::createConnection('redis://' . HOST . ':' . PORT . '/4', ['timeout' => 5]);
$pool = new RedisAdapter($redis, 'app', 60);
$simple = new Psr16Cache($pool);

step('cache/compute-once', function () use ($pool) {
    $calls = 0;
    $compute = function (ItemInterface $item) use (&$calls) {
        $item->expiresAfter(100);
        return ['sum' => ++$calls];
    };
    equal([$pool->get('sum', $compute), $pool->get('sum', $compute)], [['sum' => 1], ['sum' => 1]]);
});

step('cache/set-get', function () use ($simple) {
    equal($simple->set('bytes', ALL_BYTES), true);
    equal([$simple->get('bytes'), $simple->get('nobody', 'none')], [ALL_BYTES, 'none']);
    equal([$simple->has('bytes'), $simple->has('nobody')], [true, false]);
});

step('cache/items', function () use ($pool) {
    $item = $pool->getItem('item');
    equal($item->isHit(), false);
    equal($pool->save($item->set(new DateTimeImmutable('@0'))), true);
    equal($pool->getItem('item')->get()->getTimestamp(), 0);
    equal([$pool->saveDeferred($pool->getItem('later')->set(1)), $pool->commit()], [true, true]);
    equal($pool->getItem('later')->get(), 1);
});

step('cache/ttl', function () use ($simple, $redis) {
    $simple->set('short', 1, 1);
    equal($simple->get('short'), 1);
    eventually(fn () => $simple->get('short') === null);
});

step('cache/many', function () use ($simple) {
    $values = [];
    for ($i = 0; $i < 200; $i++) {
        $values["many.$i"] = $i;
    }
    equal($simple->setMultiple($values, 60), true);
    equal(iterator_to_array($simple->getMultiple(array_keys($values))), $values);
    equal($simple->deleteMultiple(['many.1', 'many.2']), true);
    equal($simple->has('many.1'), false);
});

step('cache/clear-prefix', function () use ($pool, $simple, $redis) {
    $redis->set('not of the pool', 'v');
    equal($pool->clear(), true);
    equal([$simple->get('bytes'), $simple->has('many.5')], [null, false]);
    equal($redis->get('not of the pool'), 'v');
});

done();
