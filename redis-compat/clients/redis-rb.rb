# redis-rb 4.8, which speaks RESP2, with its own driver ("ruby") or hiredis's ("hiredis").

require "#{ENV.fetch('COMPAT_LIB')}/steps"
require 'redis'

DRIVER = ARGV.fetch(0).to_sym

def connect(**options)
  Redis.new(host: HOST, port: PORT, timeout: 5, driver: DRIVER, **options)
end

r = connect

step('connect/resp2') { equal r.ping, 'PONG' }
skip 'connect/resp3', 'redis-rb 4 speaks RESP2 only'

step 'values/set-get' do
  equal r.set('greeting', 'hello'), 'OK'
  equal r.get('greeting'), 'hello'
end

step 'values/missing' do
  equal r.get('no such key'), nil
  equal r.del('no such key'), 0
end

step 'values/binary-value' do
  r.set('bytes', ALL_BYTES)
  equal r.get('bytes').b, ALL_BYTES
end

step 'values/binary-key' do
  r.set(ALL_BYTES, 'v')
  equal r.get(ALL_BYTES), 'v'
  equal r.exists?(ALL_BYTES), true
end

step 'values/1mb' do
  big = ALL_BYTES * 4096
  r.set('big', big)
  equal r.get('big').b == big, true
end

step 'pipeline/1000' do
  replies = r.pipelined do |pipe|
    1000.times do |i|
      pipe.set("pipe:#{i}", i)
      pipe.get("pipe:#{i}")
    end
  end
  equal(replies, (0...1000).flat_map { |i| ['OK', i.to_s] })
end

step 'multi/exec' do
  replies = r.multi do |tx|
    tx.set('tx', 1)
    tx.incr('tx')
    tx.get('tx')
  end
  equal replies, ['OK', 2, '2']
end

step 'multi/discard' do
  equal [r.call('MULTI'), r.call('SET', 'tx', 9), r.call('DISCARD')], %w[OK QUEUED OK]
  equal r.get('tx'), '2'
end

step 'multi/watch-conflict' do
  replies = r.watch('tx') do
    connect.set('tx', 'other')
    r.multi { |tx| tx.set('tx', 'mine') }
  end
  equal replies, nil
  equal r.get('tx'), 'other'
end

step 'expire/ex-ttl' do
  r.set('ttl', 'v', ex: 100)
  equal [99, 100].include?(r.ttl('ttl')), true
  equal [r.ttl('greeting'), r.ttl('no such key')], [-1, -2]
  equal [r.persist('ttl'), r.ttl('ttl')], [true, -1]
end

step 'expire/px-gone' do
  r.set('short', 'v', px: 250)
  equal((1..250).cover?(r.pttl('short')), true)
  eventually { r.get('short').nil? }
  equal r.exists?('short'), false
end

step 'scan/1000' do
  wanted = (0...1000).map { |i| "scan:#{i}" }
  r.mapped_mset(wanted.to_h { |key| [key, 'v'] })
  equal r.scan_each(match: 'scan:*', count: 50).to_a.uniq.sort, wanted.sort
end

# Subscribes, publishes from another connection once that is confirmed and unsubscribes at the
# message. Returns [subscriptions, receivers, message, subscriptions left].
def hear(kind, what, channel)
  listener = connect
  heard = []
  listener.public_send("#{kind}subscribe", what) do |on|
    on.public_send("#{kind}subscribe") do |_, count|
      heard << count << connect.publish(channel, ALL_BYTES)
    end
    on.public_send("#{kind}message") do |*message|
      heard << message.map(&:b)
      listener.public_send("#{kind}unsubscribe")
    end
    on.public_send("#{kind}unsubscribe") { |_, count| heard << count }
  end
  heard
end

step('pubsub/channel') { equal hear('', 'news', 'news'), [1, 1, ['news', ALL_BYTES], 0] }

step 'pubsub/pattern' do
  equal hear('p', 'new?.*', 'news.de'), [1, 1, ['new?.*', 'news.de', ALL_BYTES], 0]
end

step 'pubsub/unsubscribe' do
  listener = connect
  left = []
  listener.subscribe('a', 'b') do |on|
    on.subscribe { |_, count| listener.unsubscribe('a') if count == 2 }
    on.unsubscribe do |channel, count|
      left << [channel, count, r.publish('a', 'x')]
      listener.unsubscribe('b') if count == 1
    end
  end
  equal left, [['a', 1, 0], ['b', 0, 0]]
  equal listener.get('greeting'), 'hello'
end

step 'count/incr' do
  equal [r.incr('n'), r.incrby('n', 41), r.decrby('n', 2)], [1, 42, 40]
end

step 'count/incrbyfloat' do
  equal [r.incrbyfloat('f', 10.5), r.incrbyfloat('f', 0.1)], [10.5, 10.6]
end

step 'error/arity' do
  raises(Redis::CommandError, "ERR wrong number of arguments for 'get' command") { r.call('GET') }
end

step 'error/not-integer' do
  raises(Redis::CommandError, 'ERR value is not an integer or out of range') { r.incr('greeting') }
end

step 'auth/required' do
  raises(Redis::CommandError, 'NOAUTH') { connect(port: AUTH_PORT).get('k') }
end

step 'auth/wrong' do
  raises(Redis::CommandError, 'WRONGPASS') do
    connect(port: AUTH_PORT, password: 'nonsense').get('k')
  end
end

step 'auth/right' do
  equal connect(port: AUTH_PORT, password: PASSWORD).set('k', 'v'), 'OK'
  equal connect(port: AUTH_PORT, username: 'default', password: PASSWORD).get('k'), 'v'
end

step 'reconnect/after-kill' do
  victim = connect(id: 'victim', db: 5)
  id = victim.call('CLIENT', 'ID')
  equal r.call('CLIENT', 'KILL', 'ID', id), 1
  equal victim.get('no such key'), nil
  info = victim.call('CLIENT', 'INFO')
  equal [info[/ db=(\d+)/, 1], info[/ name=(\S*)/, 1]], %w[5 victim]
  equal victim.call('CLIENT', 'ID') > id, true
end

step 'select/isolation' do
  other = connect(db: 5)
  other.set('only in 5', 'v')
  equal [r.get('only in 5'), other.get('greeting'), other.dbsize], [nil, nil, 1]
  other.flushdb
  equal r.get('greeting'), 'hello'
end

step 'name/set-get' do
  equal [r.client(:setname, 'compat-test'), r.client(:getname)], %w[OK compat-test]
  equal r.client(:list).count { |entry| entry['name'] == 'compat-test' }, 1
end

step 'many/mset-mget-1000' do
  values = (0...1000).to_h { |i| ["many:#{i}", i.to_s] }
  equal r.mapped_mset(values), 'OK'
  equal r.mapped_mget(*values.keys), values
end

step 'info/parse' do
  info = r.info
  equal [info['redis_version'][0, 2], info['role'], info['loading']], %w[7. master 0]
  equal [info['tcp_port'].to_i, info['db0'][/keys=(\d+)/, 1].to_i >= 3000], [PORT, true]
end

step 'extra/set-options' do
  equal r.set('greeting', 'x', nx: true), false
  equal r.set('greeting', 'hello', get: true), 'hello'
  equal r.getex('greeting', px: 5000), 'hello'
  equal r.getdel('greeting'), 'hello'
end

done
