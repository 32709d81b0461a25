#include "kernel/boot/capi_spawn.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "kernel/boot/handles.h"
#include "kernel/boot/system.h"
#include "kernel/proc/cell_space.h"
#include "kernel/proc/kernel.h"
#include "kernel/proc/native_body.h"
#include "syscalls/codec/grammar.h"

namespace phios {

namespace {

constexpr size_t kLoaderMessageMax = 1024;
constexpr mode_t kNewFileMode = 0644;

// Lines go to a cell of the parent, one below the other.
class CellOutput final : public OutputStream {
 public:
  CellOutput(ProcessRef owner, std::string cell) : owner_(std::move(owner)), cell_(std::move(cell)) {}
  void write_line(std::string line, PendingRef call) override {
    CellStore* store = cell_store(*owner_, cell_);
    std::lock_guard lock(mutex_);
    text_ += text_.empty() ? line : "\n" + line;
    if (Status written = store->write(cell_, text_); !written)
      return call->answer(std::unexpected(written.error()));
    call->answer(Reply{});
  }

 private:
  ProcessRef owner_;
  std::string cell_;
  std::mutex mutex_;  // guards text_
  std::string text_;
};

Result<int> open_fd(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, kNewFileMode);
  if (fd < 0)
    return fail(errno == ENOENT ? ErrorCode::ENOENT_ : ErrorCode::EIO_,
                fmt::format("{}: {}", path, std::strerror(errno)));
  return fd;
}

Result<OutputRef> open_output(const ProcessRef& parent, std::string_view spec) {
  Runtime& runtime = parent->kernel().runtime();
  const size_t colon = std::min(spec.find(':'), spec.size());
  const std::string_view kind = spec.substr(0, colon);
  const std::string rest(spec.substr(std::min(colon + 1, spec.size())));
  if (kind == "null") return make_null_output();
  if (kind == "fd") return make_fd_output(runtime, std::atoi(rest.c_str()), false);
  if (kind == "file") return make_fd_output(runtime, TRY(open_fd(rest, O_WRONLY | O_CREAT | O_TRUNC)), true);
  if (kind == "append")
    return make_fd_output(runtime, TRY(open_fd(rest, O_WRONLY | O_CREAT | O_APPEND)), true);
  if (kind == "chan") return make_channel_output(TRY(parent->kernel().channels().open(rest)));
  if (kind == "cell") {
    TRY(check_cell_name(rest));
    if (cell_kind(rest) == CellKind::kDurable)
      return fail(ErrorCode::EINVAL_,
                  fmt::format("stdout: {} is durable; write to a private or /shm/ cell and COPY it", rest));
    return std::make_shared<CellOutput>(parent, rest);
  }
  return fail(
      ErrorCode::EINVAL_,
      fmt::format("stdout: fd:N, file:PATH, append:PATH, cell:NAME, chan:NAME or null, not {}", spec));
}

Result<InputRef> open_input(const ProcessRef& parent, std::string_view spec) {
  Runtime& runtime = parent->kernel().runtime();
  const size_t colon = std::min(spec.find(':'), spec.size());
  const std::string_view kind = spec.substr(0, colon);
  const std::string rest(spec.substr(std::min(colon + 1, spec.size())));
  if (kind == "null") return make_text_input({});
  if (kind == "fd") return make_fd_input(runtime, std::atoi(rest.c_str()), false);
  if (kind == "file") return make_fd_input(runtime, TRY(open_fd(rest, O_RDONLY)), true);
  if (kind == "chan") return make_channel_input(TRY(parent->kernel().channels().open(rest)));
  if (kind == "cell") return make_text_input(TRY(read_cell(*parent, rest)));
  return fail(ErrorCode::EINVAL_,
              fmt::format("stdin: fd:N, file:PATH, cell:NAME, chan:NAME or null, not {}", spec));
}

// A prompt program with other sampling or another form than its own.
Result<ImageRef> with_options(const ImageRef& image, const phi_spawn_options& options) {
  if (!options.form && options.n_sampling == 0) return image;
  if (!image->prompt)
    return fail(ErrorCode::EINVAL_,
                fmt::format("{}: form and sampling are for prompt programs", image->name));
  auto prompt = std::make_unique<PromptImage>(*image->prompt);
  if (options.form) prompt->form = {options.form};
  for (size_t i = 0; i < options.n_sampling; i++) {
    const std::string_view option = options.sampling[i];
    const size_t equals = std::min(option.find('='), option.size());
    TRY(prompt->set_option(option.substr(0, equals), option.substr(std::min(equals + 1, option.size()))));
  }
  auto changed = std::make_shared<Image>();
  changed->name = image->name;
  changed->path = image->path;
  changed->prompt = std::move(prompt);
  return changed;
}

// Native code given by a function pointer; released once, when the last reference to the image has gone.
ImageRef native_image(const phi_spawn_options& options) {
  auto held = std::shared_ptr<void>(options.arg, [release = options.release](void* arg) {
    if (release) release(arg);
  });
  auto image = std::make_shared<Image>();
  image->name = options.name ? options.name : "native";
  image->native.run = [entry = options.entry, held](Process& process) {
    phi_proc self{process.shared_from_this(), {}, {}};
    return entry(&self, held.get());
  };
  return image;
}

Result<SpawnSpec> make_spec(const ProcessRef& parent, const phi_spawn_options& options) {
  SpawnSpec spec;
  if (!options.program && !options.entry) return fail(ErrorCode::EINVAL_, "a program or an entry is needed");
  spec.image = options.program
                   ? TRY(with_options(TRY(parent->kernel().programs().find(options.program)), options))
                   : native_image(options);
  spec.name = options.name ? options.name : spec.image->name;
  for (size_t i = 0; i < options.n_args; i++) spec.args.emplace_back(options.args[i]);
  if (options.rights) {
    spec.rights = TRY(RightSet::parse({options.rights, options.rights + options.n_rights}));
  }
  for (size_t i = 0; i < options.n_limits; i++) {
    PromptImage parsed;
    TRY(parsed.set_option("limit", options.limits[i]));
    spec.limits.push_back(parsed.limits.front());
  }
  if (options.stdin_from) spec.input = TRY(open_input(parent, options.stdin_from));
  if (options.stdout_to) spec.output = TRY(open_output(parent, options.stdout_to));
  spec.niceness = options.niceness;
  spec.new_group = options.new_group != 0;
  if (options.copy_cells == 1) spec.cells = SpawnSpec::Cells::kCopied;
  if (options.copy_cells == 2) spec.cells = SpawnSpec::Cells::kParents;
  return spec;
}

}  // namespace

Result<ProcessRef> start_process(const ProcessRef& parent, const phi_spawn_options& options) {
  SpawnSpec spec = TRY(make_spec(parent, options));
  Kernel& kernel = parent->kernel();
  if (options.program) {
    const std::string right = "proc:spawn:" + spec.image->name;
    if (!parent->rights.covers(right))
      return fail(ErrorCode::EPERM_, fmt::format("SPAWN: needs the right {}", right));
  }
  if (options.copy_context == 0) return kernel.table().spawn(parent, std::move(spec));
  if (spec.image->prompt)
    return fail(ErrorCode::EINVAL_, "copy_context: a prompt program starts from its own base");
  const ImageRef image = spec.image;
  ProcessRef child = TRY(kernel.table().create(parent, std::move(spec)));
  auto body = std::make_shared<NativeBody>(*child, image);
  if (OwnContext* own = own_context(*parent))
    body->context().set(own->get(*parent).fork(child->budget, child->pid(), child->seed()));
  child->set_body(body);
  body->start();
  return child;
}

// A form's mistakes show when the program is read, not when a process of it starts.
Status check_form(const PromptImage& prompt) {
  if (prompt.form.empty()) return {};
  GrammarSpec spec;
  spec.rights = RightSet::all();
  for (const PromptImage::Section& section : prompt.sections) spec.labels.push_back(section.label);
  spec.form = prompt.form;
  TRY(Grammar::compile(spec));
  return {};
}

Loader make_loader(const phi_loader& loader) {
  return {loader.kind, loader.suffix,
          [loader](const std::string& name, const std::string& path, std::string text) -> Result<ImageRef> {
            auto image = std::make_shared<Image>();
            image->name = name;
            image->path = path;
            if (loader.prompt) {
              auto prompt = std::make_unique<PromptImage>();
              phi_prompt builder{prompt.get()};
              std::string message(kLoaderMessageMax, '\0');
              const phi_status status = loader.prompt(loader.self, path.c_str(), text.c_str(), text.size(),
                                                      &builder, message.data(), message.size());
              if (status != PHI_OK) return fail(static_cast<ErrorCode>(status), message.c_str());
              if (prompt->sections.empty())
                return fail(ErrorCode::EPARSE_, fmt::format("{}: a prompt program has a section", path));
              if (const Status sound = check_form(*prompt); !sound)
                return fail(sound.error().code, fmt::format("{}: {}", path, sound.error().message));
              image->prompt = std::move(prompt);
              return image;
            }
            image->native.run = [loader, path, text = std::move(text)](Process& process) {
              phi_proc self{process.shared_from_this(), {}, {}};
              return loader.run(loader.self, &self, path.c_str(), text.c_str(), text.size());
            };
            return image;
          }};
}

Status System::add_loader(const phi_loader& loader) {
  if (!loader.kind || !loader.suffix || (loader.run == nullptr) == (loader.prompt == nullptr)) {
    return fail(ErrorCode::EINVAL_, "a loader has a kind, a suffix, and either run or prompt");
  }
  kernel().programs().add_loader(make_loader(loader));
  return {};
}

CallInfoTable::CallInfoTable() {
  constexpr const char* kTypes[] = {"cell", "value", "text", "name", "label", "pid", "int", "bigint", "bool"};
  constexpr char kKinds[] = {'!', '1', '?', '*'};
  constexpr const char* kResults[] = {"none", "value", "words", "int", "json"};
  size_t strings = 0;
  for (const CallSpec& spec : call_table()) strings += 4 + spec.args.size();
  texts_.reserve(strings);  // so that c_str() stays where it is
  const auto keep = [this](std::string_view text) { return texts_.emplace_back(text).c_str(); };
  for (const CallSpec& spec : call_table()) {
    std::vector<phi_arg_info>& args = args_.emplace_back();
    for (const ArgSpec& arg : spec.args) {
      args.push_back(
          {keep(arg.name), kTypes[static_cast<size_t>(arg.type)], kKinds[static_cast<size_t>(arg.kind)]});
    }
    rows.push_back({spec.number, keep(spec.text), keep(spec.c_name),
                    kResults[static_cast<size_t>(spec.result)], keep(spec.right), keep(spec.meaning),
                    args.data(), args.size(), spec.blocks});
  }
}

}  // namespace phios
