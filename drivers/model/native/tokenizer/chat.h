// Chat: a dialogue in the form that a chat model was trained on, as pieces of text of which only the model's
// own markers may become special tokens. What users, tools or documents wrote never does.
//
// Ownership, threads: plain values, pure functions. Errors: EINVAL_ for a template or an order of roles that
// the form does not have.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/api/model.h"
#include "kernel/base/result.h"

namespace phios {

enum class ChatRole { kSystem, kUser, kAssistant };

struct ChatMessage {
  ChatRole role = ChatRole::kUser;
  std::string text;
};

struct ChatPiece {
  std::string text;
  bool special = false;  // a marker of the template, to be encoded with parse_special
  bool operator==(const ChatPiece&) const = default;
};

// The form that a model file's Jinja template (tokenizer.chat_template) describes: "chatml", "llama3",
// "llama2", "zephyr", "gemma", "phi3", or "" (none of these).
std::string_view recognise_chat_template(std::string_view jinja);

// A system message may only come first. If the last message is not the assistant's, the beginning of its
// answer follows. Without BOS, which Tokenizer::adds_bos decides. No two plain pieces stand side by side.
Result<std::vector<ChatPiece>> render_chat(std::string_view chat_template,
                                           std::span<const ChatMessage> messages);

std::vector<Token> encode_chat(const Tokenizer& tokenizer, std::span<const ChatPiece> pieces);

}  // namespace phios
