<?php
// PHP's own sessions kept in Redis by phpredis: session.save_handler = redis.

require getenv('COMPAT_LIB') . '/steps.php';

ini_set('session.save_handler', 'redis');
ini_set('session.save_path', 'tcp://' . HOST . ':' . PORT . '?database=3&prefix=PHP:&timeout=5');
ini_set('session.gc_maxlifetime', '100');
ini_set('session.use_strict_mode', '0');

$r = new Redis();
$r->connect(HOST, PORT, 5);
$r->select(3);

// One request of a visitor: starts the session, runs the body on it, writes it back.
function request(string $id, callable $body)
{
    session_id($id);
    session_start();
    $result = $body();
    session_write_close();
    $_SESSION = [];
    return $result;
}

$visit = fn () => $_SESSION['visits'] = ($_SESSION['visits'] ?? 0) + 1;

step('session/create', function () use ($r, $visit) {
    equal(request('ada', $visit), 1);
    equal($r->exists('PHP:ada'), 1);
});

step('session/continue', function () use ($visit) {
    equal([request('ada', $visit), request('ada', $visit)], [2, 3]);
});

step('session/separate', function () use ($visit) {
    equal([request('bob', $visit), request('ada', fn () => $_SESSION['visits'])], [1, 3]);
});

step('session/binary', function () {
    request('ada', fn () => $_SESSION['bytes'] = ALL_BYTES);
    equal(request('ada', fn () => $_SESSION['bytes']), ALL_BYTES);
});

step('session/ttl', function () use ($r) {
    equal(in_array($r->ttl('PHP:ada'), [99, 100], true), true);
});

step('session/expire', function () use ($r) {
    $r->pexpire('PHP:bob', 20);
    eventually(fn () => $r->exists('PHP:bob') === 0);
    equal(request('bob', fn () => $_SESSION), []);
});

step('session/regenerate', function () use ($r) {
    $new = request('ada', function () {
        session_regenerate_id(true);
        return session_id();
    });
    equal([$r->exists('PHP:ada'), request($new, fn () => $_SESSION['visits'])], [0, 3]);
});

step('session/destroy', function () use ($r, $visit) {
    request('eve', $visit);
    session_id('eve');
    session_start();
    equal(session_destroy(), true);
    equal($r->exists('PHP:eve'), 0);
});

done();
