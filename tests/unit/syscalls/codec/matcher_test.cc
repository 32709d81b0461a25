#include <gtest/gtest.h>

#include <bit>
#include <random>
#include <thread>

#include "syscalls/codec/grammar.h"
#include "syscalls/codec/text.h"
#include "tests/unit/syscalls/codec/byte_vocabulary.h"

namespace phios {
namespace {

using testing::ByteVocabulary;
using Event = Matcher::Event;

constexpr int kWalkFrames = 10'000;
constexpr int kOtherFrames = 2'000;  // of each other vocabulary

// Tokens as a real vocabulary has them: across words, quotes, the parts of a character, and the markers'
// borders.
const std::vector<std::string> kPieces = {
    "READ",  "READ ", "WRITE",  " \"",     "\" ",    "\"",        "\\n",  "\\u",      "00",   "\\\"",
    "é",     "\xc3",  "\xa9 a", "TOOL",    " k=",    "=",         "ab",   "a\" k=2",  "1",    "12",
    "123 ",  "<|",    "|>",     "<|phi",   "_sys|>", "phi_end|>", "x<|p", ">READ",    "> ",   "sys",
    "EXIT<", "< ",    "<",      "a<",      "|",      "any",       "\xf0", "\x9f\x98", "EXIT", "READ",
    " a b ", "?",     "end",    "_end|>x", ":",      "/sh",       "m/",   "\\ud8",    "3d",   "\\ude"};

struct Machine {
  Machine(const GrammarSpec& spec, std::shared_ptr<const ByteVocabulary> v) : vocabulary(std::move(v)) {
    grammar = *Grammar::compile(spec);
    matcher = Matcher(grammar, make_mask_table(grammar, vocabulary));
  }

  std::vector<int32_t> admitted() {
    std::vector<int32_t> tokens;
    const auto mask = matcher.mask();
    for (uint32_t token = 0; token < vocabulary->size(); ++token)
      if (mask[token / 64] >> (token % 64) & 1) tokens.push_back(static_cast<int32_t>(token));
    EXPECT_EQ(matcher.admitted(), tokens.size());
    return tokens;
  }

  // One of the admitted tokens.
  int32_t pick(std::mt19937_64& random) {
    uint64_t skip = random() % matcher.admitted();
    const auto mask = matcher.mask();
    for (size_t i = 0; i < mask.size(); ++i) {
      const auto here = static_cast<uint64_t>(std::popcount(mask[i]));
      if (skip >= here) {
        skip -= here;
        continue;
      }
      uint64_t word = mask[i];
      for (; skip > 0; --skip) word &= word - 1;
      return static_cast<int32_t>(i * 64) + std::countr_zero(word);
    }
    return -1;
  }

  // Accepts the bytes one by one, and checks that the mask admits each.
  Event bytes(std::string_view text) {
    Event event = Event::kNone;
    for (const char c : text) event = token(static_cast<uint8_t>(c));
    return event;
  }
  Event token(int32_t t) {
    EXPECT_TRUE(matcher.mask()[static_cast<size_t>(t) / 64] >> (t % 64) & 1) << "token " << t;
    return matcher.accept(t);
  }
  std::string forced() {
    std::vector<int32_t> tokens;
    matcher.forced(tokens);
    for (const int32_t t : tokens) last = token(t);
    return vocabulary->text(tokens);
  }

  std::shared_ptr<const ByteVocabulary> vocabulary;
  std::shared_ptr<const Grammar> grammar;
  Matcher matcher;
  Event last = Event::kNone;
};

Machine machine(const GrammarSpec& spec, bool markers = true, std::vector<std::string> more = {}) {
  return Machine(spec, std::make_shared<const ByteVocabulary>(markers, std::move(more)));
}

const GrammarSpec kAll{.rights = RightSet::all(), .labels = {"loop", "lost"}, .form = {}};

GrammarSpec with_form(std::vector<std::string> form) {
  return {.rights = RightSet::all(), .labels = {"A", "halt"}, .form = std::move(form)};
}

TEST(Matcher, FreeTextAdmitsTextAFrameAndTheEnd) {
  Machine m = machine(kAll);
  EXPECT_EQ(m.admitted().size(), 256u + 2);  // every byte, <|phi_sys|>, end of text
  EXPECT_EQ(m.bytes("as text, <|phi_sys|> is no marker"), Event::kNone);
  EXPECT_FALSE(m.matcher.in_frame());
  EXPECT_EQ(m.token(ByteVocabulary::kSys), Event::kNone);
  EXPECT_TRUE(m.matcher.in_frame());
  EXPECT_EQ(m.bytes("READ n"), Event::kNone);
  EXPECT_EQ(m.matcher.partial(), "READ n");
  EXPECT_EQ(m.token(ByteVocabulary::kEnd), Event::kFrame);
  EXPECT_EQ(m.matcher.frame(), "READ n");
  EXPECT_TRUE(m.admitted().empty());
  EXPECT_FALSE(m.matcher.frame_answered());
  EXPECT_EQ(m.admitted().size(), 256u + 2);
  EXPECT_EQ(m.token(ByteVocabulary::kEndOfText), Event::kEndOfText);
}

TEST(Matcher, WithoutFreeTextThereAreOnlyFrames) {
  GrammarSpec spec = kAll;
  spec.free_text = false;
  Machine m = machine(spec);
  EXPECT_EQ(m.admitted(), (std::vector<int32_t>{ByteVocabulary::kSys, ByteVocabulary::kEndOfText}));
  EXPECT_EQ(m.forced(), "");
  EXPECT_EQ(m.token(ByteVocabulary::kEndOfText), Event::kSectionDone);
}

TEST(Matcher, AFormForcesWhatHasNoAlternative) {
  Machine m = machine(with_form({"WRITE @i (0|1)", "ADD i (1|-1|0)", "JUMP {label}"}));
  EXPECT_EQ(m.forced(), "{WRITE @i ");
  EXPECT_EQ(m.admitted(), (std::vector<int32_t>{'0', '1'}));
  m.bytes("1");
  EXPECT_EQ(m.forced(), "}");
  EXPECT_EQ(m.last, Event::kFrame);
  EXPECT_EQ(m.matcher.frame(), "WRITE @i 1");
  EXPECT_FALSE(m.matcher.frame_answered());
  EXPECT_EQ(m.forced(), "{ADD i ");
  m.bytes("-");
  EXPECT_EQ(m.forced(), "1}");
  EXPECT_FALSE(m.matcher.frame_answered());
  EXPECT_EQ(m.forced(), "{JUMP ");
  const Matcher copy = m.matcher;  // a fork
  m.bytes("h");
  EXPECT_EQ(m.forced(), "alt}");
  EXPECT_TRUE(m.matcher.frame_answered());
  m.matcher = copy;
  m.bytes("A");
  EXPECT_EQ(m.forced(), "}");
  EXPECT_EQ(m.matcher.frame(), "JUMP A");
  m.matcher.restart();
  EXPECT_EQ(m.forced(), "{WRITE @i ");
}

TEST(Matcher, ARepeatedFrameMayComeAnyNumberOfTimes) {
  Machine m = machine(with_form({"NOW", "* READ (a|b)"}));
  EXPECT_EQ(m.forced(), "{NOW}");
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(m.matcher.frame_answered());
    EXPECT_EQ(m.admitted(), (std::vector<int32_t>{ByteVocabulary::kSys, ByteVocabulary::kEndOfText}));
    EXPECT_EQ(m.forced(), "");
    m.token(ByteVocabulary::kSys);
    EXPECT_EQ(m.forced(), "READ ");
    m.bytes("b");
    EXPECT_EQ(m.forced(), "}");
  }
  EXPECT_FALSE(m.matcher.frame_answered());
  EXPECT_EQ(m.token(ByteVocabulary::kEndOfText), Event::kSectionDone);
}

TEST(Matcher, SpelledOutMarkersAreFoundInFreeText) {
  Machine m = machine(kAll, false);
  EXPECT_EQ(m.admitted().size(), 256u + 1);
  m.bytes("a < b <|phi_ <<|phi_sys|");
  EXPECT_FALSE(m.matcher.in_frame());
  m.bytes(">");
  EXPECT_TRUE(m.matcher.in_frame());
  m.bytes("EXIT \"<\"");
  EXPECT_EQ(m.bytes("<"), Event::kNone);
  EXPECT_EQ(m.matcher.frame(), "EXIT \"<\"");
  EXPECT_EQ(m.forced(), "|phi_end|>");
  EXPECT_EQ(m.last, Event::kFrame);
  EXPECT_EQ(m.matcher.frame(), "EXIT \"<\"");
  EXPECT_FALSE(m.matcher.frame_answered());
  EXPECT_EQ(m.admitted().size(), 256u + 1);
}

TEST(Matcher, SpelledOutMarkersAreForcedByAForm) {
  Machine m = machine(with_form({"* EXIT (a|b)"}), false, kPieces);
  m.bytes("<");
  EXPECT_EQ(m.forced(), "|phi_sys|>EXIT ");
  m.bytes("a");
  EXPECT_EQ(m.forced(), "<|phi_end|>");
  EXPECT_EQ(m.last, Event::kFrame);
  Machine once = machine(with_form({"EXIT a"}), false, kPieces);
  EXPECT_EQ(once.forced(), "<|phi_sys|>EXIT a<|phi_end|>");
}

TEST(Matcher, NoTokenCrossesTheEndOfAMarker) {
  Machine m = machine(kAll, false, {"|>", "|>R", ">R", "_sys|>READ", "<|phi_sys|>"});
  m.bytes("<|phi_sys");
  for (const int32_t token : m.admitted()) {
    const std::string text = "<|phi_sys" + std::string(m.vocabulary->bytes(token));
    EXPECT_TRUE(!text.starts_with(kMarkerSys) || text == kMarkerSys) << text;
  }
}

// Random admitted tokens; the parser must take every frame.
void walk(Machine m, uint64_t seed, double free_chance, int all_frames) {
  std::mt19937_64 random(seed);
  size_t longest = 0;
  for (int frames = 0; frames < all_frames;) {
    ASSERT_GT(m.matcher.admitted(), 0u) << m.matcher.partial();
    int32_t token = m.pick(random);
    const bool wants_frame = std::uniform_real_distribution<>(0, 1)(random) > free_chance;
    if (!m.matcher.in_frame() && wants_frame && !m.vocabulary->is_end_of_text(token) &&
        m.vocabulary->sys() >= 0)
      token = ByteVocabulary::kSys;
    std::string spelled = !m.matcher.in_frame() && m.vocabulary->sys() < 0 ? std::string(kMarkerSys) : "";
    Event event = Event::kNone;
    if (!spelled.empty() && wants_frame) {
      event = m.bytes(spelled);
    } else {
      event = m.matcher.accept(token);
    }
    if (event == Event::kNone) {
      m.last = Event::kNone;
      if (random() % 2) m.forced();
      event = m.last;
    }
    ASSERT_LE(m.matcher.partial().size(), static_cast<size_t>(PHI_FRAME_MAX));
    if (event != Event::kFrame) continue;
    ++frames;
    longest = std::max(longest, m.matcher.frame().size());
    const Result<Call> call = parse_call(m.matcher.frame());
    ASSERT_TRUE(call) << m.matcher.frame() << ": " << call.error().message;
    m.matcher.frame_answered();
  }
  EXPECT_GT(longest, 100u);
}

TEST(Matcher, ARandomModelEmitsOnlyValidFrames) { walk(machine(kAll), 1, 0.5, kWalkFrames); }
TEST(Matcher, ARandomModelOfManyTokensEmitsOnlyValidFrames) {
  walk(machine(kAll, true, kPieces), 2, 0.5, kOtherFrames);
}
TEST(Matcher, ARandomModelThatSpellsMarkersEmitsOnlyValidFrames) {
  walk(machine(kAll, false, kPieces), 3, 0.5, kOtherFrames);
}
TEST(Matcher, ARandomModelOfFewRightsEmitsOnlyWhatTheyPermit) {
  walk(machine({.rights = *RightSet::parse({"drv:tool:calc", "mem:read:x*"}), .labels = {}, .form = {}}), 4,
       0.1, kOtherFrames);
}

// Near the bound a frame can always be closed, and exactly at it.
TEST(Matcher, AFrameIsClosedWithinItsBound) {
  for (const bool markers : {true, false}) {
    for (const std::string start : {"WRITE a \"", "RETRIEVE \"", "CAS a \"", "SPAWN p \""}) {
      Machine m = machine(kAll, markers, kPieces);
      if (markers) m.token(ByteVocabulary::kSys);
      if (!markers) m.bytes(kMarkerSys);
      m.bytes(start);
      std::mt19937_64 random(start.size());
      Event event = Event::kNone;
      while (event != Event::kFrame) {
        const std::vector<int32_t> tokens = m.admitted();
        ASSERT_FALSE(tokens.empty());
        // As long as it may go on it does: never the closing quote, never the marker.
        int32_t token = tokens[random() % tokens.size()];
        for (int tries = 0;
             tries < 20 && m.vocabulary->text({token}).find_first_of("\"}<") != std::string::npos; ++tries)
          token = tokens[random() % tokens.size()];
        event = m.matcher.accept(token);
        ASSERT_LE(m.matcher.partial().size(), static_cast<size_t>(PHI_FRAME_MAX));
      }
      EXPECT_TRUE(parse_call(m.matcher.frame())) << m.matcher.frame();
    }
  }
}

TEST(Matcher, WithoutAGrammarEverythingIsAdmitted) {
  Matcher m;
  EXPECT_TRUE(m.mask().empty());
  EXPECT_EQ(m.accept(3), Event::kNone);
  std::vector<int32_t> out;
  m.forced(out);
  EXPECT_TRUE(out.empty());
  EXPECT_FALSE(m.frame_answered());
  m.restart();
}

TEST(MaskTable, IsSharedByThreads) {
  const auto grammar = *Grammar::compile(kAll);
  const auto masks = make_mask_table(grammar, std::make_shared<const ByteVocabulary>(true, kPieces));
  std::vector<std::jthread> threads;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&, seed] {
      std::mt19937_64 random(seed);
      Matcher m(grammar, masks);
      for (int i = 0; i < 3000; ++i) {
        const auto mask = m.mask();
        std::vector<int32_t> tokens;
        for (size_t token = 0; token < mask.size() * 64; ++token)
          if (mask[token / 64] >> (token % 64) & 1) tokens.push_back(static_cast<int32_t>(token));
        if (m.accept(m.in_frame() ? tokens[random() % tokens.size()] : ByteVocabulary::kSys) == Event::kFrame)
          m.frame_answered();
      }
    });
  }
}

}  // namespace
}  // namespace phios
