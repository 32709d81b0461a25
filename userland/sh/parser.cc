#include "userland/sh/parser.h"

#include <cctype>
#include <optional>

namespace phios::sh {
namespace {

template <class T>
using Parsed = std::expected<T, SyntaxError>;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool ends_word(char c) {
  return is_blank(c) || std::string_view("\n;&|<>").find(c) != std::string_view::npos;
}
bool in_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

class Parser {
 public:
  Parser(std::string_view source, int line) : source_(source), line_(line) {}

  Parsed<std::vector<Item>> run() {
    std::vector<Item> items;
    skip_space_and_lines();
    while (!at_end()) {
      auto item = read_item();
      if (!item) return std::unexpected(item.error());
      items.push_back(std::move(*item));
      skip_space_and_lines();
    }
    return items;
  }

 private:
  bool at_end() const { return at_ == source_.size(); }
  char peek() const { return at_end() ? '\0' : source_[at_]; }
  bool take(char c) {
    if (at_end() || source_[at_] != c) return false;
    if (c == '\n') ++line_;
    ++at_;
    return true;
  }
  std::unexpected<SyntaxError> fail(std::string message, bool incomplete = false) const {
    return std::unexpected(SyntaxError{line_, std::move(message), incomplete});
  }
  // Blanks, a comment, and lines that go on after a backslash.
  void skip_space() {
    while (true) {
      if (is_blank(peek()) && !at_end()) {
        ++at_;
      } else if (source_.substr(at_, 2) == "\\\n") {
        ++at_;
        take('\n');
      } else if (peek() == '#') {
        while (!at_end() && peek() != '\n') ++at_;
      } else {
        return;
      }
    }
  }
  void skip_space_and_lines() {
    skip_space();
    while (take('\n')) skip_space();
  }

  Parsed<Item> read_item() {
    size_t from = at_;
    Item item;
    auto pipeline = read_pipeline();
    if (!pipeline) return std::unexpected(pipeline.error());
    item.pipeline = std::move(*pipeline);
    std::string_view text = source_.substr(from, at_ - from);
    item.pipeline.text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
    if (take(';')) return item;
    if (take('&')) {
      item.after = take('&') ? Item::After::kAnd : Item::After::kBackground;
    } else if (take('|')) {
      take('|');  // read_pipeline stops before two only
      item.after = Item::After::kOr;
    }
    if (item.after == Item::After::kAnd || item.after == Item::After::kOr) {
      skip_space_and_lines();
      if (at_end()) return fail("a command is expected after && or ||", true);
    }
    return item;
  }

  Parsed<Pipeline> read_pipeline() {
    Pipeline pipeline;
    while (true) {
      auto command = read_command();
      if (!command) return std::unexpected(command.error());
      pipeline.commands.push_back(std::move(*command));
      if (peek() != '|' || source_.substr(at_, 2) == "||") return pipeline;
      take('|');
      skip_space_and_lines();
      if (at_end()) return fail("a command is expected after |", true);
    }
  }

  Parsed<Command> read_command() {
    Command command;
    skip_space();
    command.line = line_;
    while (!at_end() && std::string_view("\n;&|").find(peek()) == std::string_view::npos) {
      if (peek() == '<' || peek() == '>') {
        auto redirect = read_redirect();
        if (!redirect) return std::unexpected(redirect.error());
        command.redirects.push_back(std::move(*redirect));
      } else {
        auto word = read_word();
        if (!word) return std::unexpected(word.error());
        command.words.push_back(std::move(*word));
        if (command.words.size() > kWordsMax) return fail("more than 1024 words in one command");
      }
      skip_space();
    }
    if (!command.words.empty()) return command;
    if (at_end() || peek() == '\n') return fail("a command is expected at the end of the line");
    return fail(std::string("a command is expected before '") + peek() + "'");
  }

  Parsed<Redirect> read_redirect() {
    Redirect::Kind kind = Redirect::Kind::kIn;
    if (!take('<')) {
      take('>');
      kind = take('>') ? Redirect::Kind::kAppend : Redirect::Kind::kOut;
    }
    skip_space();
    if (at_end() || ends_word(peek())) return fail("a file or a @cell is expected after < or >");
    auto target = read_word();
    if (!target) return std::unexpected(target.error());
    return Redirect{kind, std::move(*target)};
  }

  static void add(Word& word, char c) {
    if (word.parts.empty() || word.parts.back().is_cell) word.parts.push_back({});
    word.parts.back().text += c;
  }

  Parsed<Word> read_word() {
    Word word;
    while (!at_end() && !ends_word(peek())) {
      std::optional<SyntaxError> error;
      char c = source_[at_++];
      if (c == '\'') {
        error = read_literal(word);
      } else if (c == '"') {
        error = read_quoted(word);
      } else if (c == '$') {
        error = read_cell(word);
      } else if (c == '\\' && !at_end()) {
        if (!take('\n')) add(word, source_[at_++]);
      } else {
        add(word, c);
      }
      if (error) return std::unexpected(*error);
    }
    return word;
  }

  std::optional<SyntaxError> read_literal(Word& word) {
    int opened = line_;
    while (!at_end() && peek() != '\'') {
      add(word, peek());
      take(peek());
    }
    if (take('\'')) return std::nullopt;
    return SyntaxError{opened, "this ' has no end", true};
  }

  std::optional<SyntaxError> read_quoted(Word& word) {
    int opened = line_;
    while (!at_end() && peek() != '"') {
      char c = peek();
      take(c);
      if (c == '$') {
        if (auto error = read_cell(word)) return error;
      } else if (c == '\\' && !at_end() &&
                 std::string_view("\"\\$\n").find(peek()) != std::string_view::npos) {
        if (!take('\n')) add(word, source_[at_++]);
      } else {
        add(word, c);
      }
    }
    if (take('"')) return std::nullopt;
    return SyntaxError{opened, "this \" has no end", true};
  }

  // After a "$".
  std::optional<SyntaxError> read_cell(Word& word) {
    std::string name;
    if (take('{')) {
      while (!at_end() && peek() != '}' && peek() != '\n') name += source_[at_++];
      if (name.empty() || !take('}')) return SyntaxError{line_, "a cell's name and } are expected after ${"};
    } else if (take('?')) {
      name = "?";
    } else {
      while (!at_end() && in_name(peek())) name += source_[at_++];
    }
    if (name.empty()) {
      add(word, '$');
    } else {
      word.parts.push_back({true, std::move(name)});
    }
    return std::nullopt;
  }

  std::string_view source_;
  size_t at_ = 0;
  int line_;
};

}  // namespace

std::expected<std::vector<Item>, SyntaxError> parse(std::string_view source, int first_line) {
  if (source.size() > kSourceMax) return std::unexpected(SyntaxError{first_line, "a script of over 1 MiB"});
  return Parser(source, first_line).run();
}

}  // namespace phios::sh
