#include "kernel/proc/program.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "kernel/sched/prompt_lookup.h"

namespace phios {

namespace {

constexpr size_t kCachedPrograms = 256;

Result<double> parse_number(std::string_view key, std::string_view value, double least, double most) {
  const std::string text(value);
  char* end = nullptr;
  const double x = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(x >= least && x <= most)) {
    return fail(ErrorCode::EINVAL_,
                fmt::format("{}: {} is no number from {} to {}", key, value, least, most));
  }
  return x;
}

Result<bool> parse_choice(std::string_view key, std::string_view value, std::string_view yes,
                          std::string_view no) {
  if (value == yes) return true;
  if (value == no) return false;
  return fail(ErrorCode::EINVAL_, fmt::format("{}: {} or {}, not {}", key, yes, no, value));
}

}  // namespace

Status PromptImage::set_option(std::string_view key, std::string_view value) {
  if (key == "right") {
    restricts_rights = true;
    if (value.empty()) return {};
    TRY(RightSet::parse({std::string(value)}));
    rights.emplace_back(value);
  } else if (key == "form") {
    form.emplace_back(value);
  } else if (key == "stop") {
    stop.emplace_back(value);
  } else if (key == "limit") {
    const size_t equals = value.find('=');
    if (equals == std::string_view::npos)
      return fail(ErrorCode::EINVAL_, fmt::format("limit: resource=amount, not {}", value));
    const Resource resource = TRY(parse_resource(value.substr(0, equals)));
    limits.emplace_back(resource,
                        static_cast<int64_t>(TRY(parse_number("limit", value.substr(equals + 1), 0, 9e15))));
  } else if (key == "temperature") {
    sampling.params.temperature = static_cast<float>(TRY(parse_number(key, value, 0, 100)));
  } else if (key == "top_k") {
    sampling.params.top_k = static_cast<int32_t>(TRY(parse_number(key, value, 0, PHI_VOCAB_MAX)));
  } else if (key == "top_p") {
    sampling.params.top_p = static_cast<float>(TRY(parse_number(key, value, 0, 1)));
  } else if (key == "min_p") {
    sampling.params.min_p = static_cast<float>(TRY(parse_number(key, value, 0, 1)));
  } else if (key == "seed") {
    sampling.seed = static_cast<uint64_t>(TRY(parse_number(key, value, 0, 9e15)));
    sampling.has_seed = true;
  } else if (key == "context") {
    fresh_context = TRY(parse_choice(key, value, "fresh", "append"));
  } else if (key == "free_text") {
    free_text = TRY(parse_choice(key, value, "yes", "no"));
  } else if (key == "operands") {
    operands_of_section = TRY(parse_choice(key, value, "section", "free"));
  } else if (key == "out_of_frames") {
    out_of_frames = TRY(parse_choice(key, value, "wait", "fail")) ? OutOfFrames::kWait : OutOfFrames::kFail;
  } else if (key == "speculate") {
    speculate = static_cast<uint32_t>(TRY(parse_number(key, value, 0, kGuessesMax)));
  } else if (key == "kv") {
    kv = TRY(find_kv_policy(value));
  } else {
    return fail(ErrorCode::EINVAL_, fmt::format("{}: no option of a prompt program", key));
  }
  return {};
}

int PromptImage::find_section(std::string_view label) const {
  for (size_t i = 0; i < sections.size(); i++) {
    if (sections[i].label == label) return static_cast<int>(i);
  }
  return -1;
}

ProgramRegistry::ProgramRegistry(std::vector<std::string> directories, std::vector<Builtin> builtins)
    : directories_(std::move(directories)), builtins_(std::move(builtins)) {}

void ProgramRegistry::add_loader(Loader loader) {
  std::lock_guard lock(mutex_);
  loaders_.push_back(std::move(loader));
}

void ProgramRegistry::add_native(std::string name, NativeImage native) {
  auto image = std::make_shared<Image>();
  image->name = name;
  image->native = std::move(native);
  std::lock_guard lock(mutex_);
  cache_["native:" + name] = {0, std::move(image)};
}

const Loader* ProgramRegistry::loader_for(std::string_view path) const {
  for (const Loader& loader : loaders_) {
    if (path.ends_with(loader.suffix)) return &loader;
  }
  return nullptr;
}

Result<ImageRef> ProgramRegistry::load_text(const std::string& name, const std::string& path,
                                            std::string text) {
  Loader loader;
  {
    std::lock_guard lock(mutex_);
    const Loader* found = loader_for(path);
    if (!found)
      return fail(ErrorCode::EINVAL_, fmt::format("{}: no program kind of this suffix is known", path));
    loader = *found;
  }
  if (text.size() > PHI_PROGRAM_MAX)
    return fail(ErrorCode::ETOOBIG_, fmt::format("{}: over {} bytes", path, PHI_PROGRAM_MAX));
  return loader.load(name, path, std::move(text));
}

Result<ImageRef> ProgramRegistry::load_file(const std::string& name, const std::string& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode))
    return fail(ErrorCode::ENOENT_, fmt::format("{}: no such program file", path));
  if (info.st_size > PHI_PROGRAM_MAX)
    return fail(ErrorCode::ETOOBIG_, fmt::format("{}: over {} bytes", path, PHI_PROGRAM_MAX));
  const int64_t modified = info.st_mtim.tv_sec * kSecond + info.st_mtim.tv_nsec;
  {
    std::lock_guard lock(mutex_);
    const auto it = cache_.find(path);
    if (it != cache_.end() && it->second.modified_ns == modified) return it->second.image;
  }
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  if (!in) return fail(ErrorCode::EIO_, fmt::format("{}: cannot be read", path));
  ImageRef image = TRY(load_text(name, path, std::move(text).str()));
  std::lock_guard lock(mutex_);
  if (cache_.size() >= kCachedPrograms)
    std::erase_if(cache_, [](const auto& entry) { return !entry.first.starts_with("native:"); });
  cache_[path] = {modified, image};
  return image;
}

Result<ImageRef> ProgramRegistry::find(std::string_view program) {
  if (program.starts_with("text:")) {
    return load_text("text", "text.md", std::string(program.substr(5)));
  }
  const std::string name(program);
  bool is_path = name.find('/') != std::string::npos;
  std::vector<std::string> suffixes;
  {
    std::lock_guard lock(mutex_);
    const auto native = cache_.find("native:" + name);
    if (native != cache_.end()) return native->second.image;
    is_path = is_path || loader_for(name) != nullptr;
    for (const Loader& loader : loaders_) suffixes.push_back(loader.suffix);
  }
  if (is_path) {
    const size_t slash = name.rfind('/');
    return load_file(slash == std::string::npos ? name : name.substr(slash + 1), name);
  }
  for (const std::string& directory : directories_) {
    for (const std::string& suffix : suffixes) {
      Result<ImageRef> image = load_file(name, directory + "/" + name + suffix);
      if (image || image.error().code != ErrorCode::ENOENT_) return image;
    }
  }
  for (const Builtin& builtin : builtins_) {
    if (builtin.file.substr(0, builtin.file.rfind('.')) != name) continue;
    const std::string key = "builtin:" + std::string(builtin.file);
    {
      std::lock_guard lock(mutex_);
      const auto it = cache_.find(key);
      if (it != cache_.end()) return it->second.image;
    }
    ImageRef image = TRY(load_text(name, std::string(builtin.file), std::string(builtin.text)));
    std::lock_guard lock(mutex_);
    cache_[key] = {0, image};
    return image;
  }
  std::string known;
  for (const std::string& other : names()) known += (known.empty() ? "" : ", ") + other;
  return fail(ErrorCode::ENOENT_, fmt::format("{}: no program of that name; known are {}", name, known));
}

std::vector<std::string> ProgramRegistry::names() const {
  std::set<std::string> names;
  for (const Builtin& builtin : builtins_) names.emplace(builtin.file.substr(0, builtin.file.rfind('.')));
  std::lock_guard lock(mutex_);
  for (const auto& [key, cached] : cache_) {
    if (key.starts_with("native:")) names.insert(key.substr(7));
  }
  return {names.begin(), names.end()};
}

}  // namespace phios
