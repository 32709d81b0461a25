#include "tests/unit/userland/lua/fake_kernel.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <list>
#include <sstream>
#include <utility>

#include "userland/lua/lua_loader.h"

namespace phios::test {
namespace {

FakeKernel* current = nullptr;

// One row of the table with its strings; a list, so that nothing moves.
struct Row {
  std::list<std::string> strings;
  std::vector<phi_arg_info> args;
};

const char* keep(Row& row, std::string text) { return row.strings.emplace_back(std::move(text)).c_str(); }

void parse_args(Row& row, const std::string& text) {
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    size_t colon = word.find(':');
    std::string name = word.substr(0, colon), type = word.substr(colon + 1);
    char kind = '!';
    if (name.ends_with("?1")) {
      kind = '1';
      name.resize(name.size() - 2);
    } else if (name.ends_with("?") || name.ends_with("*")) {
      kind = name.back();
      name.pop_back();
    }
    row.args.push_back({keep(row, name), keep(row, type), kind});
  }
}

std::vector<phi_call_info> make_table() {
  static std::list<Row> rows;
  std::vector<phi_call_info> table;
  auto add = [&](uint32_t number, const char* text, const char* c_name, const char* args, const char* result,
                 const char* right, const char* flags, const char* meaning) {
    Row& row = rows.emplace_back();
    parse_args(row, args);
    table.push_back({number, text, c_name, result, right, meaning, row.args.data(), row.args.size(),
                     std::strchr(flags, 'B') != nullptr});
  };
#define PHI_SYSCALL(number, text, c_name, args, result, right, flags, meaning) \
  add(number, text, #c_name, args, result, right, flags, meaning);
#include "syscalls/abi/table.def"
#undef PHI_SYSCALL
  return table;
}

const std::vector<phi_call_info>& table() {
  static const std::vector<phi_call_info> rows = make_table();
  return rows;
}

std::map<std::string, std::string>& store_of(phi_proc& proc, const std::string& name) {
  return name.starts_with("/") ? current->shared : proc.cells;
}

FakeEnd read_cell(phi_proc& proc, const std::string& name) {
  auto& store = store_of(proc, name);
  auto it = store.find(name);
  if (it == store.end()) return {PHI_ENOENT_, "READ " + name + ": no cell named " + name};
  return {PHI_OK, it->second};
}

FakeEnd built_in(phi_proc& proc, uint32_t number, const FakeKernel::Args& args) {
  switch (number) {
    case PHI_SYS_mem_read:
      return read_cell(proc, *args[0]);
    case PHI_SYS_mem_write:
      if (args[1]->empty())
        store_of(proc, *args[0]).erase(*args[0]);
      else
        store_of(proc, *args[0])[*args[0]] = *args[1];
      return {};
    case PHI_SYS_mem_delete:
      store_of(proc, *args[0]).erase(*args[0]);
      return {};
    case PHI_SYS_mem_add: {
      std::string& cell = store_of(proc, *args[0])[*args[0]];
      cell = std::to_string((cell.empty() ? 0 : std::stoll(cell)) + std::stoll(*args[1]));
      return {PHI_OK, cell};
    }
    case PHI_SYS_mem_list: {
      std::string words;
      for (const auto& [name, value] : store_of(proc, *args[0]))
        if (name.starts_with(*args[0])) words += name + '\0';
      return {PHI_OK, words};
    }
    case PHI_SYS_io_print:
      current->printed.push_back(*args[0]);
      return {};
    case PHI_SYS_proc_self:
      return {PHI_OK, std::to_string(proc.pid)};
    case PHI_SYS_proc_signal:
      return {};
    case PHI_SYS_proc_group:
      return {PHI_OK, "7"};
    case PHI_SYS_sys_random:
      return {PHI_OK, "12345"};
    case PHI_SYS_proc_wait: {
      auto it = *args[0] == "any" ? current->ended.begin() : current->ended.find(std::stoull(*args[0]));
      if (it == current->ended.end()) return {PHI_ECHILD_, "WAIT: no children"};
      std::string words = std::to_string(it->first) + '\0' + it->second.value + '\0';
      if (it->second.status != PHI_OK) words += phi_error_name(it->second.status) + std::string(1, '\0');
      current->ended.erase(it);
      return {PHI_OK, words};
    }
    default:
      return {PHI_ENOSYS_, "not in the fake kernel"};
  }
}

std::vector<std::string> texts(const char* const* items, size_t n) {
  return items ? std::vector<std::string>(items, items + n) : std::vector<std::string>{};
}

std::string text(const char* t) { return t ? t : ""; }

FakeEnd run_entry(phi_proc& parent, const phi_spawn_options& options, phi_pid pid) {
  phi_proc child;
  child.pid = pid;
  if (options.copy_cells) child.cells = parent.cells;
  phi_proc* before = std::exchange(current->running, &child);
  FakeEnd end;
  end.status = options.entry(&child, options.arg);
  end.value = child.exit_value;
  current->running = before;
  if (options.release) options.release(options.arg);
  return end;
}

}  // namespace

FakeKernel::FakeKernel() { current = this; }
FakeKernel::~FakeKernel() { current = nullptr; }
FakeKernel& fake_kernel() { return *current; }

FakeEnd FakeKernel::run_lua(const std::string& source, const std::vector<std::string>& args) {
  phi_proc proc;
  proc.pid = next_pid++;
  for (size_t i = 0; i < args.size(); ++i) proc.cells[std::to_string(i + 1)] = args[i];
  phi_lua_options options{memory_limit, instruction_limit};
  phi_loader loader = phi_lua_loader_with(&options);
  running = &proc;
  FakeEnd end;
  end.status = loader.run(loader.self, &proc, "test.lua", source.data(), source.size());
  end.value = proc.exit_value;
  running = nullptr;
  return end;
}

FakeEnd FakeKernel::run_lua_file(const std::string& path, const std::vector<std::string>& args) {
  std::ifstream file(path);
  std::stringstream source;
  source << file.rdbuf();
  if (!file || source.str().empty()) return {PHI_ENOENT_, "no file " + path};
  return run_lua(source.str(), args);
}

}  // namespace phios::test

using phios::test::current;
using phios::test::FakeEnd;

int64_t phi_now(void) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

phi_status phi_syscall(phi_proc* proc, uint32_t number, const phi_arg* args, size_t n_args, int64_t,
                       char* buf, size_t cap, size_t* len) {
  phios::test::FakeKernel::Args given;
  for (size_t i = 0; i < n_args; ++i)
    given.push_back(args[i].text ? std::optional<std::string>(args[i].text) : std::nullopt);
  auto handler = current->handlers.find(number);
  FakeEnd end = handler != current->handlers.end() ? handler->second(*proc, given)
                                                   : phios::test::built_in(*proc, number, given);
  proc->message = end.status == PHI_OK ? "" : end.value;
  proc->result = end.status == PHI_OK ? end.value : "";
  *len = proc->result.size();
  size_t n = std::min(proc->result.size(), cap - 1);
  std::memcpy(buf, proc->result.data(), n);
  buf[n] = '\0';
  return end.status;
}

const char* phi_result(const phi_proc* proc, size_t* len) {
  *len = proc->result.size();
  return proc->result.c_str();
}
const char* phi_error_message(const phi_proc* proc) { return proc->message.c_str(); }

const char* phi_error_name(phi_status status) {
  static const std::map<int, std::string> names = [] {
    std::map<int, std::string> out;
#define PHI_ERROR(number, name, meaning, example) \
  out[number] = std::string(#name).substr(0, sizeof(#name) - 2);
#include "syscalls/abi/errors.def"
#undef PHI_ERROR
    return out;
  }();
  auto it = names.find(status);
  return it == names.end() ? "OK" : it->second.c_str();
}

phi_status phi_proc_check(phi_proc*) {
  if (current->checks_until_end < 0) return PHI_OK;
  if (current->checks_until_end == 0) return PHI_EINTR_;
  --current->checks_until_end;
  return PHI_OK;
}

void phi_proc_set_exit(phi_proc* proc, const char* value) { proc->exit_value = value; }
phi_pid phi_proc_pid(const phi_proc* proc) { return proc->pid; }
phi_kernel* phi_proc_kernel(const phi_proc*) { return &current->kernel; }

phi_status phi_proc_start(phi_proc* parent, const phi_spawn_options* o, phi_pid* out) {
  using phios::test::text;
  using phios::test::texts;
  phios::test::FakeSpawn spawn{text(o->program),
                               texts(o->args, o->n_args),
                               texts(o->rights, o->n_rights),
                               texts(o->limits, o->n_limits),
                               texts(o->sampling, o->n_sampling),
                               text(o->stdin_from),
                               text(o->stdout_to),
                               o->niceness,
                               o->new_group,
                               o->copy_cells};
  current->spawned.push_back(spawn);
  auto program = current->programs.find(spawn.program.substr(0, spawn.program.find(':')));
  if (!o->entry && program == current->programs.end()) {
    parent->message = spawn.program + ": no program of that name";
    return PHI_ENOENT_;
  }
  phi_pid pid = current->next_pid++;
  current->ended[pid] = o->entry ? phios::test::run_entry(*parent, *o, pid) : program->second(spawn);
  *out = pid;
  return PHI_OK;
}

size_t phi_call_table(const phi_call_info** out) {
  *out = phios::test::table().data();
  return phios::test::table().size();
}

size_t phi_program_list(phi_kernel*, char* buf, size_t cap) {
  std::string all;
  for (const auto& [name, program] : current->programs) all += name + '\0';
  size_t n = std::min(all.size(), cap - 1);
  std::memcpy(buf, all.data(), n);
  buf[n] = '\0';
  return all.size();
}
