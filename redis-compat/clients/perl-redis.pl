# Redis.pm or Redis::Fast (the argument says which): one interface, RESP2.

use strict;
use warnings;
use lib $ENV{COMPAT_LIB};
use Steps;

my $class = shift @ARGV;
eval "require $class" or die $@;

sub open_connection {
    return $class->new(server => "$HOST:$PORT", cnx_timeout => 5, read_timeout => 5, @_);
}

my $r = open_connection();

step 'connect/resp2', sub { equal $r->ping, 'PONG' };
skip 'connect/resp3', "$class speaks RESP2 only";

step 'values/set-get', sub {
    equal $r->set('greeting', 'hello'), 'OK';
    equal $r->get('greeting'), 'hello';
};

step 'values/missing', sub {
    equal $r->get('no such key'), undef;
    equal $r->del('no such key'), 0;
};

step 'values/binary-value', sub {
    $r->set('bytes', $ALL_BYTES);
    equal $r->get('bytes'), $ALL_BYTES;
};

step 'values/binary-key', sub {
    $r->set($ALL_BYTES, 'v');
    equal $r->get($ALL_BYTES), 'v';
    equal $r->exists($ALL_BYTES), 1;
};

step 'values/1mb', sub {
    my $big = $ALL_BYTES x 4096;
    $r->set('big', $big);
    equal $r->get('big') eq $big, 1;
};

# A callback as last argument makes a command part of a pipeline.
step 'pipeline/1000', sub {
    my @replies;
    my $take = sub { push @replies, defined $_[1] ? "error $_[1]" : $_[0] };
    for my $i (0 .. 999) {
        $r->set("pipe:$i", $i, $take);
        $r->get("pipe:$i", $take);
    }
    $r->wait_all_responses;
    equal \@replies, [map { ('OK', $_) } 0 .. 999];
};

step 'multi/exec', sub {
    equal [$r->multi, $r->set('tx', 1), $r->incr('tx'), $r->get('tx')],
        ['OK', ('QUEUED') x 3];
    equal [$r->exec], ['OK', 2, 2];
};

step 'multi/discard', sub {
    equal [$r->multi, $r->set('tx', 9), $r->discard], ['OK', 'QUEUED', 'OK'];
    equal $r->get('tx'), 2;
};

step 'multi/watch-conflict', sub {
    $r->watch('tx');
    open_connection()->set('tx', 'other');
    equal [$r->multi, $r->set('tx', 'mine')], ['OK', 'QUEUED'];
    equal scalar($r->exec), undef;
    equal $r->get('tx'), 'other';
};

step 'expire/ex-ttl', sub {
    $r->set('ttl', 'v', 'EX', 100);
    equal 0 + ($r->ttl('ttl') =~ /^(99|100)$/), 1;
    equal [$r->ttl('greeting'), $r->ttl('no such key')], [-1, -2];
    equal [$r->persist('ttl'), $r->ttl('ttl')], [1, -1];
};

step 'expire/px-gone', sub {
    $r->set('short', 'v', 'PX', 250);
    my $left = $r->pttl('short');
    equal 0 + ($left > 0 && $left <= 250), 1;
    eventually sub { !defined $r->get('short') };
    equal $r->exists('short'), 0;
};

step 'scan/1000', sub {
    my @wanted = map { "scan:$_" } 0 .. 999;
    $r->mset(map { ($_, 'v') } @wanted);
    my ($cursor, %found) = 0;
    do {
        ($cursor, my $keys) = $r->scan($cursor, 'MATCH', 'scan:*', 'COUNT', 50);
        @found{@$keys} = ();
    } while $cursor;
    equal [sort keys %found], [sort @wanted];
};

# Subscribes, publishes from another connection and returns what the callback was given.
sub hear {
    my ($subscribe, $what, $channel) = @_;
    my @heard;
    my $take = sub { @heard = @_ };
    my $listener = open_connection();
    $listener->$subscribe($what, $take);
    equal $r->publish($channel, 'hello'), 1;
    # It returns when nothing came for so long, hence short and repeated.
    for (1 .. 250) { last if @heard; $listener->wait_for_messages(0.02) }
    (my $unsubscribe = $subscribe) =~ s/subscribe/unsubscribe/;
    $listener->$unsubscribe($what, $take);
    equal $r->publish($channel, 'nobody hears this'), 0;
    return [@heard[0, 1, 2]];
}

step 'pubsub/channel', sub {
    equal hear('subscribe', 'news', 'news'), ['hello', 'news', 'news'];
};

step 'pubsub/pattern', sub {
    equal hear('psubscribe', 'new?.*', 'news.de'), ['hello', 'news.de', 'new?.*'];
};

step 'pubsub/unsubscribe', sub {
    my ($listener, $take) = (open_connection(), sub { });
    $listener->subscribe('a', 'b', $take);
    $listener->unsubscribe('a', $take);
    equal [$r->publish('a', 'x'), $r->publish('b', 'x')], [0, 1];
    $listener->unsubscribe('b', $take);
    equal $listener->get('greeting'), 'hello';
};

step 'count/incr', sub {
    equal [$r->incr('n'), $r->incrby('n', 41), $r->decrby('n', 2)], [1, 42, 40];
};

step 'count/incrbyfloat', sub {
    equal [$r->incrbyfloat('f', 10.5), $r->incrbyfloat('f', 0.1)], ['10.5', '10.6'];
};

step 'error/arity', sub {
    dies "ERR wrong number of arguments for 'get' command", sub { $r->get };
};

step 'error/not-integer', sub {
    dies 'ERR value is not an integer or out of range', sub { $r->incr('greeting') };
};

step 'auth/required', sub {
    dies 'NOAUTH', sub { open_connection(server => "$HOST:$AUTH_PORT")->get('k') };
};

step 'auth/wrong', sub {
    my $locked = open_connection(server => "$HOST:$AUTH_PORT");
    dies 'WRONGPASS', sub { $locked->auth('nonsense') };
};

step 'auth/right', sub {
    my $locked = open_connection(server => "$HOST:$AUTH_PORT", password => $PASSWORD);
    equal [$locked->set('k', 'v'), $locked->get('k')], ['OK', 'v'];
};

step 'reconnect/after-kill', sub {
    my $victim = open_connection(reconnect => 5, every => 10_000);
    my $id     = $victim->client('id');
    equal $r->client('kill', 'id', $id), 1;
    equal $victim->get('greeting'), 'hello';
    equal 0 + ($victim->client('id') > $id), 1;
};

step 'select/isolation', sub {
    my $other = open_connection();
    equal [$other->select(5), $other->set('only in 5', 'v')], ['OK', 'OK'];
    equal [$r->get('only in 5'), $other->get('greeting'), $other->dbsize], [undef, undef, 1];
    equal [$other->flushdb, $r->get('greeting')], ['OK', 'hello'];
};

step 'name/set-get', sub {
    my $named = open_connection(name => 'compat-test');
    equal scalar($named->client_getname), 'compat-test';
    my $lines = () = $r->client_list =~ / name=compat-test /g;
    equal $lines, 1;
};

step 'many/mset-mget-1000', sub {
    equal $r->mset(map { ("many:$_", $_) } 0 .. 999), 'OK';
    equal [$r->mget(map { "many:$_" } 0 .. 999)], [0 .. 999];
};

step 'info/parse', sub {
    my $info = $r->info;
    equal [substr($info->{redis_version}, 0, 2), $info->{role}, $info->{loading}],
        ['7.', 'master', 0];
    equal [$info->{tcp_port}, $info->{db0} =~ /^keys=(3)\d{3},/], [$PORT, 3];
};

done;
