# Reports steps to redis-compat/run, which describes the lines.

CLIENT = ENV.fetch('COMPAT_CLIENT')
HOST = ENV.fetch('COMPAT_HOST')
PORT = ENV.fetch('COMPAT_PORT').to_i
AUTH_PORT = ENV.fetch('COMPAT_AUTH_PORT').to_i
PASSWORD = ENV.fetch('COMPAT_PASSWORD')
ALL_BYTES = (0..255).to_a.pack('C*').freeze

$stdout.sync = true

# Runs the block; an exception in it is the step's failure.
def step(name)
  yield
  puts "ok #{CLIENT} #{name}"
rescue StandardError => e
  puts "FAIL #{CLIENT} #{name}: #{"#{e.class}: #{e.message}".split.join(' ')[0, 300]}"
end

def skip(name, why)
  puts "skip #{CLIENT} #{name}: #{why}"
end

def equal(got, expected)
  return if got == expected

  raise "got #{got.inspect[0, 120]}, expected #{expected.inspect[0, 120]}"
end

# The block must raise that class of exception with that text.
def raises(kind, text)
  result = yield
rescue kind => e
  raise unless e.message.include?(text)
else
  raise "returned #{result.inspect[0, 120]}, expected #{kind} #{text}"
end

# Waits until the block is true, 5 seconds at most.
def eventually
  deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 5
  until yield
    raise 'not so after 5 s' if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline

    sleep 0.01
  end
end

def done
  puts "done #{CLIENT}"
end
