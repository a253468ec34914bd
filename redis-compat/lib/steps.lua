-- Reports steps to redis-compat/run, which describes the lines.

local socket = require('socket')

local steps = {
  host = os.getenv('COMPAT_HOST'),
  port = tonumber(os.getenv('COMPAT_PORT')),
  auth_port = tonumber(os.getenv('COMPAT_AUTH_PORT')),
  password = os.getenv('COMPAT_PASSWORD'),
}

local client = os.getenv('COMPAT_CLIENT')
local bytes = {}
for i = 0, 255 do bytes[#bytes + 1] = string.char(i) end
steps.all_bytes = table.concat(bytes)

io.stdout:setvbuf('line')

-- Runs one step; an error in it is its failure.
function steps.step(name, body)
  local passed, why = pcall(body)
  if passed then
    print('ok ' .. client .. ' ' .. name)
  else
    print('FAIL ' .. client .. ' ' .. name .. ': ' .. tostring(why):gsub('%s+', ' '):sub(1, 300))
  end
end

function steps.skip(name, why) print('skip ' .. client .. ' ' .. name .. ': ' .. why) end

local function text(value)
  if type(value) ~= 'table' then return tostring(value) end
  local parts = {}
  for i, part in ipairs(value) do parts[i] = text(part) end
  return '[' .. table.concat(parts, ', ') .. ']'
end

-- Compares values or lists.
function steps.equal(got, expected)
  if text(got) == text(expected) then return end
  error('got ' .. text(got):sub(1, 120) .. ', expected ' .. text(expected):sub(1, 120), 2)
end

-- The call must end in an error with that text.
function steps.fails(part, body)
  local passed, why = pcall(body)
  if passed then error('no error, expected ' .. part, 2) end
  if not tostring(why):find(part, 1, true) then error(why, 0) end
end

-- Waits until the condition holds, 5 seconds at most.
function steps.eventually(condition)
  local deadline = socket.gettime() + 5
  while not condition() do
    if socket.gettime() > deadline then error('not so after 5 s', 2) end
    socket.sleep(0.01)
  end
end

function steps.done() print('done ' .. client) end

return steps
