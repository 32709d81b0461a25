-- solve QUESTION [keep]: Algorithm 1 of the lottery LLM hypothesis. The exit value is the answer.
--
-- What kind of question it is, how to divide it and what to ask for are the model's words: the prompt program `ask`
-- writes TOOL, RETRIEVE, EXEC and SPAWN itself, and what it SPAWNs are again solves, in parallel. This program looks
-- into memory first, verifies, retries within a budget, and keeps the answer.
--
-- With `keep` the answer is durable. What the model was not taught ends with one line that begins "not taught:";
-- in a solve that another solve's model started, with "?", the model's own word for it.

local ATTEMPTS <const> = 3 -- of ask and verify
local DEPTH_MAX <const> = 4 -- solves inside solves: what a model that divides without end comes to
local NOT_TAUGHT <const> =
  "not taught: this model was not trained for such a question; try a larger one with --model FILE.gguf"
local FINAL <const> = { ELIMIT = true, EINTR = true, ETIMEDOUT = true } -- another attempt would end the same way

local question, option = ...
if not question then error("usage: solve QUESTION [keep]", 0) end
local prefix = option == "keep" and "/mem/answer/" or "/shm/answer/"

-- A cell's name for any text: FNV-1a over the words, whatever stands between them.
local function cell_for(text)
  local hash = 0xcbf29ce484222325
  for word in text:gmatch("%S+") do
    for i = 1, #word do hash = (hash ~ word:byte(i)) * 0x100000001b3 end
    hash = (hash ~ 32) * 0x100000001b3
  end
  return prefix .. ("%016x"):format(hash)
end

local function remembered(cell)
  local record = phi.json.decode(phi.mem.read(cell) or "null")
  return type(record) == "table" and record.question == question and record.answer or nil
end

-- The first attempt is the model's best word, later ones are drawn.
local function sampling_of(attempt)
  return attempt > 1 and { temperature = "0.5", seed = attempt } or {}
end

-- An answer that a program worked out exactly (a proof, a run) is not judged again.
local function verified(answer, pid)
  local cell = "/shm/verified/" .. pid
  if phi.mem.read(cell) then
    phi.mem.delete(cell)
    return true
  end
  local pid_of_verify = phi.proc.spawn("verify", question, answer)
  if not pid_of_verify then return false end
  local _, verdict, failed = phi.proc.wait(pid_of_verify)
  return not failed and verdict == "yes"
end

-- How deep this solve is: the one above it has left its own depth in a cell named by its ask, our parent.
local function depth_here()
  local own = phi.proc.stat(phi.proc.self())
  return tonumber(own and phi.mem.read("/shm/solve/ask/" .. own.ppid)) or 0
end

local function ask(attempt, depth)
  local pid, refused = phi.proc.spawn("ask", question, { sampling = sampling_of(attempt) })
  if not pid then error(refused) end
  local mark = "/shm/solve/ask/" .. pid
  phi.mem.write(mark, depth + 1)
  local _, answer, failed = phi.proc.wait(pid)
  phi.mem.delete(mark)
  if FINAL[failed] then error(failed .. ": ask: " .. answer, 0) end
  return not failed and answer or nil, pid
end

local function answer_of(depth)
  for attempt = 1, ATTEMPTS do
    local answer, pid = ask(attempt, depth)
    if answer == "?" or answer == "" then return nil end -- its own word: it was not taught this
    if answer and verified(answer, pid) then return answer end
  end
  return nil
end

local cell = cell_for(question)
local known = remembered(cell)
if known then return known end

local depth = depth_here()
local answer = depth < DEPTH_MAX and answer_of(depth) or nil
if not answer then return depth == 0 and NOT_TAUGHT or "?" end
phi.mem.write(cell, phi.json.encode({ question = question, answer = answer }))
return answer
