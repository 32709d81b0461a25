// Every check is shown a made-up tree that breaks its rule, and must say so; and one that keeps it.
#include "tests/tidy/checks.h"

#include <gmock/gmock.h>
#include <unistd.h>

namespace phios::tidy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kMark = std::string("TO") + "DO";

std::string include(std::string_view path) { return "#include \"" + std::string(path) + "\"\n"; }

TEST(Checks, ArrowsThatPointTheWrongWay) {
  Tree tree;
  const std::pair<const char*, const char*> wrong[] = {
      {"mm/a.h", "drivers/api/model.h"},
      {"drivers/tool/b.cc", "kernel/proc/process.h"},
      {"drivers/tool/c.cc", "drivers/solver/s.h"},
      {"userland/lua/d.cc", "kernel/base/result.h"},
      {"kernel/base/e.h", "mm/a.h"},
      {"syscalls/codec/f.cc", "kernel/runtime/fiber.h"},
      {"kernel/proc/g.cc", "syscalls/dispatch/x.h"},
      {"kernel/proc/h.cc", "kernel/boot/config.h"},
      {"kernel/runtime/i.cc", "mm/a.h"},
      {"drivers/api/j.h", "drivers/tool/t.h"},
      {"syscalls/abi/k.h", "kernel/base/result.h"},
  };
  for (const auto& [from, to] : wrong) {
    tree.try_emplace(to);
    tree[from] += include(to);
  }
  const Findings found = check_arrows(tree);
  EXPECT_EQ(found.size(), std::size(wrong));
  for (const auto& [from, to] : wrong)
    EXPECT_THAT(found, ::testing::Contains(::testing::AllOf(HasSubstr(from), HasSubstr(to))));
}

TEST(Checks, ArrowsThatPointTheRightWay) {
  Tree tree;
  const std::pair<const char*, const char*> right[] = {
      {"kernel/boot/main.cc", "drivers/tool/t.h"},
      {"syscalls/dispatch/mem.cc", "kernel/proc/process.h"},
      {"kernel/proc/g.cc", "drivers/api/model.h"},
      {"kernel/proc/h.cc", "kernel/sched/policy.h"},
      {"drivers/model/native/n.cc", "mm/a.h"},
      {"drivers/model/native/o.cc", "drivers/model/native/p.h"},
      {"userland/sh/s.cc", "syscalls/abi/phios.h"},
      {"tests/unit/u.cc", "kernel/boot/config.h"},
      {"mm/store/c.cc", "mm/a.h"},
      {"mm/b.cc", "not/ours.h"},
  };
  for (const auto& [from, to] : right) {
    tree.try_emplace(to);
    tree[from] += include(to) + "  #  include <vector>\n";
  }
  tree.erase("not/ours.h");
  EXPECT_THAT(check_arrows(tree), IsEmpty());
}

TEST(Checks, AFolderOfNoLayer) {
  EXPECT_THAT(check_arrows({{"misc/a.cc", include("mm/a.h")}, {"mm/a.h", ""}}),
              ElementsAre(HasSubstr("misc/a.cc:1: the folder belongs to no layer")));
}

TEST(Checks, PathsThatAreNotFromTheRoot) {
  const Tree tree = {{"mm/a.cc", "\n" + include("a.h") + include("mm/a.h") + include("fmt/format.h")},
                     {"mm/a.h", ""}};
  EXPECT_THAT(check_include_paths(tree), ElementsAre("mm/a.cc:2: name it from the root: mm/a.h"));
}

TEST(Checks, Cycles) {
  const Tree tree = {{"mm/a.h", include("mm/b.h")},
                     {"mm/b.h", include("mm/c.h")},
                     {"mm/c.h", include("mm/a.h")},
                     {"mm/d.h", include("mm/a.h")}};
  EXPECT_THAT(check_cycles(tree),
              ElementsAre("mm/a.h: includes itself: mm/a.h -> mm/b.h -> mm/c.h -> mm/a.h"));
  EXPECT_THAT(
      check_cycles(
          {{"mm/a.h", include("mm/b.h") + include("mm/c.h")}, {"mm/b.h", include("mm/c.h")}, {"mm/c.h", ""}}),
      IsEmpty());
}

TEST(Checks, ConfinedLibraries) {
  const Tree tree = {
      {"mm/a.h", "#include <nlohmann/json.hpp>\n"},
      {"mm/b.cc", "#include <nlohmann/json.hpp>\n#include <boost/context/fiber.hpp>\n"},
      {"mm/c.cc", "#include <boost/context/detail/fcontext.hpp>\n"},
      {"mm/d.h",
       "#include <z3++.h>\n#include <nlohmann/json_fwd.hpp>\n#include <boost/lockfree/queue.hpp>\n"}};
  EXPECT_THAT(check_confined(tree), ElementsAre(HasSubstr("mm/a.h:1"), HasSubstr("mm/d.h:1"),
                                                HasSubstr("mm/d.h:3"), HasSubstr("mm/b.cc, mm/c.cc")));
}

TEST(Checks, Lengths) {
  const auto lines = [](size_t n) {
    std::string text;
    while (n-- > 0) text += "x\n";
    return text;
  };
  const Tree tree = {{"mm/ok.cc", lines(kLinesMax)},
                     {"mm/long.cc", lines(kLinesMax + 1)},
                     {"mm/listed.cc", lines(600)},
                     {"mm/grown.cc", lines(601)},
                     {"mm/shrunk.cc", lines(kLinesMax)},
                     {"docs/long.md", lines(2000)},
                     {kLongFilesList,
                      "# path lines\nmm/listed.cc 600\nmm/grown.cc 600\nmm/shrunk.cc 600\nmm/gone.cc 700\n"}};
  EXPECT_THAT(check_lengths(tree),
              ElementsAre(HasSubstr("mm/grown.cc: 601 lines"), "mm/long.cc: 501 lines, at most 500",
                          HasSubstr("mm/shrunk.cc: 500 lines; take it off"), HasSubstr("mm/gone.cc")));
}

TEST(Checks, DeadFiles) {
  const Tree tree = {
      {"mm/CMakeLists.txt",
       "phios_library(mm SOURCES a.cc deep/b.cc)\nforeach(t loop) add(${t}.cc) endforeach()\n"},
      {"mm/a.cc", include("mm/a.h")},
      {"mm/deep/b.cc", ""},
      {"mm/loop.cc", ""},
      {"mm/aa.cc", ""},
      {"mm/a.h", ""},
      {"mm/dead.h", "// mm/dead.h\n"},
      {"syscalls/abi/dead.def", ""},
      {"userland/programs/used.md", "run unused1\n"},
      {"userland/programs/dead.md", "dead, as everybody knows\n"},
      {"userland/programs/dead.lua", "-- run dead\n"},
      {"docs/tutorial.md", "Type `run used`. It is not dead.\n"},
      {"userland/models/train/train.py", "import model\n"},
      {"userland/models/train/model.py", "compile('fast.c')\n"},
      {"userland/models/train/fast.c", ""},
      {"userland/models/train/README.md", "python3 train.py\n"},
  };
  Tree without_lua = tree;
  without_lua.erase("userland/programs/dead.lua");
  EXPECT_THAT(
      check_dead_files(without_lua),
      ElementsAre("mm/aa.cc: in no CMake target", "mm/dead.h: nobody includes it",
                  "syscalls/abi/dead.def: nobody includes it", "userland/programs/dead.md: nobody names it"));
  EXPECT_THAT(check_dead_files(tree), ::testing::Contains("userland/programs/dead.lua: nobody names it"));
}

TEST(Checks, Marks) {
  const Tree tree = {{"mm/a.cc", "\n// " + kMark + ": more\n"},
                     {"x", "# " + kMark + "\n"},
                     {"mm/b.cc", "// " + kMark + "S, mkstemp(\"XXXXXX\")\n"}};
  EXPECT_THAT(check_marks(tree), ElementsAre("mm/a.cc:2: " + kMark, "x:1: " + kMark));
}

TEST(Checks, TheTreeIsReadFromDisk) {
  const auto root = std::filesystem::temp_directory_path() / ("phios-tidy-" + std::to_string(::getpid()));
  for (const char* folder : {"mm", "build-asan", ".git"}) std::filesystem::create_directories(root / folder);
  for (const char* file : {"mm/a.cc", "mm/image.png", "build-asan/b.cc", ".git/c.cc", "x"})
    fclose(fopen((root / file).c_str(), "w"));
  EXPECT_THAT(read_tree(root), ElementsAre(::testing::Key("mm/a.cc"), ::testing::Key("x")));
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace phios::tidy
