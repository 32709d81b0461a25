// A retrieval driver over a folder that goes with the test, and calls that wait for their completion.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "drivers/retrieval/retrieval.h"

namespace phios {

class RetrievalTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    home_ = std::filesystem::temp_directory_path() /
            ("phios-retrieval-" + std::to_string(getpid()) + test->name());
    std::filesystem::remove_all(home_);
    driver_ = std::move(open_retrieval(env_, home_.string()).value());
  }
  void TearDown() override {
    driver_.reset();
    std::filesystem::remove_all(home_);
  }

  template <class T, class F>
  static Result<T> wait_for(F&& start) {
    std::promise<Result<T>> promise;
    auto future = promise.get_future();
    const OpRef op = start([&](Result<T> result) { promise.set_value(std::move(result)); });
    return future.get();
  }
  Result<size_t> index(const std::string& collection, std::vector<Document> documents) {
    return wait_for<size_t>(
        [&](auto done) { return driver_->index(collection, std::move(documents), done); });
  }
  Result<std::vector<Passage>> retrieve(RetrieveRequest request) {
    return wait_for<std::vector<Passage>>(
        [&](auto done) { return driver_->retrieve(std::move(request), done); });
  }
  Result<std::string> get(const std::string& collection, const std::string& id) {
    return wait_for<std::string>([&](auto done) { return driver_->get(collection, id, done); });
  }
  Result<bool> remove(const std::string& collection, const std::string& id) {
    return wait_for<bool>([&](auto done) { return driver_->remove(collection, id, done); });
  }
  // The ids of what a query finds, or the error.
  std::vector<std::string> found(const std::string& query, size_t k = 3, const std::string& in = "default") {
    const auto passages = retrieve({.collection = in, .query = query, .k = k});
    if (!passages) return {passages.error().message};
    std::vector<std::string> ids;
    for (const Passage& passage : *passages) ids.push_back(passage.id);
    return ids;
  }

  SystemEnv env_{1};
  std::filesystem::path home_;
  std::unique_ptr<RetrievalDriver> driver_;
};

}  // namespace phios
