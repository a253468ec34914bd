-- lua-redis 2.0, which speaks RESP2.

package.path = os.getenv('COMPAT_LIB') .. '/?.lua;' .. package.path
local redis = require('redis')
local t = require('steps')
local step, equal = t.step, t.equal

local function connect(port)
  return redis.connect({ host = t.host, port = port or t.port, timeout = 5 })
end

local r = connect()

step('connect/resp2', function() equal(r:ping(), true) end)
t.skip('connect/resp3', 'lua-redis speaks RESP2 only')

step('values/set-get', function()
  equal(r:set('greeting', 'hello'), true)
  equal(r:get('greeting'), 'hello')
end)

step('values/missing', function()
  equal(r:get('no such key'), nil)
  equal(r:del('no such key'), 0)
end)

step('values/binary-value', function()
  r:set('bytes', t.all_bytes)
  equal(r:get('bytes'), t.all_bytes)
end)

step('values/binary-key', function()
  r:set(t.all_bytes, 'v')
  equal(r:get(t.all_bytes), 'v')
  equal(r:exists(t.all_bytes), true)
end)

step('values/1mb', function()
  local big = t.all_bytes:rep(4096)
  r:set('big', big)
  equal(r:get('big') == big, true)
end)

step('pipeline/1000', function()
  local expected = {}
  local replies = r:pipeline(function(pipe)
    for i = 1, 1000 do
      pipe:set('pipe:' .. i, i)
      pipe:get('pipe:' .. i)
      expected[2 * i - 1], expected[2 * i] = true, i
    end
  end)
  equal(replies, expected)
end)

step('multi/exec', function()
  local replies = r:transaction(function(tx)
    tx:set('tx', 1)
    tx:incr('tx')
    tx:get('tx')
  end)
  equal(replies, { true, 2, '2' })
end)

step('multi/discard', function()
  equal(r:multi(), true)
  equal(r:set('tx', 9).queued, true)
  equal(r:discard(), true)
  equal(r:get('tx'), '2')
end)

step('multi/watch-conflict', function()
  t.fails('transaction aborted', function()
    r:transaction({ watch = 'tx', cas = true, retry = 0 }, function(tx)
      connect():set('tx', 'other')
      tx:multi()
      tx:set('tx', 'mine')
    end)
  end)
  equal(r:get('tx'), 'other')
end)

step('expire/ex-ttl', function()
  r:setex('ttl', 100, 'v')
  local ttl = r:ttl('ttl')
  equal(ttl == 99 or ttl == 100, true)
  equal({ r:ttl('greeting'), r:ttl('no such key') }, { -1, -2 })
  equal({ r:persist('ttl'), r:ttl('ttl') }, { true, -1 })
end)

step('expire/px-gone', function()
  r:psetex('short', 250, 'v')
  local left = r:pttl('short')
  equal(left > 0 and left <= 250, true)
  t.eventually(function() return r:get('short') == nil end)
  equal(r:exists('short'), false)
end)

step('scan/1000', function()
  local values, found, wanted = {}, {}, 0
  for i = 1, 1000 do values['scan:' .. i] = 'v' end
  r:mset(values)
  local cursor = '0'
  repeat
    local page = r:scan(cursor, { match = 'scan:*', count = 50 })
    cursor = page[1]
    for _, key in ipairs(page[2]) do found[key] = true end
  until cursor == '0'
  for key in pairs(found) do
    equal(values[key], 'v')
    wanted = wanted + 1
  end
  equal(wanted, 1000)
end)

-- Subscribes, publishes when that is confirmed, leaves at the first message and returns it.
local function hear(subscriptions, channel)
  local heard
  for message, leave in connect():pubsub(subscriptions) do
    if message.kind:match('^p?subscribe$') then
      equal(r:publish(channel, t.all_bytes), 1)
    elseif message.kind:match('message$') then
      heard = message
      leave()
    end
  end
  equal(r:publish(channel, 'nobody hears this'), 0)
  return { heard.kind, heard.pattern or '-', heard.channel, heard.payload }
end

step('pubsub/channel', function()
  equal(hear({ subscribe = 'news' }, 'news'), { 'message', '-', 'news', t.all_bytes })
end)

step('pubsub/pattern', function()
  equal(hear({ psubscribe = 'new?.*' }, 'news.de'),
    { 'pmessage', 'new?.*', 'news.de', t.all_bytes })
end)

step('pubsub/unsubscribe', function()
  local seen = {}
  for message, leave in connect():pubsub({ subscribe = { 'a', 'b' } }) do
    seen[#seen + 1] = message.kind
    if #seen == 2 then leave() end
  end
  -- The loop ends at the last confirmation without handing it out.
  equal(seen, { 'subscribe', 'subscribe', 'unsubscribe' })
  equal({ r:publish('a', 'x'), r:publish('b', 'x') }, { 0, 0 })
end)

step('count/incr', function()
  equal({ r:incr('n'), r:incrby('n', 41), r:decrby('n', 2) }, { 1, 42, 40 })
end)

step('count/incrbyfloat', function()
  equal({ r:incrbyfloat('f', 10.5), r:incrbyfloat('f', 0.1) }, { 10.5, 10.6 })
end)

step('error/arity', function()
  t.fails("redis error: ERR wrong number of arguments for 'get' command", function() r:get() end)
end)

step('error/not-integer', function()
  t.fails('redis error: ERR value is not an integer or out of range',
    function() r:incr('greeting') end)
end)

step('auth/required', function()
  t.fails('NOAUTH Authentication required.', function() connect(t.auth_port):get('k') end)
end)

step('auth/wrong', function()
  t.fails('WRONGPASS', function() connect(t.auth_port):auth('nonsense') end)
end)

step('auth/right', function()
  local locked = connect(t.auth_port)
  equal({ locked:auth(t.password), locked:set('k', 'v') }, { true, true })
  equal({ locked:auth('default', t.password), locked:get('k') }, { true, 'v' })
end)

-- lua-redis reports the lost connection; the application opens another.
step('reconnect/after-kill', function()
  local victim = connect()
  equal(r:client('KILL', 'ID', victim:client('ID')), 1)
  t.fails('connection error', function() victim:get('greeting') end)
  equal(connect():get('greeting'), 'hello')
end)

step('select/isolation', function()
  local other = connect()
  equal({ other:select(5), other:set('only in 5', 'v') }, { true, true })
  equal(r:get('only in 5'), nil)
  equal(other:get('greeting'), nil)
  equal({ other:dbsize(), other:flushdb(), r:get('greeting') }, { 1, true, 'hello' })
end)

step('name/set-get', function()
  equal({ r:client('SETNAME', 'compat-test'), r:client('GETNAME') }, { true, 'compat-test' })
  equal(r:client('LIST'):find(' name=compat-test ', 1, true) ~= nil, true)
end)

step('many/mset-mget-1000', function()
  local values, keys, expected = {}, {}, {}
  for i = 1, 1000 do
    keys[i], expected[i] = 'many:' .. i, tostring(i)
    values[keys[i]] = i
  end
  equal(r:mset(values), true)
  equal(r:mget(unpack(keys)), expected)
end)

step('info/parse', function()
  local info = r:info()
  equal({ info.server.redis_version:sub(1, 2), info.replication.role, info.persistence.loading },
    { '7.', 'master', '0' })
  equal(info.server.tcp_port, t.port)
  equal(type(info.keyspace.db0), 'table')
end)

t.done()
