#include "drivers/model/native/tokenizer/chat.h"

#include <fmt/format.h>

#include <array>

namespace phios {
namespace {

// A turn is: before_role, the role's name, after_role, newline(s), the text, end, after_end.
struct Form {
  std::string_view name;
  std::string_view sign;  // a template that contains this (and `sign_too`) is of this form
  std::string_view sign_too;
  std::array<std::string_view, 3>
      role_heads;               // special; of system, user, assistant. "" for system: see below
  std::string_view head_end;    // special
  std::string_view after_head;  // plain
  std::string_view end;         // special
  std::string_view after_end;   // plain
};

// A form without a head for the system's turn puts its text before the first user's.
constexpr Form kForms[] = {
    {"chatml",
     "<|im_start|>",
     "",
     {"<|im_start|>system", "<|im_start|>user", "<|im_start|>assistant"},
     "",
     "\n",
     "<|im_end|>",
     "\n"},
    {"llama3",
     "<|start_header_id|>",
     "",
     {"<|start_header_id|>system", "<|start_header_id|>user", "<|start_header_id|>assistant"},
     "<|end_header_id|>",
     "\n\n",
     "<|eot_id|>",
     ""},
    {"gemma",
     "<start_of_turn>",
     "",
     {"", "<start_of_turn>user", "<start_of_turn>model"},
     "",
     "\n",
     "<end_of_turn>",
     "\n"},
    {"phi3", "<|user|>", "<|end|>", {"<|system|>", "<|user|>", "<|assistant|>"}, "", "\n", "<|end|>", "\n"},
    {"zephyr", "<|user|>", "", {"<|system|>", "<|user|>", "<|assistant|>"}, "", "\n", "</s>", "\n"},
};
constexpr std::string_view kLlama2 = "llama2";
constexpr std::string_view kLlama2Sign = "[INST]";

class Pieces {
 public:
  void special(std::string_view text) { add(text, true); }
  void plain(std::string_view text) { add(text, false); }
  std::vector<ChatPiece> take() { return std::move(pieces_); }

 private:
  void add(std::string_view text, bool is_special) {
    if (text.empty()) return;
    if (!pieces_.empty() && pieces_.back().special == is_special) {
      pieces_.back().text += text;
    } else {
      pieces_.push_back({std::string(text), is_special});
    }
  }

  std::vector<ChatPiece> pieces_;
};

void add_head(const Form& form, ChatRole role, Pieces& out) {
  out.special(form.role_heads[static_cast<size_t>(role)]);
  out.special(form.head_end);
  out.plain(form.after_head);
}

std::vector<ChatPiece> render(const Form& form, std::span<const ChatMessage> messages) {
  Pieces out;
  const bool system_in_user = form.role_heads[0].empty() && messages.front().role == ChatRole::kSystem;
  for (size_t i = system_in_user ? 1 : 0; i < messages.size(); ++i) {
    add_head(form, messages[i].role, out);
    if (system_in_user && i == 1) {
      out.plain(messages[0].text);
      out.plain("\n\n");
    }
    out.plain(messages[i].text);
    out.special(form.end);
    out.plain(form.after_end);
  }
  if (messages.back().role != ChatRole::kAssistant) add_head(form, ChatRole::kAssistant, out);
  return out.take();
}

// Llama 2 has no tokens for turns: "[INST]" is plain text, and only whole exchanges end and begin by a token.
std::vector<ChatPiece> render_llama2(std::span<const ChatMessage> messages) {
  Pieces out;
  std::string system;
  bool fresh = true;
  for (const ChatMessage& message : messages) {
    if (message.role == ChatRole::kSystem) {
      system = "<<SYS>>\n" + message.text + "\n<</SYS>>\n\n";
    } else if (message.role == ChatRole::kUser) {
      if (!fresh) out.special("<s>");
      out.plain("[INST] " + system + message.text + " [/INST]");
      system.clear();
      fresh = true;
    } else {
      out.plain(" " + message.text + " ");
      out.special("</s>");
      fresh = false;
    }
  }
  return out.take();
}

Status check_order(std::span<const ChatMessage> messages) {
  if (messages.empty()) return fail(ErrorCode::EINVAL_, "chat: no message");
  for (size_t i = 1; i < messages.size(); ++i)
    if (messages[i].role == ChatRole::kSystem)
      return fail(ErrorCode::EINVAL_,
                  fmt::format("chat: message {} is the system's; it may only come first", i));
  if (messages.front().role == ChatRole::kSystem &&
      (messages.size() < 2 || messages[1].role != ChatRole::kUser))
    return fail(ErrorCode::EINVAL_, "chat: a user's message must follow the system's");
  return {};
}

}  // namespace

std::string_view recognise_chat_template(std::string_view jinja) {
  for (const Form& form : kForms)
    if (jinja.find(form.sign) != jinja.npos && jinja.find(form.sign_too) != jinja.npos) return form.name;
  return jinja.find(kLlama2Sign) != jinja.npos ? kLlama2 : std::string_view();
}

Result<std::vector<ChatPiece>> render_chat(std::string_view chat_template,
                                           std::span<const ChatMessage> messages) {
  TRY(check_order(messages));
  if (chat_template == kLlama2) return render_llama2(messages);
  for (const Form& form : kForms)
    if (form.name == chat_template) return render(form, messages);
  return fail(ErrorCode::EINVAL_, fmt::format("chat: no form of dialogue named \"{}\"", chat_template));
}

std::vector<Token> encode_chat(const Tokenizer& tokenizer, std::span<const ChatPiece> pieces) {
  std::vector<Token> out;
  for (const ChatPiece& piece : pieces) {
    const std::vector<Token> tokens = tokenizer.encode(piece.text, piece.special);
    out.insert(out.end(), tokens.begin(), tokens.end());
  }
  return out;
}

}  // namespace phios
