#include "userland/sh/line_editor.h"

#include <fmt/core.h>
#include <histedit.h>

#include <clocale>
#include <cstdio>
#include <utility>

namespace phios::sh {

struct LineEditor::State {
  EditLine* edit = nullptr;
  History* history = nullptr;
  HistEvent event{};
  CompletionSources sources;
  std::string history_file, prompt;
  bool cancelled = false;
};

namespace {

constexpr int kHistoryLines = 1000;

char* prompt_of(EditLine* edit) {
  LineEditor::State* state = nullptr;
  el_get(edit, EL_CLIENTDATA, &state);
  return state->prompt.data();
}

unsigned char cancel_line(EditLine* edit, int) {
  LineEditor::State* state = nullptr;
  el_get(edit, EL_CLIENTDATA, &state);
  const LineInfo* line = el_line(edit);
  el_cursor(edit, static_cast<int>(line->lastchar - line->cursor));
  line = el_line(edit);
  el_deletestr(edit, static_cast<int>(line->lastchar - line->buffer));
  el_insertstr(edit, "\n");  // a line without it would read as the end of the input
  state->cancelled = true;
  return CC_NEWLINE;
}

void list_candidates(const Names& names) {
  std::fputc('\n', stdout);
  for (const std::string& name : names) std::fprintf(stdout, "%s  ", name.c_str());
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

unsigned char complete_word(EditLine* edit, int) {
  LineEditor::State* state = nullptr;
  el_get(edit, EL_CLIENTDATA, &state);
  const LineInfo* info = el_line(edit);
  std::string_view line(info->buffer, static_cast<size_t>(info->cursor - info->buffer));
  Completion found = complete(line, state->sources);
  if (found.candidates.empty()) return CC_REFRESH_BEEP;
  std::string more = common_prefix(found.candidates).substr(line.size() - found.from);
  if (found.candidates.size() == 1) more += ' ';
  if (more.empty()) {
    list_candidates(found.candidates);
    return CC_REDISPLAY;
  }
  el_insertstr(edit, more.c_str());
  return CC_REFRESH;
}

}  // namespace

LineEditor::LineEditor(CompletionSources sources, const char* history_file)
    : state_(std::make_unique<State>()) {
  std::setlocale(LC_CTYPE, "C.UTF-8");  // libedit counts columns by it
  State& state = *state_;
  state.sources = std::move(sources);
  state.history_file = history_file ? history_file : "";
  state.edit = el_init("phios", stdin, stdout, stderr);
  state.history = history_init();
  history(state.history, &state.event, H_SETSIZE, kHistoryLines);
  history(state.history, &state.event, H_SETUNIQUE, 1);
  if (!state.history_file.empty()) history(state.history, &state.event, H_LOAD, state.history_file.c_str());
  el_set(state.edit, EL_CLIENTDATA, &state);
  el_set(state.edit, EL_PROMPT, prompt_of);
  el_set(state.edit, EL_EDITOR, "emacs");
  el_set(state.edit, EL_HIST, history, state.history);
  // While a line is edited Ctrl-C and Ctrl-Z are keys, not signals.
  el_set(state.edit, EL_SETTY, "-d", "-isig", nullptr);
  el_set(state.edit, EL_ADDFN, "phi-cancel", "give up the line", cancel_line);
  el_set(state.edit, EL_ADDFN, "phi-complete", "complete the word", complete_word);
  el_set(state.edit, EL_BIND, "^C", "phi-cancel", nullptr);
  el_set(state.edit, EL_BIND, "\t", "phi-complete", nullptr);
  el_set(state.edit, EL_BIND, "^R", "em-inc-search-prev", nullptr);
}

LineEditor::~LineEditor() {
  State& state = *state_;
  if (!state.history_file.empty()) history(state.history, &state.event, H_SAVE, state.history_file.c_str());
  el_end(state.edit);
  history_end(state.history);
}

std::optional<std::string> LineEditor::read(bool more) {
  state_->prompt = more ? "> " : "phi> ";
  int count = 0;
  const char* line = el_gets(state_->edit, &count);
  if (!line || count <= 0) return std::nullopt;
  std::string text(line, static_cast<size_t>(count));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

void LineEditor::remember(const std::string& text) {
  if (text.find_first_not_of(" \t\n") == std::string::npos) return;
  history(state_->history, &state_->event, H_ENTER, text.c_str());
}

bool LineEditor::take_cancelled() { return std::exchange(state_->cancelled, false); }

}  // namespace phios::sh
