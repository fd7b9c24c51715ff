-- Posts Jivo webhooks, each of a new chat of a new visitor, so that none is a repeat.
-- wrk ... -s jivo.lua URL -- FOLDER FIRST_CHAT: the folder of the bodies, the number of the first chat.

local threads = 0

function setup(thread)
  thread:set("thread_number", threads)
  threads = threads + 1
end

-- Cuts a body at its chat and visitor numbers.
local function cut(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  local before, between, after =
    text:match('^(.*"chat_id": )%d+(.-"number": ")%d+(".*)$')
  assert(after, path .. " has no chat_id before a visitor number")
  return { before, between, after }
end

function init(arguments)
  bodies = { cut(arguments[1] .. "/chat_finished.json"), cut(arguments[1] .. "/chat_accepted.json") }
  next_chat = tonumber(arguments[2]) + thread_number * 1e9
  headers = { ["Content-Type"] = "application/json" }
end

function request()
  local id = string.format("%.0f", next_chat)
  local body = bodies[next_chat % 2 + 1]
  next_chat = next_chat + 1
  return wrk.format("POST", nil, headers, body[1] .. id .. body[2] .. id .. body[3])
end

-- One line for xtask. `status` counts answers of 400 and above.
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    "result: requests=%d duration_us=%d status=%d socket=%d p50_us=%d p99_us=%d p999_us=%d\n",
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
