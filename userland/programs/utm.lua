-- utm [MACHINE [TAPE [HEAD [START [MAX_STEPS]]]]]: a Turing machine, executed by the model.
--
-- MACHINE is a table as JSON, or the name of a cell that holds one:
--   {"rules": [{"state": "A", "read": 0, "write": 1, "move": "R", "next": "B"}, ...], "start_state": "A", "blank": 0}
-- moves are L, R and S (or -1, 1 and 0). TAPE is its symbols, joined where each is one character, else with spaces
-- between; the first stands in cell 0. HEAD is a cell (0), START a state (start_state, else the first rule's).
-- Without a machine it runs the three-state busy beaver.
--
-- The table becomes a prompt program, a section for each state (the shape is told in utm.md), whose form admits every
-- symbol, move and state of the machine: each transition is the model's choice. What it did is read from the trace.
-- The exit value is JSON: steps, halted, state, head, first (the cell of the tape's first symbol) and tape.

local BEAVER <const> = [[{"rules": [
  {"state": "A", "read": 0, "write": 1, "move": "R", "next": "B"}, {"state": "A", "read": 1, "write": 1, "move": "L", "next": "C"},
  {"state": "B", "read": 0, "write": 1, "move": "L", "next": "A"}, {"state": "B", "read": 1, "write": 1, "move": "R", "next": "B"},
  {"state": "C", "read": 0, "write": 1, "move": "L", "next": "B"}, {"state": "C", "read": 1, "write": 1, "move": "R", "next": "halt"}]}]]
local MOVES <const> = { R = "1", L = "-1", S = "0", N = "0", ["1"] = "1", ["-1"] = "-1", ["0"] = "0" }
local POLL_MS <const> = 1000

local function read_machine(source)
  if source:sub(1, 1) ~= "{" then source = phi.try(phi.mem.read, source) end
  local machine, why = phi.json.decode(source)
  if not machine then error("the machine: " .. why, 0) end
  if type(machine) ~= "table" or type(machine.rules) ~= "table" or #machine.rules == 0 then
    error('the machine: an object with "rules" expected', 0)
  end
  return machine
end

-- Distinct values in the order of their first use.
local function ordered_set()
  local list, seen = {}, {}
  return list, function(value)
    if not seen[value] then
      seen[value] = true
      list[#list + 1] = value
    end
  end
end

local function field(rule, name, number, pattern)
  local value = tostring(rule[name])
  if rule[name] == nil or not value:find(pattern) then
    error(("the machine: rule %d: %s: %s does not fit"):format(number, name, value), 0)
  end
  return value
end

-- table_of[state][symbol] = "write move next", the states in order, the symbols, and every state's name.
local function read_rules(machine, blank)
  local table_of, named = {}, {}
  local states, add_state = ordered_set()
  local symbols, add_symbol = ordered_set()
  add_symbol(blank)
  for i, rule in ipairs(machine.rules) do
    local state = field(rule, "state", i, "^[%w_-]+$")
    local read = field(rule, "read", i, "^[%w_./:+@-]+$")
    local write = field(rule, "write", i, "^[%w_./:+@-]+$")
    local move = MOVES[field(rule, "move", i, "^%-?%w$")] or error(("the machine: rule %d: move"):format(i), 0)
    local next_state = field(rule, "next", i, "^[%w_-]+$")
    table_of[state] = table_of[state] or {}
    table_of[state][read] = write .. " " .. move .. " " .. next_state
    named[state], named[next_state] = true, true
    add_state(state)
    add_symbol(read)
    add_symbol(write)
  end
  return table_of, states, symbols, named
end

-- Where there is no rule the machine halts: a label of its own, so that the last state is known.
local function halt_label(named)
  local label = "halt"
  while named[label] do label = label .. "-" end
  return label
end

local function alternatives(symbols)
  local out = {}
  for i, symbol in ipairs(symbols) do out[i] = symbol:gsub("[+]", "[+]") end
  return table.concat(out, "|")
end

local function section(state, rules, symbols, blank, halt)
  local lines = { "# " .. state }
  for _, symbol in ipairs(symbols) do
    lines[#lines + 1] = symbol .. ": " .. (rules[symbol] or symbol .. " 0 " .. halt)
  end
  lines[#lines + 1] = "Read {{@i|" .. blank .. "}}"
  return table.concat(lines, "\n")
end

local function program_of(table_of, states, symbols, blank, start, halt)
  local parts = {
    "---\nrights: [mem:read, mem:write]\nsampling: {temperature: 0}\nform: ['WRITE @i (" .. alternatives(symbols) ..
      ")', 'ADD i (1|-1|0)', 'JUMP {label}']\n---",
    section(start, table_of[start], symbols, blank, halt),
  }
  local halting, add_halting = ordered_set()
  add_halting(halt)
  for _, state in ipairs(states) do
    if state ~= start then parts[#parts + 1] = section(state, table_of[state], symbols, blank, halt) end
    for _, rule in pairs(table_of[state]) do
      local following = rule:match("(%S+)$")
      if not table_of[following] then add_halting(following) end
    end
  end
  for _, state in ipairs(halting) do parts[#parts + 1] = "# " .. state end
  return table.concat(parts, "\n\n") .. "\n"
end

-- The tape as cells: this process's own, which the child copies.
local function lay_tape(text, head)
  for i = 1, 5 do phi.mem.delete(tostring(i)) end -- the arguments
  local tape, i = {}, 0
  for symbol in text:gmatch(text:find(" ", 1, true) and "%S+" or ".") do
    phi.try(phi.mem.write, tostring(i), symbol)
    tape[i] = symbol
    i = i + 1
  end
  phi.try(phi.mem.write, "i", head)
  return tape
end

-- Follows the child by its calls until it ends or has made as many steps as it may.
local function follow(pid, run, max_steps)
  repeat
    local seen = phi.try(phi.sys.trace, pid, { ms = POLL_MS })
    if seen.lost > 0 then error("the trace lost " .. seen.lost .. " events", 0) end
    for _, event in ipairs(seen.events) do
      if run.steps == max_steps or run.halted then break end
      local call, reply = event.call, event.reply
      if call:find("^WRITE") then
        run.tape[run.head] = call:match("(%S+)$")
      elseif call:find("^ADD") then
        run.head = math.tointeger(tonumber(reply)) or error("ADD: " .. reply, 0)
      elseif call:find("^JUMP") then
        local label = call:match("(%S+)$")
        if label == run.halt then
          run.halted = true
        else
          run.state, run.steps = label, run.steps + 1
        end
      end
    end
    if not seen.ended and run.steps == max_steps then phi.proc.signal(pid, "kill") end
  until seen.ended or run.steps == max_steps
end

local function tape_text(tape, blank)
  local cells, separator = {}, ""
  for i, symbol in pairs(tape) do
    if symbol ~= blank then cells[#cells + 1] = i end
    if #symbol > 1 then separator = " " end
  end
  if #cells == 0 then return "", 0 end
  table.sort(cells)
  local out = {}
  for i = cells[1], cells[#cells] do out[#out + 1] = tape[i] or blank end
  return table.concat(out, separator), cells[1]
end

local source, tape_given, head_given, start_given, most = ...
local machine = read_machine(source or BEAVER)
local blank = tostring(machine.blank or 0)
local table_of, states, symbols, named = read_rules(machine, blank)
local start = start_given or machine.start_state or states[1]
if not table_of[start] then error("the machine: no rule for the state " .. tostring(start), 0) end
local max_steps = most and (math.tointeger(tonumber(most)) or error("MAX_STEPS: an integer expected", 0))
local head = math.tointeger(tonumber(head_given or 0)) or error("HEAD: an integer expected", 0)
local halt = halt_label(named)

local run = { tape = lay_tape(tape_given or "", head), head = head, state = start, steps = 0, halted = false, halt = halt }
phi.try(phi.sys.trace, 0)
local program = program_of(table_of, states, symbols, blank, start, halt)
local pid = phi.try(phi.proc.spawn, "text:" .. program, { cells = "copy" })
follow(pid, run, max_steps)
local _, value, failed = phi.try(phi.proc.wait, pid)
if failed and run.steps ~= max_steps then error(failed .. ": the machine's program: " .. value, 0) end
run.halted = run.halted or not table_of[run.state]

local tape, first = tape_text(run.tape, blank)
return phi.json.encode({
  steps = run.steps, halted = run.halted, state = run.state, head = run.head, first = first, tape = tape,
})
