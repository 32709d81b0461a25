// The documentation's sessions, typed in again: what a reader sees is what a page says.
#include <gmock/gmock.h>

#include <algorithm>
#include <regex>

#include "tests/cli/cli.h"

namespace phios {
namespace {

// A fenced block of a page, with the name that the text before it gives to a file.
struct Block {
  std::string language, file;
  std::vector<std::string> lines;
};

std::vector<Block> blocks_of(const std::string& page) {
  static const std::regex kFile(R"(`([a-z_]+\.(lua|md))`[^`]*$)");
  std::vector<Block> blocks;
  std::string before;
  bool inside = false;
  for (const std::string& line : lines_of(page)) {
    if (line.starts_with("```")) {
      inside = !inside;
      if (!inside) continue;
      std::smatch named;
      blocks.push_back({line.substr(3), std::regex_search(before, named, kFile) ? named[1].str() : "", {}});
      before.clear();
    } else if (inside) {
      blocks.back().lines.push_back(line);
    } else {
      before += line + " ";
    }
  }
  return blocks;
}

// Times, random numbers and stamps differ from run to run.
std::string comparable(std::string line) {
  static const std::regex kTime(R"(<[0-9.]+ us>)"), kRandom(R"(RANDOM ([0-9]+) = [0-9]+)");
  line = std::regex_replace(line, kTime, "<T>");
  return std::regex_replace(line, kRandom, "RANDOM $1 = N");
}

// Lines of standard output and of errors come in no fixed order between each other.
std::vector<std::string> comparable_lines(const std::string& text) {
  std::vector<std::string> out;
  for (const std::string& line : lines_of(text)) out.push_back(comparable(line));
  std::sort(out.begin(), out.end());
  return out;
}

class CliDocs : public Cli {
 protected:
  // Saves the page's named programs and types its sessions in again; the number of commands compared.
  size_t follow(const std::string& page) const {
    size_t commands = 0;
    for (const Block& block : blocks_of(read(PHIOS_SOURCE_DIR "/docs/" + page))) {
      if (block.language == "lua" && !block.file.empty()) save(block, block.file);
      if (block.language == "markdown" && !block.file.empty()) save(block, block.file);
      if (block.language != "console") continue;
      for (size_t i = 0; i < block.lines.size();) {
        const std::string command = block.lines[i++].substr(2);
        std::string expected;
        while (i < block.lines.size() && !block.lines[i].starts_with("$ "))
          expected += block.lines[i++] + "\n";
        const ChildResult ran = shell(command);
        EXPECT_EQ(comparable_lines(ran.output + ran.errors), comparable_lines(expected)) << command;
        commands++;
      }
    }
    return commands;
  }

 private:
  void save(const Block& block, const std::string& file) const {
    std::string text;
    for (const std::string& line : block.lines) text += line + "\n";
    write(file, text);
  }
};

TEST_F(CliDocs, TheTutorialIsTrue) { EXPECT_GE(follow("tutorial.md"), 10u); }

}  // namespace
}  // namespace phios
