// Chat: the turns of a dialogue in the form that a chat model was trained on, as pieces of text of which only
// the model's own markers may become special tokens. What users, tools or documents wrote never does.
//
// Ownership, threads: plain values, pure functions. Errors: none: a form that is not known has no markers.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/api/model.h"

namespace phios {

struct ChatPiece {
  std::string text;
  bool special = false;  // a marker of the template, to be encoded with parse_special
  bool operator==(const ChatPiece&) const = default;
};

// The form that a model file's Jinja template (tokenizer.chat_template) describes: "chatml", "llama3",
// "llama2", "zephyr", "gemma", "phi3", or "" (none of these).
std::string_view recognise_chat_template(std::string_view jinja);

// One turn, without BOS, which Tokenizer::adds_bos decides. No two plain pieces stand side by side.
std::vector<ChatPiece> render_turn(std::string_view form, ChatTurn turn, std::string_view text);

std::vector<Token> encode_pieces(const Tokenizer& tokenizer, std::span<const ChatPiece> pieces);

}  // namespace phios
