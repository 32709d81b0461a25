-- stored TEXT: runs a prompt program that stands in a question and exits with its exit value.
--
-- The text is the program: what stands before its first "# " heading is its base, as in any prompt program. It gets
-- cells, the calculator and standard output, and no more of anything than is left to this process.

local RIGHTS <const> = { "mem:read", "mem:write", "io:out", "drv:tool:calc" }
local FRONT <const> = "---\nsampling: {temperature: 0}\nlimits: {tokens: 16384}\noperands: section\n---\n"

local text = ...
if not text then error("usage: stored TEXT", 0) end
if text:sub(1, 4) ~= "---\n" then text = FRONT .. text end

local pid = phi.try(phi.proc.spawn, "text:" .. text, { rights = RIGHTS })
local _, value, failed = phi.try(phi.proc.wait, pid)
if failed then error(failed .. ": the program in the question: " .. value, 0) end
phi.mem.write("/shm/verified/" .. phi.proc.self(), "executed")
return value
