#include "drivers/tool/calc_number.h"

#include <algorithm>
#include <cstdlib>

#include "fmt/format.h"

namespace phios::calc {

namespace {

size_t bits(const mpz_class& n) { return mpz_sizeinbase(n.get_mpz_t(), 2); }
size_t bits(const mpq_class& q) { return std::max(bits(q.get_num()), bits(q.get_den())); }
bool is_integer(const mpq_class& q) { return q.get_den() == 1; }

std::unexpected<Error> too_big() {
  return fail(ErrorCode::ETOOBIG_, fmt::format("a number of more than {} digits", kDigitsMax));
}

mpz_class power_of_ten(unsigned long exponent) {
  mpz_class out;
  mpz_ui_pow_ui(out.get_mpz_t(), 10, exponent);
  return out;
}

}  // namespace

mpq_class floor(const mpq_class& a) {
  mpz_class out;
  mpz_fdiv_q(out.get_mpz_t(), a.get_num_mpz_t(), a.get_den_mpz_t());
  return out;
}

mpq_class ceil(const mpq_class& a) {
  mpz_class out;
  mpz_cdiv_q(out.get_mpz_t(), a.get_num_mpz_t(), a.get_den_mpz_t());
  return out;
}

Status Arithmetic::charge(size_t amount) {
  work_ += amount;
  if (work_ > kWorkMax) return fail(ErrorCode::ETOOBIG_, "the calculation is too long");
  return {};
}

Result<mpq_class> Arithmetic::checked(mpq_class result) {
  if (bits(result) > kBitsMax) return too_big();
  return result;
}

Result<mpq_class> Arithmetic::add(const mpq_class& a, const mpq_class& b) {
  TRY(charge(bits(a) + bits(b)));
  return checked(a + b);
}

Result<mpq_class> Arithmetic::subtract(const mpq_class& a, const mpq_class& b) {
  TRY(charge(bits(a) + bits(b)));
  return checked(a - b);
}

Result<mpq_class> Arithmetic::multiply(const mpq_class& a, const mpq_class& b) {
  TRY(charge(bits(a) + bits(b)));
  return checked(a * b);
}

Result<mpq_class> Arithmetic::divide(const mpq_class& a, const mpq_class& b) {
  if (b == 0) return fail(ErrorCode::EINVAL_, "division by zero");
  TRY(charge(bits(a) + bits(b)));
  return checked(a / b);
}

Result<mpq_class> Arithmetic::floor_divide(const mpq_class& a, const mpq_class& b) {
  return floor(TRY(divide(a, b)));
}

Result<mpq_class> Arithmetic::modulo(const mpq_class& a, const mpq_class& b) {
  const mpq_class quotient = TRY(floor_divide(a, b));
  return checked(a - b * quotient);
}

Result<mpq_class> Arithmetic::power(const mpq_class& base, const mpq_class& exponent) {
  if (!is_integer(exponent)) {
    return fail(ErrorCode::EINVAL_,
                fmt::format("the exponent {} is no integer; there is sqrt(x)", print(exponent)));
  }
  const mpz_class& e = exponent.get_num();
  if (base == 0 && e < 0) return fail(ErrorCode::EINVAL_, "division by zero: 0 to a negative power");
  if (e == 0 || base == 1) return mpq_class(1);
  if (base == 0) return base;
  if (base == -1) return mpq_class(mpz_even_p(e.get_mpz_t()) != 0 ? 1 : -1);
  const mpz_class size = abs(e);
  // A number of n bits to the power e has more than (n - 1) e of them.
  if (size > kBitsMax || (bits(base) - 1) * size.get_ui() > kBitsMax) return too_big();
  TRY(charge(bits(base) * size.get_ui()));
  mpz_class numerator;
  mpz_class denominator;
  mpz_pow_ui(numerator.get_mpz_t(), base.get_num_mpz_t(), size.get_ui());
  mpz_pow_ui(denominator.get_mpz_t(), base.get_den_mpz_t(), size.get_ui());
  mpq_class out = e < 0 ? mpq_class(denominator, numerator) : mpq_class(numerator, denominator);
  out.canonicalize();
  return checked(std::move(out));
}

Result<mpq_class> Arithmetic::round(const mpq_class& a, const mpq_class& places) {
  if (!is_integer(places) || abs(places) > kPlacesMax) {
    return fail(ErrorCode::EINVAL_,
                fmt::format("round() goes to an integer of at most {} places", kPlacesMax));
  }
  const long n = places.get_num().get_si();
  const mpq_class unit = power_of_ten(static_cast<unsigned long>(std::labs(n)));
  const mpq_class scaled = n < 0 ? TRY(divide(a, unit)) : TRY(multiply(a, unit));
  const mpq_class half(1, 2);
  const mpq_class whole = scaled < 0 ? ceil(scaled - half) : floor(scaled + half);
  return n < 0 ? multiply(whole, unit) : divide(whole, unit);
}

Result<mpq_class> Arithmetic::root(const mpq_class& a) {
  TRY(charge(bits(a)));
  const bool exact =
      a >= 0 && mpz_perfect_square_p(a.get_num_mpz_t()) != 0 && mpz_perfect_square_p(a.get_den_mpz_t()) != 0;
  if (!exact) return fail(ErrorCode::EINVAL_, "sqrt() has no exact value here");
  return mpq_class(sqrt(a.get_num()), sqrt(a.get_den()));
}

Result<mpq_class> Arithmetic::gcd(const mpq_class& a, const mpq_class& b) {
  if (!is_integer(a) || !is_integer(b)) return fail(ErrorCode::EINVAL_, "gcd() and lcm() take integers");
  TRY(charge(bits(a) + bits(b)));
  return mpq_class(::gcd(a.get_num(), b.get_num()));
}

Result<mpq_class> Arithmetic::lcm(const mpq_class& a, const mpq_class& b) {
  TRY(gcd(a, b));
  return checked(mpq_class(::lcm(a.get_num(), b.get_num())));
}

Result<mpq_class> parse_decimal(std::string_view digits, long exponent) {
  if (digits.size() > kDigitsMax + 1 || std::labs(exponent) > static_cast<long>(kDigitsMax)) return too_big();
  std::string plain;
  const size_t point = digits.find('.');
  for (const char c : digits) {
    if (c != '.') plain += c;
  }
  if (point != std::string_view::npos) exponent -= static_cast<long>(digits.size() - point - 1);
  mpq_class out{mpz_class(plain, 10)};
  const mpz_class unit = power_of_ten(static_cast<unsigned long>(std::labs(exponent)));
  if (exponent < 0) {
    out /= unit;
  } else {
    out *= unit;
  }
  if (bits(out) > kBitsMax) return too_big();
  return out;
}

std::string print(const mpq_class& number) {
  mpz_class rest = number.get_den();
  const unsigned long twos = mpz_scan1(rest.get_mpz_t(), 0);
  mpz_fdiv_q_2exp(rest.get_mpz_t(), rest.get_mpz_t(), twos);
  const unsigned long fives = mpz_remove(rest.get_mpz_t(), rest.get_mpz_t(), mpz_class(5).get_mpz_t());
  const unsigned long places = std::max(twos, fives);
  if (rest != 1 || places > kDigitsMax) return number.get_str();
  if (places == 0) return number.get_num().get_str();
  const mpz_class scaled = abs(number.get_num()) * power_of_ten(places) / number.get_den();
  std::string digits = scaled.get_str();
  if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
  digits.insert(digits.size() - places, 1, '.');
  return (number < 0 ? "-" : "") + digits;
}

}  // namespace phios::calc
