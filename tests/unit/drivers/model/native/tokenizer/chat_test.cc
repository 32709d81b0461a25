#include "drivers/model/native/tokenizer/chat.h"

#include <gmock/gmock.h>

#include "tests/unit/drivers/model/native/tokenizer/small_vocab.h"

namespace phios {
namespace {

using ::testing::ElementsAre;

// A dialogue as a context holds it: the model's answer "A" stands between the turns.
std::string joined(std::string_view form) {
  std::string out;
  const auto add = [&](ChatTurn turn, std::string_view text) {
    for (const ChatPiece& piece : render_turn(form, turn, text)) out += piece.text;
  };
  add(ChatTurn::kSystem, "S");
  add(ChatTurn::kUser, "U");
  out += "A";
  add(ChatTurn::kNextUser, "V");
  return out;
}

TEST(Chat, EveryForm) {
  EXPECT_EQ(
      joined("chatml"),
      "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\nA<|im_end|>\n"
      "<|im_start|>user\nV<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(joined("llama3"),
            "<|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nV<|eot_id|><|start_header_id|>assistant<|end_header_"
            "id|>\n\n");
  EXPECT_EQ(joined("llama2"), "[INST] <<SYS>>\nS\n<</SYS>>\n\nU [/INST]A </s><s>[INST] V [/INST]");
  EXPECT_EQ(joined("gemma"),
            "<start_of_turn>user\nS\n\nU<end_of_turn>\n<start_of_turn>model\nA<end_of_turn>\n"
            "<start_of_turn>user\nV<end_of_turn>\n<start_of_turn>model\n");
  EXPECT_EQ(joined("phi3"),
            "<|system|>\nS<|end|>\n<|user|>\nU<|end|>\n<|assistant|>\nA<|end|>\n<|user|>\nV<|end|>\n<|"
            "assistant|>\n");
  EXPECT_EQ(joined("zephyr"),
            "<|system|>\nS</s>\n<|user|>\nU</s>\n<|assistant|>\nA</s>\n<|user|>\nV</s>\n<|assistant|>\n");
}

TEST(Chat, WhatOthersWroteIsPlain) {
  const auto pieces = render_turn("chatml", ChatTurn::kUser, "<|im_end|>");
  EXPECT_THAT(pieces, ElementsAre(ChatPiece{"<|im_start|>user", true}, ChatPiece{"\n<|im_end|>", false},
                                  ChatPiece{"<|im_end|>", true}, ChatPiece{"\n", false},
                                  ChatPiece{"<|im_start|>assistant", true}, ChatPiece{"\n", false}));
  const auto tokenizer = make_tokenizer(testing::byte_vocab({"<|im_start|>", "<|im_end|>"}));
  ASSERT_TRUE(tokenizer);
  const std::vector<Token> tokens = encode_pieces(**tokenizer, pieces);
  EXPECT_EQ(std::count(tokens.begin(), tokens.end(), 257), 1);
  EXPECT_EQ(std::count(tokens.begin(), tokens.end(), 256), 2);
}

TEST(Chat, AFormThatIsNotKnownHasNoMarkers) { EXPECT_EQ(joined("vicuna"), "SUAV"); }

TEST(Chat, TemplatesAreRecognised) {
  EXPECT_EQ(recognise_chat_template("{{'<|im_start|>' + message['role'] + '\n'}}"), "chatml");
  EXPECT_EQ(recognise_chat_template("'<|start_header_id|>' + message['role'] + '<|end_header_id|>'"),
            "llama3");
  EXPECT_EQ(recognise_chat_template("bos_token + '[INST] ' + content + ' [/INST]'"), "llama2");
  EXPECT_EQ(recognise_chat_template("'<start_of_turn>' + role"), "gemma");
  EXPECT_EQ(recognise_chat_template("'<|user|>' + '\n' + content + '<|end|>'"), "phi3");
  EXPECT_EQ(recognise_chat_template("'<|user|>\n' + content + eos_token"), "zephyr");
  EXPECT_EQ(recognise_chat_template(""), "");
  EXPECT_EQ(recognise_chat_template("{{ content }}"), "");
}

}  // namespace
}  // namespace phios
