-- Make wrk send the requests of the file that REQUESTS names, one after the other over all its
-- connections and then from the first again; print what it measured as JSON. They are written
-- ahead, whole, so that giving the next one costs wrk a copy and no more.
local requests, last = {}, 0

function init()
  local file = assert(io.open(os.getenv("REQUESTS"), "rb"))
  for length in function() return file:read("*n") end do
    file:read(1) -- the end of the line
    requests[#requests + 1] = file:read(length)
  end
  file:close()
  if #requests == 1 then
    wrk.format = function() return requests[1] end -- wrk itself sends it for ever
  else
    request = function()
      last = last % #requests + 1
      return requests[last]
    end
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nJSON {"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "refused": %d, "lost": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
