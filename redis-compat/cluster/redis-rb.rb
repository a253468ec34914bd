# redis-rb 4.8's cluster mode, with its own driver ("ruby") or hiredis's ("hiredis").

require "#{ENV.fetch('COMPAT_LIB')}/steps"
require 'redis'

NODES = ENV.fetch('COMPAT_NODES').split.map { |address| "redis://#{address}" }

def connect
  Redis.new(cluster: NODES, timeout: 2, driver: ARGV.fetch(1).to_sym)
end

def now
  Process.clock_gettime(Process::CLOCK_MONOTONIC)
end

def death
  cluster = connect
  ends_at = now + ENV.fetch('COMPAT_SECONDS').to_f
  operations = errors = number = 0
  longest = 0.0
  last = ''
  while now < ends_at
    key = "death:#{CLIENT}:#{number % 200}"
    began = now
    begin
      cluster.set(key, number.to_s)
      value = cluster.get(key)
      raise "read #{value}, wrote #{number}" unless value == number.to_s
    rescue StandardError => e
      errors += 1
      last = "#{e.class} #{e.message}".split.join(' ')
    end
    number += 1
    operations += 2
    longest = [longest, now - began].max
  end
  puts "death #{operations} #{errors} #{(longest * 1000).round} #{last}"
end

if ARGV.fetch(0) == 'death'
  death
  exit
end

r = connect

step('cluster/set-get') do
  300.times { |i| equal r.set("#{CLIENT}:#{i}", "v#{i}"), 'OK' }
  300.times { |i| equal r.get("#{CLIENT}:#{i}"), "v#{i}" }
end
step('cluster/hash-tag') do
  equal r.mset('{t}:a', '1', '{t}:b', '2'), 'OK'
  equal r.mget('{t}:a', '{t}:b', '{t}:c'), ['1', '2', nil]
end
step('cluster/pipeline') do
  equal r.pipelined { |p| 10.times { p.incr("{p}:#{CLIENT}") } }, (1..10).to_a
end
step('cluster/delete') do
  equal (0...300).sum { |i| r.del("#{CLIENT}:#{i}") }, 300
end

done
