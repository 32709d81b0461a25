#include "kernel/proc/vocabulary.h"

#include <gmock/gmock.h>

#include "drivers/model/null/null_model.h"

namespace phios {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// The null model's bytes, in brackets that stand for a chat form; markers only where it was `taught`.
class ChatModel final : public Model, private Tokenizer {
 public:
  explicit ChatModel(bool taught) : bytes_(std::move(*open_null_model())), taught_(taught) {}

  const ModelInfo& info() const override { return bytes_->info(); }
  const Tokenizer& tokenizer() const override { return *this; }
  std::vector<Token> encode_turn(ChatTurn turn, std::string_view text) const override {
    constexpr std::string_view kHeads[] = {"[system]", "[user]", "[next]"};
    return encode(std::string(kHeads[static_cast<size_t>(turn)]) + std::string(text), false);
  }
  Status forward(std::span<const PassItem>, PassTail&) override { return {}; }
  uint32_t max_pass_positions() const override { return 1; }

 private:
  const Tokenizer& inner() const { return bytes_->tokenizer(); }
  uint32_t size() const override { return inner().size(); }
  std::vector<Token> encode(std::string_view text, bool parse) const override {
    return inner().encode(text, parse);
  }
  std::string_view bytes(Token token) const override { return inner().bytes(token); }
  bool is_control(Token token) const override { return inner().is_control(token); }
  Token bos() const override { return inner().bos(); }
  bool adds_bos() const override { return inner().adds_bos(); }
  bool is_end(Token token) const override { return inner().is_end(token); }
  Token end() const override { return inner().end(); }
  Token marker(std::string_view name) const override { return taught_ ? inner().marker(name) : -1; }

  std::unique_ptr<Model> bytes_;
  bool taught_;
};

std::string text_of(const Model& model, const std::vector<Token>& tokens) {
  std::string out;
  for (const Token token : tokens) out += model.tokenizer().bytes(token);
  return out;
}

TEST(Vocabulary, AModelThatWasTaughtTheCallsReadsTheProgramAlone) {
  const ChatModel model(true);
  const Vocabulary vocabulary(model);
  EXPECT_EQ(text_of(model, vocabulary.opening("Base.", RightSet::all())), "Base.");
  EXPECT_EQ(text_of(model, vocabulary.request("Do it.", true)), "Do it.");
}

TEST(Vocabulary, AnyOtherIsToldHowCallsAreMadeInItsOwnTurns) {
  const ChatModel model(false);
  const Vocabulary vocabulary(model);
  const std::string opening = text_of(model, vocabulary.opening("Base.", *RightSet::parse({"mem:read"})));
  EXPECT_THAT(opening, StartsWith("[system]"));
  EXPECT_THAT(opening, HasSubstr("<|phi_sys|>NAME argument"));
  EXPECT_THAT(opening, HasSubstr("READ cell → value"));
  EXPECT_THAT(opening, ::testing::Not(HasSubstr("WRITE")));  // no right, no explanation
  EXPECT_THAT(opening, ::testing::EndsWith("Base."));
  EXPECT_EQ(text_of(model, vocabulary.request("Do it.", true)), "[user]Do it.");
  EXPECT_EQ(text_of(model, vocabulary.request("And then.", false)), "[next]And then.");
}

}  // namespace
}  // namespace phios
