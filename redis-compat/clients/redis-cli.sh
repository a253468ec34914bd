# redis-cli, one process a command or one session a step (commands on its standard input).

source "$COMPAT_LIB/steps.sh"

resp2() { equal "$(cli PING)" PONG; }
resp3() { contains "$(cli -3 --no-raw HELLO | tr '\n' ' ')" '"proto" => (integer) 3'; }
step connect/resp2 resp2
step connect/resp3 resp3

set_get() {
  equal "$(cli SET greeting hello)" OK && equal "$(cli GET greeting)" hello
}
missing() {
  equal "$(cli --no-raw GET 'no such key')" '(nil)' && equal "$(cli -3 --no-raw GET nil)" '(nil)' &&
    equal "$(cli DEL nil)" 0
}
# redis-cli ends what it prints with a newline, which is no part of the value.
same_value() { cli GET "$1" | head -c -1 | cmp - "$2"; }
binary_value() {
  local i
  for ((i = 0; i < 256; i++)); do printf "\\x$(printf %02x "$i")"; done >"$T/bytes"
  equal "$(stat -c %s "$T/bytes")" 256 && equal "$(cli -x SET bytes <"$T/bytes")" OK &&
    same_value bytes "$T/bytes"
}
binary_key() {
  equal "$(printf '%s\n' 'SET "\x00\r\n\xff" "v"' 'GET "\x00\r\n\xff"' | cli | tr '\n' ' ')" \
    'OK v ' && contains "$(cli --no-raw KEYS $'*\n\xff')" '"\x00\r\n\xff"'
}
one_megabyte() {
  head -c 1048576 /dev/urandom >"$T/big"
  equal "$(cli -x SET big <"$T/big")" OK && equal "$(cli STRLEN big)" 1048576 &&
    same_value big "$T/big"
}
step values/set-get set_get
step values/missing missing
step values/binary-value binary_value
step values/binary-key binary_key
step values/1mb one_megabyte

pipe_mode() {
  contains "$(for i in {1..1000}; do printf 'SET pipe:%d %d\r\n' "$i" "$i"; done | cli --pipe)" \
    'errors: 0, replies: 1000' && equal "$(cli GET pipe:1000)" 1000
}
pipe_mode_errors() {
  contains "$(printf '*1\r\n$3\r\nGET\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n' | cli --pipe 2>&1)" \
    'errors: 1, replies: 2'
}
step pipeline/1000 pipe_mode
step pipeline/errors pipe_mode_errors

session() { printf '%s\n' "$@" | cli --no-raw 2>&1 | tr '\n' ' '; }
exec_transaction() {
  equal "$(session 'SET tx 1' MULTI 'INCR tx' 'GET tx' EXEC)" \
    'OK OK QUEUED QUEUED 1) (integer) 2 2) "2" '
}
discard() { equal "$(session MULTI 'SET tx 9' DISCARD 'GET tx')" 'OK QUEUED OK "2" '; }
# A session that changes what it watches conflicts with itself.
watch_conflict() {
  equal "$(session 'WATCH tx' 'SET tx other' MULTI 'SET tx mine' EXEC 'GET tx')" \
    'OK OK OK QUEUED (nil) "other" '
}
step multi/exec exec_transaction
step multi/discard discard
step multi/watch-conflict watch_conflict

ex_ttl() {
  cli SET ttl v EX 100
  [[ $(cli TTL ttl) =~ ^(99|100)$ ]] && equal "$(cli TTL greeting)" -1 &&
    equal "$(cli TTL nil)" -2
}
px_gone() {
  gone() { [[ $(cli EXISTS short) == 0 ]]; }
  equal "$(session 'SET short v PX 250' 'GET short')" 'OK "v" ' && until_true gone &&
    equal "$(cli GET short)" ''
}
step expire/ex-ttl ex_ttl
step expire/px-gone px_gone

scan_loop() {
  cli MSET $(for i in {1..1000}; do echo "scan:$i v"; done) &&
    cli --scan --pattern 'scan:*' | sort -u >"$T/found" &&
    for i in {1..1000}; do echo "scan:$i"; done | sort | cmp - "$T/found"
}
step scan/1000 scan_loop

# listens COMMAND WHAT: starts a subscriber in the background, returns when it is subscribed.
listens() {
  : >"$T/heard"
  redis-cli -h "$COMPAT_HOST" -p "$COMPAT_PORT" "$@" >"$T/heard" 2>&1 &
  listener=$!
  until_true grep -q . "$T/heard"
}
stop_listening() { { kill "$listener"; wait "$listener"; } 2>/dev/null; }
channel() {
  listens SUBSCRIBE news && equal "$(cli PUBLISH news hello)" 1 &&
    until_true grep -q hello "$T/heard"
  local status=$?
  stop_listening
  return $status
}
pattern() {
  listens PSUBSCRIBE 'new?.*' && equal "$(cli PUBLISH news.de hello)" 1 &&
    until_true grep -q hello "$T/heard" && contains "$(tr '\n' ' ' <"$T/heard")" \
    'pmessage new?.* news.de hello '
  local status=$?
  stop_listening
  return $status
}
subscriber_leaves() {
  left() { [[ $(cli PUBSUB NUMSUB leaving | tail -n 1) == 0 ]]; }
  listens SUBSCRIBE leaving || return 1
  equal "$(cli PUBSUB NUMSUB leaving | tail -n 1)" 1
  local status=$?
  stop_listening
  [[ $status == 0 ]] && until_true left
}
step pubsub/channel channel
step pubsub/pattern pattern
skip pubsub/unsubscribe "redis-cli 7.0 listens until it is interrupted"
step pubsub/subscriber-leaves subscriber_leaves

incr() { equal "$(cli INCR n) $(cli INCRBY n 41) $(cli DECRBY n 2)" '1 42 40'; }
incrbyfloat() { equal "$(cli INCRBYFLOAT f 10.5) $(cli INCRBYFLOAT f 0.1)" '10.5 10.6'; }
step count/incr incr
step count/incrbyfloat incrbyfloat

arity() {
  equal "$(cli --no-raw GET)" "(error) ERR wrong number of arguments for 'get' command" &&
    ! cli -e GET
}
not_integer() {
  equal "$(cli --no-raw INCR greeting)" '(error) ERR value is not an integer or out of range'
}
step error/arity arity
step error/not-integer not_integer

auth_required() { contains "$(auth_cli GET k)" 'NOAUTH Authentication required.'; }
auth_wrong() { contains "$(auth_cli -a nonsense GET k 2>&1)" 'AUTH failed: WRONGPASS'; }
auth_right() {
  equal "$(REDISCLI_AUTH=$COMPAT_PASSWORD auth_cli PING)" PONG &&
    equal "$(auth_cli --no-auth-warning --user default --pass "$COMPAT_PASSWORD" -3 PING)" PONG
}
step auth/required auth_required
step auth/wrong auth_wrong
step auth/right auth_right

# The session ends its own connection, and redis-cli opens another for the command that follows.
after_kill() {
  contains "$(session 'CLIENT KILL TYPE normal SKIPME no' 'GET greeting' 'GET greeting')" '"hello"'
}
step reconnect/after-kill after_kill

isolation() {
  equal "$(cli -n 5 SET 'only in 5' v)" OK && equal "$(cli -n 5 DBSIZE)" 1 &&
    equal "$(cli --no-raw GET 'only in 5')" '(nil)' &&
    equal "$(session 'SELECT 5' FLUSHDB 'SELECT 0' 'GET greeting')" 'OK OK OK "hello" '
}
step select/isolation isolation

client_name() {
  equal "$(session 'CLIENT SETNAME compat-test' 'CLIENT GETNAME')" 'OK "compat-test" ' &&
    contains "$(session 'CLIENT SETNAME compat-test' 'CLIENT LIST')" 'name=compat-test'
}
step name/set-get client_name

many() {
  equal "$(cli MSET $(for i in {1..1000}; do echo "many:$i $i"; done))" OK &&
    equal "$(cli MGET $(for i in {1..1000}; do echo "many:$i"; done))" "$(seq 1000)"
}
step many/mset-mget-1000 many

info() {
  local text
  text=$(cli INFO | tr -d '\r')
  contains "$text" 'redis_version:7.' && contains "$text" 'role:master' &&
    contains "$text" "tcp_port:$COMPAT_PORT" && contains "$text" "db0:keys=3"
}
step info/parse info

# What only redis-cli does.
csv() { equal "$(cli --csv MGET greeting nil n)" '"hello",NULL,"40"'; }
json() { equal "$(cli --json MGET greeting nil)" '["hello",null]'; }
resp3_map() { contains "$(cli -3 CONFIG GET port)" "$COMPAT_PORT"; }
tagged_stdin() {
  equal "$(printf hi | cli -X body SETRANGE greeting 0 body)$(cli GET greeting)" 5hillo
}
repeated() { equal "$(cli -r 3 -i 0.01 INCR repeated | tr '\n' ' ')" '1 2 3 '; }
bigkeys() { contains "$(cli --bigkeys)" $'Biggest string found \'"big"\' has 1048576 bytes'; }
memkeys() { contains "$(cli --memkeys)" $'Biggest string found \'"big"\' has '; }
latency() { [[ $(cli --raw --latency) =~ ^[0-9]+\ [0-9]+\ [0-9.]+\ [0-9]+$ ]]; }
statistics() {
  timeout 0.5 stdbuf -oL redis-cli -h "$COMPAT_HOST" -p "$COMPAT_PORT" --stat -i 0.1 >"$T/stat"
  [[ $(grep -cE '^[0-9]+ ' "$T/stat") -ge 2 ]] || { cat "$T/stat"; return 1; }
}
monitor() {
  listens MONITOR && cli SET watched "a b" && until_true grep -q '"SET" "watched" "a b"' "$T/heard"
  local status=$?
  stop_listening
  return $status
}
command_docs() { contains "$(cli COMMAND DOCS get)" summary; }
step extra/csv csv
step extra/json json
step extra/resp3-map resp3_map
step extra/tagged-stdin tagged_stdin
step extra/repeat repeated
step extra/bigkeys bigkeys
step extra/memkeys memkeys
step extra/latency latency
step extra/stat statistics
step extra/monitor monitor
step extra/command-docs command_docs

done_with_steps
