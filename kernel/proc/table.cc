#include "kernel/proc/table.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>

#include "kernel/proc/kernel.h"
#include "kernel/proc/native_body.h"
#include "kernel/proc/prompt_body.h"

namespace phios {

namespace {

// pid, exit value, and the error's name if it failed.
Reply exit_reply(const Process& child) {
  const ExitStatus status = child.exit_status();
  Reply reply{{std::to_string(child.pid().value), status.value}};
  if (status.code != 0) reply.words.emplace_back(error_name(static_cast<ErrorCode>(status.code)));
  return reply;
}

}  // namespace

// A slot is used again only when every other has been: pids stay small, and an old one stays recognisable for
// long.
Result<Pid> ProcessTable::take_slot() {
  if (slots_.size() <= PHI_PROCESSES_MAX) {
    slots_.emplace_back();
    return Pid::make(static_cast<uint32_t>(slots_.size() - 1), 0);
  }
  if (free_.empty()) {
    return fail(ErrorCode::ELIMIT_,
                fmt::format("processes: all {} are in use; WAIT for some to reap them", PHI_PROCESSES_MAX));
  }
  const uint32_t index = free_.front();
  free_.pop_front();
  return Pid::make(index, slots_[index].generation);
}

void ProcessTable::release_slot(Pid pid) {
  SlotEntry& slot = slots_[pid.index()];
  slot.process.reset();
  slot.generation++;
  free_.push_back(pid.index());
}

GroupRef ProcessTable::make_group() {
  std::lock_guard lock(mutex_);
  std::erase_if(groups_, [](const auto& group) { return group.expired(); });
  auto group = std::make_shared<ProcessGroup>(next_group_++);
  groups_.push_back(group);
  return group;
}

GroupRef ProcessTable::find_group(uint64_t id) const {
  std::lock_guard lock(mutex_);
  for (const auto& entry : groups_) {
    if (GroupRef group = entry.lock(); group && group->id == id) return group;
  }
  return nullptr;
}

ProcessRef ProcessTable::make_init(InputRef input, OutputRef output) {
  GroupRef group = make_group();
  std::lock_guard lock(mutex_);
  const Pid pid = *take_slot();
  auto process = std::make_shared<Process>(kernel_, pid, nullptr, kernel_.env().seed());
  process->name = "init";
  process->rights = RightSet::all();
  process->budget = std::make_shared<Budget>(nullptr, pid);
  process->group = std::move(group);
  process->cells = std::make_unique<CellStore>(PHI_CELLS_MAX);
  process->mailbox = std::make_shared<Channel>("init");
  process->input = std::move(input);
  process->output = std::move(output);
  process->started_at = kernel_.env().now();
  slots_[pid.index()].process = process;
  init_ = process;
  return process;
}

Result<ProcessRef> ProcessTable::create(const ProcessRef& parent, SpawnSpec spec) {
  RightSet rights = parent->rights;
  if (spec.rights) {
    if (!spec.rights->subset_of(parent->rights)) {
      return fail(ErrorCode::EPERM_,
                  fmt::format("{}: a child has no right that its parent lacks", spec.name));
    }
    rights = *spec.rights;
  }
  if (spec.image && spec.image->prompt && spec.image->prompt->restricts_rights) {
    rights = rights.intersect(TRY(RightSet::parse(spec.image->prompt->rights)));
  }
  std::shared_ptr<CellStore> cells = parent->cells;
  if (spec.cells == SpawnSpec::Cells::kFresh) cells = std::make_shared<CellStore>(PHI_CELLS_MAX);
  if (spec.cells == SpawnSpec::Cells::kCopied) cells = std::make_shared<CellStore>(*parent->cells);
  for (size_t i = 0; i < spec.args.size(); i++) TRY(cells->write(std::to_string(i + 1), spec.args[i]));
  TRY(parent->budget->charge(Resource::kChildren, 1));
  GroupRef group = spec.new_group ? make_group() : parent->group;

  std::lock_guard lock(mutex_);
  Result<Pid> pid = take_slot();
  if (!pid) {
    parent->budget->refund(Resource::kChildren, 1);
    return std::unexpected(pid.error());
  }
  auto process = std::make_shared<Process>(kernel_, *pid, parent, parent->next_child_seed());
  process->name = spec.name;
  process->rights = std::move(rights);
  process->budget = std::make_shared<Budget>(parent->budget, *pid);
  process->started_at = kernel_.env().now();
  for (const auto& [resource, amount] : spec.limits)
    (void)process->budget->lower(resource, amount, process->started_at);
  if (spec.image && spec.image->prompt) {
    for (const auto& [resource, amount] : spec.image->prompt->limits)
      (void)process->budget->lower(resource, amount, process->started_at);
  }
  process->group = std::move(group);
  process->cells = std::move(cells);
  process->mailbox = std::make_shared<Channel>(std::to_string(pid->value));
  process->input = spec.input ? spec.input : parent->input;
  process->output = spec.output ? spec.output : parent->output;
  process->niceness = std::clamp(parent->niceness.load() + spec.niceness, -20, 19);
  slots_[pid->index()].process = process;
  parent->children_.push_back(*pid);
  alive_++;
  kernel_.trace().emit(EventKind::kSpawn, pid->value, parent->pid().value);
  return process;
}

Result<ProcessRef> ProcessTable::spawn(const ProcessRef& parent, SpawnSpec spec) {
  ImageRef image = spec.image;
  ProcessRef process = TRY(create(parent, std::move(spec)));
  if (Status started = start_image(process, std::move(image)); !started) {
    process->finish({static_cast<int>(started.error().code), started.error().message});
  }
  return process;
}

Status ProcessTable::start_image(const ProcessRef& process, ImageRef image) {
  if (image->prompt) {
    std::unique_ptr<PromptBody> body = TRY(PromptBody::make(*process, std::move(image)));
    process->set_body(std::move(body));
  } else {
    process->set_body(std::make_unique<NativeBody>(*process, std::move(image)));
  }
  process->body()->start();
  return {};
}

ProcessRef ProcessTable::find_locked(Pid pid) const {
  if (pid.index() == 0 || pid.index() >= slots_.size()) return nullptr;
  const ProcessRef& process = slots_[pid.index()].process;
  return process && process->pid() == pid ? process : nullptr;
}

ProcessRef ProcessTable::find(Pid pid) const {
  std::lock_guard lock(mutex_);
  return find_locked(pid);
}

std::vector<ProcessRef> ProcessTable::list() const {
  std::lock_guard lock(mutex_);
  std::vector<ProcessRef> all;
  for (const SlotEntry& slot : slots_) {
    if (slot.process) all.push_back(slot.process);
  }
  return all;
}

std::vector<ProcessRef> ProcessTable::descendants(Pid pid) const {
  std::lock_guard lock(mutex_);
  std::vector<ProcessRef> out;
  std::vector<Pid> todo{pid};
  while (!todo.empty()) {
    const ProcessRef process = find_locked(todo.back());
    todo.pop_back();
    if (!process) continue;
    if (process->pid() != pid) out.push_back(process);
    todo.insert(todo.end(), process->children_.begin(), process->children_.end());
  }
  return out;
}

bool ProcessTable::is_descendant(Pid pid, Pid ancestor) const {
  for (ProcessRef process = find(pid); process; process = process->parent()) {
    if (process->pid() == ancestor) return process->pid() != pid;
  }
  return false;
}

ProcessRef ProcessTable::reap_locked(Pid pid) {
  ProcessRef child = find_locked(pid);
  if (ProcessRef parent = child->parent()) std::erase(parent->children_, pid);
  release_slot(pid);
  return child;
}

void ProcessTable::wait(const ProcessRef& parent, std::optional<Pid> wanted, PendingRef call) {
  ProcessRef reaped;
  {
    std::lock_guard lock(mutex_);
    bool has_child = false;
    for (const Pid pid : parent->children_) {
      if (wanted && pid != *wanted) continue;
      has_child = true;
      const ProcessRef child = find_locked(pid);
      if (child->state() == ProcessState::kZombie) {
        if (!call->claim()) return;
        reaped = reap_locked(pid);
        break;
      }
    }
    if (has_child && !reaped) {
      parent->waiters_.push_back({wanted, std::move(call)});
      return;
    }
  }
  if (reaped) return call->deliver({exit_reply(*reaped), false});
  call->answer(fail(ErrorCode::ECHILD_, wanted ? fmt::format("{}: no child of this process", wanted->value)
                                               : "no children to wait for"));
}

void ProcessTable::on_finished(const ProcessRef& process) {
  PendingRef waiter;
  ProcessRef keep;  // destroyed outside the lock
  std::vector<ProcessRef> orphans;
  {
    std::lock_guard lock(mutex_);
    // Under the lock: a WAIT finds either a child that runs or one that nobody else will reap.
    process->state_.store(ProcessState::kZombie, std::memory_order_release);
    alive_--;
    for (const Pid pid : process->children_) {
      if (ProcessRef child = find_locked(pid)) orphans.push_back(std::move(child));
    }
    process->children_.clear();
    for (const ProcessRef& orphan : orphans) {
      {
        std::lock_guard child_lock(orphan->mutex_);
        orphan->parent_ = init_;
      }
      if (orphan->state() == ProcessState::kZombie) {
        release_slot(orphan->pid());
      } else {
        init_->children_.push_back(orphan->pid());
      }
    }
    const ProcessRef parent = process->parent();
    if (parent == init_) {
      keep = reap_locked(process->pid());
    } else if (parent) {
      for (auto it = parent->waiters_.begin(); it != parent->waiters_.end();) {
        const bool meant = !it->pid || *it->pid == process->pid();
        if (!meant && !it->call->done()) {
          ++it;
          continue;
        }
        const PendingRef call = std::move(it->call);
        it = parent->waiters_.erase(it);
        if (!meant || !call->claim())
          continue;  // timed out or interrupted: the status stays for another WAIT
        waiter = call;
        keep = reap_locked(process->pid());
        break;
      }
    }
    gone_.notify_all();
  }
  if (waiter) waiter->deliver({exit_reply(*process), false});
}

size_t ProcessTable::shut_down(Nanos timeout) {
  for (const ProcessRef& process : list()) {
    if (process != init_) process->signal(Signal::kKill);
  }
  std::unique_lock lock(mutex_);
  gone_.wait_for(lock, std::chrono::nanoseconds(timeout), [&] { return alive_ == 0; });
  return alive_;
}

size_t ProcessTable::alive() const {
  std::lock_guard lock(mutex_);
  return alive_;
}

}  // namespace phios
