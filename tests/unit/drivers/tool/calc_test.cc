#include "drivers/tool/calc.h"

#include <gtest/gtest.h>

#include <ctime>

namespace phios::calc {
namespace {

std::string calc(const std::string& expression) {
  const auto value = calculate(expression);
  return value ? *value : std::string(error_name(value.error().code)) + " " + value.error().message;
}

TEST(Calc, IsExact) {
  EXPECT_EQ(calc("9.11 < 9.9"), "true");
  EXPECT_EQ(calc("9.9 - 9.11"), "0.79");
  EXPECT_EQ(calc("0.1+0.2"), "0.3");
  EXPECT_EQ(calc("0.1 + 0.2 == 0.3"), "true");
  EXPECT_EQ(calc("1/3"), "1/3");
  EXPECT_EQ(calc("1/3 + 1/6"), "0.5");
  EXPECT_EQ(calc("-1/8"), "-0.125");
  EXPECT_EQ(calc("-1/3"), "-1/3");
  EXPECT_EQ(calc("123456789012345678901234567890 * 987654321098765432109876543210"),
            "121932631137021795226185032733622923332237463801111263526900");
  EXPECT_EQ(calc("2^100"), "1267650600228229401496703205376");
  EXPECT_EQ(calc("2^-3"), "0.125");
  EXPECT_EQ(calc("0.001^2"), "0.000001");
  EXPECT_EQ(calc("1e3 + 2.5E-2"), "1000.025");
}

TEST(Calc, BindsAsPeopleDo) {
  EXPECT_EQ(calc("2 + 3 * 4"), "14");
  EXPECT_EQ(calc("(2 + 3) * 4"), "20");
  EXPECT_EQ(calc("-2^2"), "-4");
  EXPECT_EQ(calc("2^3^2"), "512");
  EXPECT_EQ(calc("2**3"), "8");
  EXPECT_EQ(calc("10 - 4 - 3"), "3");
  EXPECT_EQ(calc("100 / 10 / 5"), "2");
  EXPECT_EQ(calc("- - 3"), "3");
  EXPECT_EQ(calc("2 * -3"), "-6");
  EXPECT_EQ(calc("7 // 2 + 7 % 2"), "4");
  EXPECT_EQ(calc("-7 // 2"), "-4");
  EXPECT_EQ(calc("-7 % 2"), "1");
  EXPECT_EQ(calc("7 % (-2)"), "-1");
  EXPECT_EQ(calc("7.5 % 2"), "1.5");
}

TEST(Calc, ReadsWhatPeopleWrite) {
  EXPECT_EQ(calc("$1,234.50 × 2"), "2469");
  EXPECT_EQ(calc("1,000,000 ÷ 8"), "125000");
  EXPECT_EQ(calc("5 − 7"), "-2");
  EXPECT_EQ(calc("50% * 80"), "40");
  EXPECT_EQ(calc("200 * 15%"), "30");
  EXPECT_EQ(calc("100 + 5% "), "100.05");
  EXPECT_EQ(calc(".5 + 5."), "5.5");
  EXPECT_EQ(calc(" 7 "), "7");
  EXPECT_EQ(calc("max(1,200)"), "200");
  EXPECT_EQ(calc("3 ≤ 3"), "true");
  EXPECT_EQ(calc("1 != 1"), "false");
  EXPECT_EQ(calc("2 >= 3"), "false");
}

TEST(Calc, HasFunctions) {
  EXPECT_EQ(calc("min(3, 1, 2) + MAX(3, 1, 2)"), "4");
  EXPECT_EQ(calc("abs(-2.5)"), "2.5");
  EXPECT_EQ(calc("floor(-2.5) + ceil(-2.5)"), "-5");
  EXPECT_EQ(calc("round(2.5) + round(-2.5) + round(2.4)"), "2");
  EXPECT_EQ(calc("round(2/3, 4)"), "0.6667");
  EXPECT_EQ(calc("round(1234, -2)"), "1200");
  EXPECT_EQ(calc("trunc(-2.7)"), "-2");
  EXPECT_EQ(calc("gcd(12, 18, 27)"), "3");
  EXPECT_EQ(calc("lcm(4, 6)"), "12");
  EXPECT_EQ(calc("gcd(-4)"), "4");
  EXPECT_EQ(calc("sqrt(2.25)"), "1.5");
  EXPECT_EQ(calc("sum(1, 2, 3/4)"), "3.75");
  EXPECT_EQ(calc("sum(5)"), "5");
  EXPECT_EQ(calc("max(min(1, 2), (3))"), "3");
}

TEST(Calc, ErrorsNameTheColumn) {
  EXPECT_EQ(calc(""), "EPARSE column 1: a number, '(' or a function expected");
  EXPECT_EQ(calc("1 +"), "EPARSE column 4: a number, '(' or a function expected");
  EXPECT_EQ(calc("1 2"), "EPARSE column 3: an operator or the end expected");
  EXPECT_EQ(calc("(1"), "EPARSE column 3: ')' expected");
  EXPECT_EQ(calc("1 < 2 < 3"), "EPARSE column 7: an operator or the end expected: one comparison, no more");
  EXPECT_EQ(calc("1,00"), "EPARSE column 2: an operator or the end expected");
  EXPECT_EQ(calc("2 + x"),
            "EPARSE column 5: no function is called 'x'; there are abs ceil floor gcd lcm max min round sqrt "
            "sum trunc");
  EXPECT_EQ(calc("abs 1"), "EPARSE column 5: '(' expected after abs");
  EXPECT_EQ(calc("abs(1, 2)"), "EINVAL column 1: abs() does not take 2 arguments");
  EXPECT_EQ(calc("1 + 2/(3-3)"), "EINVAL column 6: division by zero");
  EXPECT_EQ(calc("5 % (1-1)"), "EINVAL column 3: division by zero");
  EXPECT_EQ(calc("0^-1"), "EINVAL column 2: division by zero: 0 to a negative power");
  EXPECT_EQ(calc("2^0.5"), "EINVAL column 2: the exponent 0.5 is no integer; there is sqrt(x)");
  EXPECT_EQ(calc("sqrt(2)"), "EINVAL column 1: sqrt() has no exact value here");
  EXPECT_EQ(calc("sqrt(-4)"), "EINVAL column 1: sqrt() has no exact value here");
  EXPECT_EQ(calc("gcd(1.5)"), "EINVAL column 1: gcd() and lcm() take integers");
  EXPECT_EQ(calc("1e"), "EPARSE column 3: the digits of an exponent expected");
  EXPECT_EQ(calc("."), "EPARSE column 2: a digit expected");
}

TEST(Calc, NothingRunsAway) {
  const std::clock_t began = std::clock();  // of our own work: the machine may be busy
  EXPECT_EQ(calc("9^9^9"), "ETOOBIG column 2: a number of more than 10000 digits");
  EXPECT_EQ(calc("2^(10^20)"), "ETOOBIG column 2: a number of more than 10000 digits");
  EXPECT_EQ(calc("1^(10^20)"), "1");
  EXPECT_EQ(calc("(-1)^(10^20 + 1)"), "-1");
  EXPECT_EQ(calc("1e999999"), "ETOOBIG column 1: a number of more than 10000 digits");
  EXPECT_EQ(calc("1e9999999999"), "ETOOBIG column 2: the exponent is too large");
  EXPECT_EQ(calc(std::string(10001, '9') + "." + std::string(3, '9')).substr(0, 7), "ETOOBIG");
  EXPECT_EQ(calc(std::string(5000, '(')), "EPARSE column 101: nested too deeply");
  EXPECT_EQ(calc(std::string(5000, '-') + "1"), "EPARSE column 101: nested too deeply");
  EXPECT_EQ(calc(std::string(20000, '1')), "ETOOBIG the expression has 20000 bytes, at most 16384");
  std::string long_work = "3^20000";
  for (int i = 0; i < 500; ++i) long_work += "*7/7";
  EXPECT_EQ(calc(long_work).substr(0, 7), "ETOOBIG");
  EXPECT_LT(std::clock() - began, 2 * CLOCKS_PER_SEC);
}

}  // namespace
}  // namespace phios::calc
