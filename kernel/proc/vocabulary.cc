#include "kernel/proc/vocabulary.h"

#include "syscalls/codec/chat.h"
#include "syscalls/codec/text.h"

namespace phios {

Vocabulary::Vocabulary(const Model& model)
    : model_(model),
      tokenizer_(model.tokenizer()),
      sys_(tokenizer_.marker(kMarkerSys)),
      end_(tokenizer_.marker(kMarkerEnd)),
      ret_(tokenizer_.marker(kMarkerRet)) {
  // Markers count as single tokens only all together: a frame is never half spelled.
  if (sys_ < 0 || end_ < 0 || ret_ < 0) sys_ = end_ = ret_ = -1;
}

std::vector<Token> Vocabulary::beginning() const {
  if (tokenizer_.adds_bos() && tokenizer_.bos() >= 0) return {tokenizer_.bos()};
  return {};
}

std::vector<Token> Vocabulary::opening(std::string_view base, const RightSet& rights) const {
  std::vector<Token> out = beginning();
  const std::vector<Token> text =
      taught() ? encode(base)
               : model_.encode_turn(ChatTurn::kSystem, system_prompt(rights) + std::string(base));
  out.insert(out.end(), text.begin(), text.end());
  return out;
}

std::vector<Token> Vocabulary::request(std::string_view text, bool first) const {
  if (taught()) return encode(text);
  return model_.encode_turn(first ? ChatTurn::kUser : ChatTurn::kNextUser, text);
}

void Vocabulary::append_marker(std::vector<Token>& out, Token token, std::string_view spelled) const {
  if (token >= 0) {
    out.push_back(token);
    return;
  }
  const std::vector<Token> tokens = encode(spelled);
  out.insert(out.end(), tokens.begin(), tokens.end());
}

std::vector<Token> Vocabulary::result(std::string_view text) const {
  std::vector<Token> out;
  append_marker(out, ret_, kMarkerRet);
  const std::vector<Token> body = encode(text);
  out.insert(out.end(), body.begin(), body.end());
  append_marker(out, end_, kMarkerEnd);
  return out;
}

}  // namespace phios
