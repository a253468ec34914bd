# Rails' cache: ActiveSupport's RedisCacheStore over redis-rb.

require "#{ENV.fetch('COMPAT_LIB')}/steps"
require 'active_support'
require 'active_support/cache'
require 'active_support/cache/redis_cache_store'
require 'active_support/notifications'

# Without a handler an unreachable or refusing server would look like a cache miss.
def cache(**options)
  ActiveSupport::Cache::RedisCacheStore.new(
    url: "redis://#{HOST}:#{PORT}/7", namespace: 'rails', timeout: 5,
    error_handler: ->(method:, returning:, exception:) { raise exception }, **options
  )
end

store = cache

step 'cache/write-read' do
  equal store.write('user', { name: 'Ada', bytes: ALL_BYTES }), 'OK'
  equal store.read('user'), { name: 'Ada', bytes: ALL_BYTES }
  equal [store.read('nobody'), store.exist?('user'), store.exist?('nobody')], [nil, true, false]
end

step 'cache/compressed' do
  big = 'x' * 1_048_576
  equal [store.write('big', big), store.read('big') == big], ['OK', true]
end

step 'cache/fetch' do
  calls = 0
  equal([store.fetch('sum') { calls += 1 }, store.fetch('sum') { calls += 1 }], [1, 1])
end

step 'cache/expires-in' do
  store.write('short', 1, expires_in: 0.1)
  eventually { store.read('short').nil? }
  store.write('long', 1, expires_in: 100)
  equal [99, 100].include?(store.redis.with { |r| r.ttl('rails:long') }), true
end

step 'cache/unless-exist' do
  equal [store.write('once', 1, unless_exist: true), store.write('once', 2, unless_exist: true)],
        [true, false]
  equal store.read('once'), 1
end

step 'cache/multi' do
  values = (0...200).to_h { |i| ["many:#{i}", i] }
  store.write_multi(values)
  equal store.read_multi(*values.keys, 'nobody'), values
  fetched = store.fetch_multi('many:1', 'new', expires_in: 60) { |key| "made #{key}" }
  equal fetched, { 'many:1' => 1, 'new' => 'made new' }
end

step 'cache/count' do
  equal [store.increment('hits'), store.increment('hits', 5), store.decrement('hits', 2)], [1, 6, 4]
  store.increment('with ttl', 1, expires_in: 100)
  equal store.redis.with { |r| r.ttl('rails:with ttl') }.positive?, true
end

step 'cache/delete' do
  equal [store.delete('user'), store.read('user')].last, nil
  store.delete_matched('many:1*')
  equal store.read_multi('many:1', 'many:19', 'many:2'), { 'many:2' => 2 }
end

step 'cache/clear-namespace' do
  other = cache(namespace: 'other')
  other.write('kept', 1)
  store.clear
  equal [store.read('many:2'), other.read('kept')], [nil, 1]
end

done
