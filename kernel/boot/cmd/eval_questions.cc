// eval math, qa, taught: questions to the standard program solve, and whether the model knows what it was
// taught.
#include <fmt/core.h>
#include <algorithm>
#include <cmath>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "kernel/boot/cmd/eval.h"
#include "kernel/boot/cmd/job.h"
#include "kernel/boot/embedded.h"
#include "kernel/boot/system.h"
#include "kernel/proc/kernel.h"

namespace phios {

namespace {

struct QuestionOptions {
  std::string data, out;
  size_t limit = 0;
  bool no_answer_article = false;
};

constexpr std::string_view kNotTaught = "not taught:";
constexpr const char* kNoOutput = "null";  // what a program prints is no part of the report

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

Result<std::vector<nlohmann::json>> read_records(const std::string& path, size_t limit) {
  std::vector<nlohmann::json> records;
  for (const std::string& line : TRY(read_lines(path))) {
    records.push_back(nlohmann::json::parse(line, nullptr, false));
    if (records.back().is_discarded())
      return fail(ErrorCode::EPARSE_, fmt::format("{}:{}: no JSON", path, records.size()));
    if (records.size() == limit) break;
  }
  return records;
}

// "14", "14.0", "1/3", "3,000" as a number; NaN for anything else.
double number_of(std::string text) {
  std::erase(text, ',');
  const size_t slash = text.find('/');
  char* end = nullptr;
  const double x = std::strtod(text.c_str(), &end);
  if (end == text.c_str()) return std::nan("");
  if (slash != std::string::npos) return x / std::strtod(text.c_str() + slash + 1, nullptr);
  return *end == '\0' ? x : std::nan("");
}

struct Tally {
  size_t n = 0, right = 0, declined = 0, failed = 0;
};

using Judge = std::function<bool(const nlohmann::json& record, const std::string& answer)>;

Result<Tally> ask_all(System& system, const std::vector<nlohmann::json>& records, const std::string& key,
                      const Judge& judge, const std::string& out_path) {
  auto job = TRY(Job::attach(system, "eval"));
  std::ofstream out;
  if (!out_path.empty()) out.open(out_path);
  Tally tally;
  for (const nlohmann::json& record : records) {
    const phi_pid pid = TRY(job->start("solve", {record.at(key).get<std::string>()}, {}, kNoOutput));
    const JobResult result = TRY(job->wait(pid));
    const bool declined = result.error.empty() && result.value.starts_with(kNotTaught);
    const bool right = result.error.empty() && !declined && judge(record, result.value);
    tally.n++;
    tally.right += right ? 1 : 0;
    tally.declined += declined ? 1 : 0;
    tally.failed += result.error.empty() ? 0 : 1;
    if (out.is_open())
      out << nlohmann::json{{"question", record.at(key)},
                            {"answer", result.value},
                            {"error", result.error},
                            {"right", right}}
                 .dump()
          << "\n";
  }
  return tally;
}

nlohmann::ordered_json summary(const Tally& t) {
  return {{"questions", t.n},
          {"right", t.right},
          {"percent", t.n > 0 ? 100.0 * static_cast<double>(t.right) / static_cast<double>(t.n) : 0.0},
          {"declined", t.declined},
          {"failed", t.failed}};
}

Result<int> math(const CommandContext& context, const QuestionOptions& options) {
  const std::vector<nlohmann::json> records = TRY(read_records(options.data, options.limit));
  auto system = TRY(System::open(context.config));
  const Judge judge = [](const nlohmann::json& record, const std::string& answer) {
    return std::abs(number_of(answer) - record.at("target").get<double>()) < 1e-6;
  };
  fmt::print("{}\n", summary(TRY(ask_all(*system, records, "input", judge, options.out))).dump());
  return 0;
}

// Every passage of every record in one index; the second of each, the answer's own article, only if asked
// for.
Result<Tally> qa_over(CommandContext context, const std::vector<nlohmann::json>& records,
                      bool with_answer_article, const std::string& out) {
  const TemporaryHome home;
  context.config.home = home.path();
  auto system = TRY(System::open(context.config));
  std::vector<Document> documents;
  for (const nlohmann::json& record : records) {
    const nlohmann::json& paragraphs = record.at("paragraphs");
    for (size_t i = 0; i < paragraphs.size(); i++) {
      if (i > 0 && !with_answer_article) break;
      const std::string title = paragraphs[i].at("title");
      documents.push_back({fmt::format("{}-{}", record.at("id").dump(), i),
                           "# " + title + "\n\n" + paragraphs[i].at("text").get<std::string>()});
    }
  }
  TRY(await_result<size_t>(
      [&](auto done) { system->kernel().parts().retrieval->index("default", documents, std::move(done)); }));
  const Judge judge = [](const nlohmann::json& record, const std::string& answer) {
    const std::string said = lower(answer);
    return std::ranges::any_of(record.at("possible_answers"), [&](const nlohmann::json& a) {
      return said.find(lower(a.get<std::string>())) != std::string::npos;
    });
  };
  return ask_all(*system, records, "question", judge, out);
}

Result<int> qa(const CommandContext& context, const QuestionOptions& options) {
  const std::vector<nlohmann::json> records = TRY(read_records(options.data, options.limit));
  nlohmann::ordered_json out;
  out["all_passages"] = summary(TRY(qa_over(context, records, true, options.out)));
  out["without_the_answers_article"] = summary(TRY(qa_over(context, records, false, "")));
  fmt::print("{}\n", out.dump());
  return 0;
}

// The first call that `ask` makes for each question: EXIT "?" is the model's word for what it was not taught.
Result<Tally> first_words(System& system, std::string_view questions) {
  Kernel& kernel = system.kernel();
  auto job = TRY(Job::attach(system, "eval"));
  Tally tally;
  kernel.journal().add_reader();
  for (size_t from = 0; from < questions.size();) {
    const size_t newline = std::min(questions.find('\n', from), questions.size());
    const nlohmann::json record =
        nlohmann::json::parse(questions.substr(from, newline - from), nullptr, false);
    from = newline + 1;
    if (record.is_discarded()) continue;
    uint64_t cursor = 0, lost = 0;
    (void)kernel.journal().read(cursor, lost);
    const phi_pid pid =
        TRY(job->start("ask", {record.at("question").get<std::string>()}, {"wall_ms=5000"}, kNoOutput));
    const JobResult result = TRY(job->wait(pid));
    tally.n++;
    tally.failed += result.error.empty() ? 0 : 1;
    for (const JournalEntry& e : kernel.journal().read(cursor, lost)) {
      if (e.pid.value != pid) continue;
      tally.declined += e.call == "EXIT \"?\"" ? 1 : 0;
      break;
    }
  }
  kernel.journal().drop_reader();
  return tally;
}

Result<int> taught(const CommandContext& context) {
  auto system = TRY(System::open(context.config));
  const Tally inside = TRY(first_words(*system, embedded_eval_questions("inside")));
  const Tally outside = TRY(first_words(*system, embedded_eval_questions("outside")));
  const auto percent = [](const Tally& t) {
    return t.n > 0 ? 100.0 * static_cast<double>(t.declined) / static_cast<double>(t.n) : 0.0;
  };
  const nlohmann::ordered_json out = {{"inside", inside.n},
                                      {"inside_declined_percent", percent(inside)},
                                      {"outside", outside.n},
                                      {"outside_declined_percent", percent(outside)}};
  fmt::print("{}\n", out.dump());
  return percent(inside) <= 2.0 && percent(outside) >= 95.0 ? 0 : kExitFailed;
}

}  // namespace

void add_eval_questions(Command eval, CommandContext& context) {
  auto o = std::make_shared<QuestionOptions>();
  Command command = eval.command("math", "arithmetic in words");
  command.option("--data,DATA", o->data, "JSON lines: input, target").required().value_name("FILE");
  command.option("--out", o->out, "JSON lines: question, answer, right").value_name("FILE");
  command.option("--limit", o->limit, "only the first so many");
  command.callback(command_callback(context, [o, &context] { return math(context, *o); }));

  command =
      eval.command("qa", "questions over documents, with and without the article that gives the answer away");
  command.option("--data,DATA", o->data, "JSON lines: id, question, possible_answers, paragraphs")
      .required()
      .value_name("FILE");
  command.option("--out", o->out, "JSON lines: question, answer, right").value_name("FILE");
  command.option("--limit", o->limit, "only the first so many");
  command.callback(command_callback(context, [o, &context] { return qa(context, *o); }));

  command = eval.command("taught", "does the model decline what it was not taught, and only that");
  command.callback(command_callback(context, [&context] { return taught(context); }));
}

}  // namespace phios
