#include "drivers/model/native/tokenizer/chat.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace phios {
namespace {

// A turn is: before_role, the role's name, after_role, newline(s), the text, end, after_end.
struct Form {
  std::string_view name;
  std::string_view sign;  // a template that contains this (and `sign_too`) is of this form
  std::string_view sign_too;
  std::array<std::string_view, 3> role_heads;  // special; of system, user, assistant
  std::string_view head_end;                   // special
  std::string_view after_head;                 // plain
  std::string_view end;                        // special
  std::string_view after_end;                  // plain
};

// A form without a head for the system's turn has its text in the first user's.
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

enum Role { kSystem, kUser, kAssistant };  // the order of role_heads

void add_head(const Form& form, Role role, Pieces& out) {
  out.special(form.role_heads[role]);
  out.special(form.head_end);
  out.plain(form.after_head);
}

void add_end(const Form& form, Pieces& out) {
  out.special(form.end);
  out.plain(form.after_end);
}

void add_turn(const Form& form, ChatTurn turn, std::string_view text, Pieces& out) {
  const bool system_in_user = form.role_heads[kSystem].empty();
  if (turn == ChatTurn::kSystem) {
    add_head(form, system_in_user ? kUser : kSystem, out);
    out.plain(text);
    if (system_in_user) return out.plain("\n\n");
    return add_end(form, out);
  }
  if (turn == ChatTurn::kNextUser) add_end(form, out);
  if (turn == ChatTurn::kNextUser || !system_in_user) add_head(form, kUser, out);
  out.plain(text);
  add_end(form, out);
  add_head(form, kAssistant, out);
}

// Llama 2 has no tokens for turns: "[INST]" is plain text, and only whole exchanges end and begin by a token.
void add_llama2_turn(ChatTurn turn, std::string_view text, Pieces& out) {
  switch (turn) {
    case ChatTurn::kSystem:
      out.plain("[INST] <<SYS>>\n");
      out.plain(text);
      return out.plain("\n<</SYS>>\n\n");
    case ChatTurn::kNextUser:
      out.plain(" ");
      out.special("</s><s>");
      out.plain("[INST] ");
      [[fallthrough]];
    case ChatTurn::kUser:
      out.plain(text);
      return out.plain(" [/INST]");
  }
}

}  // namespace

std::string_view recognise_chat_template(std::string_view jinja) {
  for (const Form& form : kForms)
    if (jinja.find(form.sign) != jinja.npos && jinja.find(form.sign_too) != jinja.npos) return form.name;
  return jinja.find(kLlama2Sign) != jinja.npos ? kLlama2 : std::string_view();
}

std::vector<ChatPiece> render_turn(std::string_view form, ChatTurn turn, std::string_view text) {
  Pieces out;
  const auto known =
      std::find_if(std::begin(kForms), std::end(kForms), [&](const Form& f) { return f.name == form; });
  if (known != std::end(kForms)) {
    add_turn(*known, turn, text, out);
  } else if (form == kLlama2) {
    add_llama2_turn(turn, text, out);
  } else {
    out.plain(text);
  }
  return out.take();
}

std::vector<Token> encode_pieces(const Tokenizer& tokenizer, std::span<const ChatPiece> pieces) {
  std::vector<Token> out;
  for (const ChatPiece& piece : pieces) {
    const std::vector<Token> tokens = tokenizer.encode(piece.text, piece.special);
    out.insert(out.end(), tokens.begin(), tokens.end());
  }
  return out;
}

}  // namespace phios
