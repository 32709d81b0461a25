// Exact rational arithmetic under a budget, and numbers as people write them.
//
// Threads: plain values; an Arithmetic is one calculation's. Units: bits, decimal digits. Errors: EINVAL_
// (division by zero, no such root), ETOOBIG_ (a number past kDigitsMax, a calculation past its work).
#pragma once

#include <gmpxx.h>

#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/result.h"

namespace phios::calc {

inline constexpr size_t kDigitsMax = 10'000;  // of a number's numerator and denominator
inline constexpr size_t kBitsMax = kDigitsMax * 3322 / 1000 + 1;
inline constexpr size_t kWorkMax = 4'000'000;  // bits handled by one calculation
inline constexpr long kPlacesMax = 1000;       // that round() rounds to

class Arithmetic {
 public:
  Result<mpq_class> add(const mpq_class& a, const mpq_class& b);
  Result<mpq_class> subtract(const mpq_class& a, const mpq_class& b);
  Result<mpq_class> multiply(const mpq_class& a, const mpq_class& b);
  Result<mpq_class> divide(const mpq_class& a, const mpq_class& b);
  // The remainder has the divisor's sign, as the quotient is rounded down: -7 // 2 = -4, -7 % 2 = 1.
  Result<mpq_class> floor_divide(const mpq_class& a, const mpq_class& b);
  Result<mpq_class> modulo(const mpq_class& a, const mpq_class& b);
  Result<mpq_class> power(const mpq_class& base, const mpq_class& exponent);
  // Halves go away from zero: round(2.5) = 3, round(-2.5) = -3. `places` after the point, or before it.
  Result<mpq_class> round(const mpq_class& a, const mpq_class& places);
  Result<mpq_class> root(const mpq_class& a);
  Result<mpq_class> gcd(const mpq_class& a, const mpq_class& b);
  Result<mpq_class> lcm(const mpq_class& a, const mpq_class& b);

 private:
  Status charge(size_t amount);
  Result<mpq_class> checked(mpq_class result);

  size_t work_ = 0;
};

mpq_class floor(const mpq_class& a);
mpq_class ceil(const mpq_class& a);

// Digits with at most one point, then the power of ten: "12.50" and 3 is 12500.
Result<mpq_class> parse_decimal(std::string_view digits, long exponent);

// A decimal where it ends, else a fraction in lowest terms: "0.3", "-7", "1/3".
std::string print(const mpq_class& number);

}  // namespace phios::calc
