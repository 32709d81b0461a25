// Programs: what a process runs. A prompt program is an image the kernel steps itself; native code and
// scripts run on a fiber.
//
// Ownership: images are immutable and shared. Threads: any. The registry finds a program by name or path and
// reads it by the loader of its suffix. Errors: ENOENT_ (names the nearest program), EPARSE_ (file and line,
// from the loader), ETOOBIG_.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.h"
#include "kernel/proc/budget.h"
#include "kernel/proc/decoder.h"

namespace phios {

struct SamplingOptions {
  SamplerParams params;
  bool has_seed = false;
  uint64_t seed = 0;
};

struct PromptImage {
  struct Section {
    std::string label, text;
  };
  std::string base;
  std::vector<Section> sections;
  bool restricts_rights = false;
  std::vector<std::string> rights, form, stop;
  std::vector<std::pair<Resource, int64_t>> limits;
  SamplingOptions sampling;
  bool fresh_context = false;  // a fall-through truncates to the base too
  bool free_text = true;
  bool operands_of_section = false;  // operands are words of the section and of what was answered in it
  OutOfFrames out_of_frames = OutOfFrames::kWait;
  uint32_t speculate = 0;  // guesses of a pass
  KvPolicyRef kv;          // null: the kernel's

  Status set_option(std::string_view key, std::string_view value);  // as phi_prompt_option
  int find_section(std::string_view label) const;                   // -1: none
};

class Process;

// Code on a fiber: returns 0 or an error's number.
struct NativeImage {
  std::function<int(Process&)> run;
};

struct Image {
  std::string name, path;
  std::unique_ptr<const PromptImage> prompt;  // exactly one of the two
  NativeImage native;
};
using ImageRef = std::shared_ptr<const Image>;

struct Loader {
  std::string kind, suffix;
  std::function<Result<ImageRef>(const std::string& name, const std::string& path, std::string text)> load;
};

class ProgramRegistry {
 public:
  struct Builtin {
    std::string_view file;  // "solve.lua"
    std::string_view text;
  };
  ProgramRegistry(std::vector<std::string> directories, std::vector<Builtin> builtins);

  void add_loader(Loader loader);
  void add_native(std::string name, NativeImage image);
  // A name ("solve"), a path (contains '/' or ends in a loader's suffix), or "text:" followed by a prompt
  // program.
  Result<ImageRef> find(std::string_view program);
  std::vector<std::string> names() const;

 private:
  struct Cached {
    int64_t modified_ns = 0;
    ImageRef image;
  };
  Result<ImageRef> load_file(const std::string& name, const std::string& path);
  Result<ImageRef> load_text(const std::string& name, const std::string& path, std::string text);
  const Loader* loader_for(std::string_view path) const;

  std::vector<std::string> directories_;
  std::vector<Builtin> builtins_;
  mutable std::mutex mutex_;  // guards what follows
  std::vector<Loader> loaders_;
  std::map<std::string, Cached, std::less<>> cache_;  // by path; built-ins by "builtin:" + file
};

}  // namespace phios
