-- Asks for the addresses of a file in random order; {n} in one becomes a number that is always new.
-- Arguments: the file; requests a second, 0 for as many as possible.
local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds; long microseconds; } timeval;
  int gettimeofday(timeval *time, void *zone);
]]

local addresses, interval, sent, slot = {}, 0, 0, nil
local time = ffi.new("timeval")

local function milliseconds()
  ffi.C.gettimeofday(time, nil)
  return tonumber(time.seconds) * 1000 + tonumber(time.microseconds) / 1000
end

function init(arguments)
  for line in io.lines(arguments[1]) do addresses[#addresses + 1] = line end
  math.randomseed(7)
  local rate = tonumber(arguments[2])
  -- wrk asks for a delay before each request of each connection, if there is such a function. The
  -- connections share one timetable, so that a slow answer holds up no other request.
  if rate > 0 then
    interval = 1000 / rate
    function delay()
      slot = (slot or milliseconds()) + interval
      return math.max(0, math.floor(slot - milliseconds()))
    end
  end
end

function request()
  sent = sent + 1
  local address = addresses[math.random(#addresses)]
  return wrk.format("GET", (address:gsub("{n}", sent % 10000 + 1)))
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "slowest": %f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, latency.max / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
