# Reports steps to redis-compat/run, which describes the lines.
package Steps;

use strict;
use warnings;
use Exporter 'import';
use Time::HiRes qw(sleep time);

our @EXPORT = qw($HOST $PORT $AUTH_PORT $PASSWORD $ALL_BYTES step skip equal dies eventually done);

my $client = $ENV{COMPAT_CLIENT};
our $HOST      = $ENV{COMPAT_HOST};
our $PORT      = $ENV{COMPAT_PORT};
our $AUTH_PORT = $ENV{COMPAT_AUTH_PORT};
our $PASSWORD  = $ENV{COMPAT_PASSWORD};
our $ALL_BYTES = join '', map { chr } 0 .. 255;

$| = 1;

# Runs one step; dying is its failure.
sub step {
    my ($name, $body) = @_;
    if (eval { $body->(); 1 }) {
        print "ok $client $name\n";
    } else {
        my $why = join ' ', split ' ', $@;
        print "FAIL $client $name: ", substr($why, 0, 300), "\n";
    }
}

sub skip {
    my ($name, $why) = @_;
    print "skip $client $name: $why\n";
}

# Compares values, or lists given by reference; undef prints as (undef).
sub equal {
    my ($got, $expected) = map { _text($_) } @_;
    return if $got eq $expected;
    die "got '" . substr($got, 0, 120) . "', expected '" . substr($expected, 0, 120) . "'\n";
}

sub _text {
    my ($value) = @_;
    return '(undef)' if !defined $value;
    return '[' . join(', ', map { _text($_) } @$value) . ']' if ref $value eq 'ARRAY';
    return $value;
}

# The call must die with that text.
sub dies {
    my ($text, $body) = @_;
    die "did not die, expected '$text'\n" if eval { $body->(); 1 };
    die $@ if index($@, $text) < 0;
}

# Waits until the condition holds, 5 seconds at most.
sub eventually {
    my ($condition) = @_;
    my $deadline = time + 5;
    until ($condition->()) {
        die "not so after 5 s\n" if time > $deadline;
        sleep 0.01;
    }
}

sub done {
    print "done $client\n";
}

1;
