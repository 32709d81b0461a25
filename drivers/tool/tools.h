// The tool driver: the calculator, and the tools that manifests describe.
//
// Ownership: the caller owns the driver. Threads: any, at once. Lifetime: Env outlives it; destroying it
// cancels what runs and kills its processes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "drivers/api/tool.h"

namespace phios {

// Reads every *.yaml, *.yml and *.json of the directories, in order of name; a directory that does not exist
// holds none. A manifest that is broken becomes a problem, named by file and key, and a tool that answers
// with it; the other tools load. Of two tools of one name the first counts.
Result<std::unique_ptr<ToolDriver>> open_tools(Env& env, const std::vector<std::string>& manifest_directories,
                                               std::vector<Error>* problems = nullptr);

}  // namespace phios
