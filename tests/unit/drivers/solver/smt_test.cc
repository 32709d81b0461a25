#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <future>

#include "drivers/solver/solvers.h"

namespace phios {
namespace {

class Smt : public testing::Test {
 protected:
  Smt() { driver_ = std::move(open_solvers(env_, {.child_command = {SOLVER_CHILD}}).value()); }

  std::future<Result<Solution>> start(SolveRequest request, OpRef* op = nullptr) {
    auto promise = std::make_shared<std::promise<Result<Solution>>>();
    auto future = promise->get_future();
    OpRef ref = driver_->submit(std::move(request),
                                [promise](Result<Solution> r) { promise->set_value(std::move(r)); });
    if (op != nullptr) *op = ref;
    return future;
  }
  Result<Solution> solve(const std::string& program, int64_t ms = 60'000, size_t memory = size_t{512} << 20) {
    return start({"smt2", program, env_.now() + ms * kMillisecond, memory}).get();
  }
  std::string error(const std::string& program) {
    const auto solution = solve(program);
    return solution ? "no error: " + solution->detail
                    : std::string(error_name(solution.error().code)) + " " + solution.error().message;
  }

  SystemEnv env_{1};
  std::unique_ptr<SolverDriver> driver_;
};

// x³ + y³ + z³ = 42 over large integers: no answer this side of the deadline.
constexpr const char* kEndless =
    "(declare-const x Int)(declare-const y Int)(declare-const z Int)"
    "(assert (= (+ (* x x x) (* y y y) (* z z z)) 42))(assert (> (* x y z) 1000000000000))";

TEST_F(Smt, AnswersWithTheThreeVerdicts) {
  const auto sat = solve("(declare-const x Int)\n(assert (> x 3))\n(assert (< x 5))");
  ASSERT_TRUE(sat) << sat.error().message;
  EXPECT_EQ(sat->verdict, Verdict::kTrue);
  EXPECT_NE(sat->detail.find("define-fun x () Int\n    4)"), std::string::npos) << sat->detail;

  const auto unsat = solve("(declare-const x Int)(assert (> x 3))(assert (< x 4))(check-sat)");
  ASSERT_TRUE(unsat) << unsat.error().message;
  EXPECT_EQ(unsat->verdict, Verdict::kFalse);

  const auto unknown = solve(std::string("(set-option :rlimit 200000)") + kEndless);
  ASSERT_TRUE(unknown) << unknown.error().message;
  EXPECT_EQ(unknown->verdict, Verdict::kUnknown);
  EXPECT_NE(unknown->detail, "");
}

TEST_F(Smt, TheLastCheckCountsAndOutputIsKept) {
  const auto solution = solve(
      "(declare-const x Int)(assert (= x 7))(push)(assert (< x 0))(check-sat)(pop)(check-sat)(get-value "
      "(x))");
  ASSERT_TRUE(solution) << solution.error().message;
  EXPECT_EQ(solution->verdict, Verdict::kTrue);
  EXPECT_EQ(solution->detail, "((x 7))");
}

TEST_F(Smt, ErrorsNameLineAndColumn) {
  EXPECT_EQ(error("(declare-const x Int)\n(assert (> y 3))"), "EPARSE line 2, column 11: unknown constant y");
  EXPECT_EQ(error("(check-sat)\n(frob)\n"), "EPARSE line 2, column 5: not supported: frob");
  EXPECT_EQ(error("(assert").substr(0, 20), "EPARSE line 2, colum");
  EXPECT_EQ(error("hello"), "EPARSE line 1, column 1: invalid command, '(' expected");
  EXPECT_EQ(error(std::string("(check-sat)\n(as\0sert)", 20)), "EPARSE line 2, column 4: no UTF-8 text");
  EXPECT_EQ(error(std::string(300'000, ' ')).substr(0, 8), "ETOOBIG ");
}

TEST_F(Smt, HostileNestingDoesNotReachUs) {
  const auto solution = solve(std::string(200'000, '('), 10'000);
  EXPECT_FALSE(solution);
}

TEST_F(Smt, KilledAtItsDeadline) {
  const Nanos began = env_.now();
  const auto solution = solve(kEndless, 300);
  ASSERT_FALSE(solution);
  EXPECT_EQ(solution.error().code, ErrorCode::ETIMEDOUT_) << solution.error().message;
  EXPECT_LT(env_.now() - began, 60 * kSecond);
}

TEST_F(Smt, StoppedAtItsMemory) {
  // Division of wide bit vectors becomes millions of clauses.
  const auto solution = solve(
      "(declare-const a (_ BitVec 1024))(declare-const b (_ BitVec 1024))"
      "(assert (= (bvmul a b) (bvadd a (bvudiv b a))))(assert (distinct a b))",
      60'000, size_t{48} << 20);
  ASSERT_FALSE(solution) << solution->detail;
  EXPECT_EQ(solution.error().code, ErrorCode::ELIMIT_) << solution.error().message;
}

TEST_F(Smt, CannotTouchFiles) {
  const auto path = std::filesystem::temp_directory_path() / ("phios-smt-" + std::to_string(getpid()));
  const auto solution = solve("(set-option :regular-output-channel \"" + path.string() + "\")(check-sat)");
  EXPECT_FALSE(std::filesystem::exists(path));
  static_cast<void>(solution);
}

TEST_F(Smt, CancelsAndCloses) {
  OpRef op;
  auto future = start({"smt2", kEndless}, &op);
  op->cancel();
  const auto solution = future.get();
  ASSERT_FALSE(solution);
  EXPECT_EQ(solution.error().code, ErrorCode::EINTR_);

  auto open = start({"smt2", kEndless});
  driver_.reset();
  EXPECT_EQ(open.get().error().code, ErrorCode::EINTR_);
}

TEST_F(Smt, NamesTheLanguagesThereAre) {
  const auto solution = start({"prolog", ""}).get();
  ASSERT_FALSE(solution);
  EXPECT_EQ(solution.error().message, "no solver is called 'prolog': there are rules and smt2");
  EXPECT_EQ(driver_->languages(), (std::vector<std::string>{"rules", "smt2"}));
  const auto rules = start({"rules", "A(x)\nQuery: A(x)"}).get();
  ASSERT_TRUE(rules);
  EXPECT_EQ(rules->verdict, Verdict::kTrue);
}

TEST_F(Smt, AMissingChildIsAnError) {
  auto driver = std::move(open_solvers(env_, {.child_command = {"/nowhere/phios"}}).value());
  std::promise<Result<Solution>> promise;
  driver->submit({"smt2", "(check-sat)"}, [&](Result<Solution> r) { promise.set_value(std::move(r)); });
  const auto solution = promise.get_future().get();
  ASSERT_FALSE(solution);
  EXPECT_EQ(solution.error().code, ErrorCode::ENOENT_);
}

}  // namespace
}  // namespace phios
