# Rack sessions kept in Redis by redis-rack over redis-rb.

require "#{ENV.fetch('COMPAT_LIB')}/steps"
require 'rack'
require 'rack/mock'
require 'rack/session/redis'
require 'redis'

app = lambda do |env|
  session = env['rack.session']
  case env['PATH_INFO']
  when '/visit' then session['visits'] = session['visits'].to_i + 1
  when '/leave' then session.destroy
  when '/renew' then env['rack.session.options'][:renew] = true
  end
  body = env['PATH_INFO'] == '/leave' ? 'left' : session['visits'].to_s
  [200, { 'Content-Type' => 'text/plain' }, [body]]
end

server = Rack::MockRequest.new(
  Rack::Session::Redis.new(app, redis_server: "redis://#{HOST}:#{PORT}/8/rack", expire_after: 100)
)
redis = Redis.new(host: HOST, port: PORT, db: 8)

# One browser: it keeps the session cookie.
class Browser
  def initialize(server)
    @server = server
  end

  def get(path)
    response = @server.get(path, 'HTTP_COOKIE' => @cookie.to_s)
    @cookie = response['Set-Cookie'].split(';').first if response['Set-Cookie']
    response.body
  end
end

ada = Browser.new(server)
bob = Browser.new(server)

step 'session/create' do
  equal ada.get('/visit'), '1'
  equal redis.keys('rack:*').size, 1
end

step('session/continue') { equal [ada.get('/visit'), ada.get('/look')], %w[2 2] }
step('session/separate') { equal [bob.get('/visit'), ada.get('/look')], %w[1 2] }

step 'session/ttl' do
  equal [99, 100].include?(redis.ttl(redis.keys('rack:*').first)), true
end

step 'session/renew' do
  before = redis.keys('rack:*').sort
  ada.get('/renew')
  equal [ada.get('/look'), redis.keys('rack:*').sort == before, redis.keys('rack:*').size],
        ['2', false, 2]
end

step 'session/destroy' do
  equal [ada.get('/leave'), ada.get('/look')], ['left', '']
  redis.flushdb
  equal bob.get('/look'), ''
end

done
