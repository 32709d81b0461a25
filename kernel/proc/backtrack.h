// Backtrack: the second thoughts of greedy decoding under a grammar.
//
// A mask can lead greedy decoding astray: the model leans to SEND a little more than to WRITE, emits the S,
// and finds that its rights admit only SELF there. So the closest choice of a frame is kept as a choice point
// while the frame is written. Where the mask refuses what the model likes best, that much of the branch's
// lead is gone; when it is used up, decoding goes back and takes the other branch. Once more, and then for
// good, when that one fares worse. A best-first search with a frontier of one, after grammar-aligned decoding
// (Park et al. 2024, arXiv:2405.21047); see docs/decisions/backtracking.md.
//
// Ownership: a plain value of one decoder. Threads: one at a time. Units: logits, differences of which are
// nats. Errors: none. Nothing allocates unless a choice is close.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "drivers/api/model.h"
#include "syscalls/codec/grammar.h"

namespace phios {

class Backtrack {
 public:
  static constexpr float kClose = 6;  // a runner-up that is e^6 times less likely is no choice

  // Where decoding goes on: the context is cut to `size`, the matcher is as it was there, `token` follows.
  struct Point {
    uint32_t size = 0;
    Matcher matcher;
    Token token = -1;
  };

  // `best`, the likeliest token that the matcher admits, is about to follow a context of `size` tokens. The
  // logits are as they were on return.
  void chose(std::span<float> logits, Matcher& matcher, Token best, uint32_t size);
  // A token followed without a choice.
  void judge(std::span<const float> logits, Token token);

  bool watches() const { return other_.has_value(); }                 // what follows is to be judged
  bool goes_back() const { return other_.has_value() && lead_ < 0; }  // the other branch is better now
  Point take_back();                                                  // asks for goes_back()

 private:
  std::optional<Point> other_;  // the branch not taken
  Token taken_ = -1;            // in its place
  Matcher place_;               // behind what was judged so far
  float lead_ = 0;              // of the present branch
  uint32_t turns_ = 0;
};

}  // namespace phios
