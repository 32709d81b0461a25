// Runs what the parser read: lists, pipelines, and the words that start processes.
#pragma once

#include <string_view>

#include "userland/sh/parser.h"
#include "userland/sh/session.h"

namespace phios::sh {

// Runs the items in order, sets and returns session.status. Stops at `exit`, and at a Ctrl-C in a script.
int run_items(Session& session, const std::vector<Item>& items);

// Parses and runs a whole text, as of a script; 2 for a syntax error.
int run_text(Session& session, std::string_view text);

}  // namespace phios::sh
