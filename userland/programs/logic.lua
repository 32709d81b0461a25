-- logic TEXT: a logic puzzle in words. The exit value is true, false or unknown.
--
-- The text is split at sentence ends, the one place where a program looks at a question. Everything else is the
-- model's: a child `sentence` for each sentence and one `query` for the last question (or the last sentence, where
-- nothing ends in "?") write facts, rules and the query in the solver's language. They run in parallel, what they
-- wrote goes into cells, and SOLVE decides.

local WINDOW <const> = 64 -- children at a time

local text = ...
if not text then error("usage: logic TEXT", 0) end

local function sentences(whole)
  local out, from = {}, 1
  while true do
    local first, last = whole:find("[.!?]+[\"')%]]*%s+", from)
    if not first then break end
    out[#out + 1] = whole:sub(from, last):match("^%s*(.-)%s*$")
    from = last + 1
  end
  local rest = whole:sub(from):match("^%s*(.-)%s*$")
  if rest ~= "" then out[#out + 1] = rest end
  return out
end

-- The facts and rules, and the query: from the last sentence that asks to the end.
local function divide(all)
  local asks = #all
  for i = #all, 1, -1 do
    if all[i]:find("%?[\"')%]]*$") then
      asks = i
      break
    end
  end
  return table.move(all, 1, asks - 1, 1, {}), table.concat(all, " ", asks)
end

-- Is it one atom, or atoms joined to a rule, as the solver reads them?
local function readable(line)
  local shape = line:gsub("[^%s()&>,]+%([^()]*%)", "A"):gsub("A && ", "")
  return shape == "A" or shape == "A >>> A"
end

local function start(job, sampling)
  job.pid = phi.try(phi.proc.spawn, job.program, job.text, { sampling = sampling })
end

-- What the child wrote goes into the job's cell; one that cannot be read is asked for once more, drawn this time.
local function collect(job)
  for attempt = 1, 2 do
    local _, line, failed = phi.try(phi.proc.wait, job.pid)
    if not failed and readable(line) then return phi.try(phi.mem.write, job.cell, line) end
    if attempt == 1 then start(job, { temperature = "0.4", seed = 1 }) end
  end
end

local function run_all(jobs)
  for i, job in ipairs(jobs) do
    if i > WINDOW then collect(jobs[i - WINDOW]) end
    start(job, {})
  end
  for i = math.max(1, #jobs - WINDOW + 1), #jobs do collect(jobs[i]) end
end

local function program_of(jobs)
  local facts, rules, query = {}, {}, nil
  for _, job in ipairs(jobs) do
    local line = phi.mem.read(job.cell)
    if job.program == "query" then
      query = line
    elseif line then
      local list = line:find(">>>", 1, true) and rules or facts
      list[#list + 1] = line
    end
    phi.mem.delete(job.cell)
  end
  if not query then error("the question could not be read as a query", 0) end
  return "Facts:\n" .. table.concat(facts, "\n") .. "\nRules:\n" .. table.concat(rules, "\n") .. "\nQuery:\n" .. query
end

local statements, asked = divide(sentences(text))
local base = "/shm/logic/" .. phi.proc.self() .. "/"
local jobs = {}
for i, statement in ipairs(statements) do
  jobs[i] = { program = "sentence", text = statement, cell = base .. i }
end
jobs[#jobs + 1] = { program = "query", text = asked, cell = base .. "query" }
run_all(jobs)

local verdict, failed = phi.drv.solve("rules", program_of(jobs))
if not verdict then
  if failed.code ~= "EUNKNOWN" then error(failed) end
  verdict = "unknown"
end
phi.mem.write("/shm/verified/" .. phi.proc.self(), "proved")
return verdict
