<?php
// Reports steps to redis-compat/run, which describes the lines.
//
// Lines go to STDOUT by fwrite: PHP's own output would count as a page that has begun, after
// which sessions refuse to start.

error_reporting(E_ALL & ~E_DEPRECATED);
// A warning or notice is a failure of the step in which it appears.
set_error_handler(function (int $level, string $message) {
    if (error_reporting() & $level) {
        throw new ErrorException($message);
    }
    return true;
});

define('CLIENT', getenv('COMPAT_CLIENT'));
define('HOST', getenv('COMPAT_HOST'));
define('PORT', (int) getenv('COMPAT_PORT'));
define('AUTH_PORT', (int) getenv('COMPAT_AUTH_PORT'));
define('PASSWORD', getenv('COMPAT_PASSWORD'));
define('ALL_BYTES', implode('', array_map('chr', range(0, 255))));

function report(string $verdict, string $name, string $why = ''): void
{
    fwrite(STDOUT, "$verdict " . CLIENT . " $name" . ($why === '' ? '' : ": $why") . "\n");
}

/** Runs one step; an exception is its failure. */
function step(string $name, callable $body): void
{
    try {
        $body();
        report('ok', $name);
    } catch (Throwable $error) {
        $why = get_class($error) . ': ' . $error->getMessage();
        report('FAIL', $name, substr(preg_replace('/\s+/', ' ', $why), 0, 300));
    }
}

function skip(string $name, string $why): void
{
    report('skip', $name, $why);
}

function equal($got, $expected): void
{
    if ($got !== $expected) {
        throw new Exception('got ' . substr(var_export($got, true), 0, 120)
            . ', expected ' . substr(var_export($expected, true), 0, 120));
    }
}

/** The call must throw that type of exception with that text. */
function throws(string $type, string $text, callable $body): void
{
    try {
        $body();
    } catch (Throwable $error) {
        if (!$error instanceof $type || !str_contains($error->getMessage(), $text)) {
            throw $error;
        }
        return;
    }
    throw new Exception("no exception, expected $type with '$text'");
}

/** Waits until the condition holds, 5 seconds at most. */
function eventually(callable $condition): void
{
    for ($i = 0; !$condition(); $i++) {
        if ($i === 500) {
            throw new Exception('not so after 5 s');
        }
        usleep(10000);
    }
}

function done(): void
{
    fwrite(STDOUT, 'done ' . CLIENT . "\n");
}
