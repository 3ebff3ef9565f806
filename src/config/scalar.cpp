#include "config/scalar.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "bertft/util/memory_amount.h"
#include "bertft/util/text.h"

namespace bertft::config {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view without_sign(std::string_view text) {
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) text.remove_prefix(1);
  return text;
}

constexpr double kLargestExact = 9007199254740992.0;  // 2^53: up to there a double holds every integer

// Integers in digits keep all 64 bits; forms such as 30.0 and 1e3 count when they are whole
// and small enough that a double did not round them.
std::optional<std::int64_t> read_integer(std::string_view text) {
  const std::string_view digits = without_sign(text);
  if (!digits.empty() && std::all_of(digits.begin(), digits.end(), is_digit)) {
    if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
    std::int64_t value = 0;
    const char* begin = text.front() == '+' ? text.data() + 1 : text.data();
    const auto [end, error] = std::from_chars(begin, text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
  }
  const std::optional<double> number = read_number(text);
  if (!number || *number != std::trunc(*number) || std::abs(*number) > kLargestExact) return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

bool in_range(const Option& option, double x) {
  return (!option.at_least || x >= *option.at_least) && (!option.above || x > *option.above) &&
         (!option.at_most || x <= *option.at_most) && (!option.below || x < *option.below);
}

template <class Number>
std::optional<Value> checked(const Field& field, std::optional<Number> number) {
  if (!number) return std::nullopt;
  const auto x = static_cast<double>(*number);
  if (field.is_optional && field.option.read_as_unset == x) return Value{};
  if (!in_range(field.option, x)) return std::nullopt;
  return Value{*number};
}

std::string expected_number(const Field& field) {
  const Option& o = field.option;
  const std::string_view noun = field.kind == Kind::kInteger ? "integer" : "number";
  const bool is_bounded_above = o.at_most || o.below;
  const bool is_positive = o.above == 0.0 || (field.kind == Kind::kInteger && o.at_least == 1.0);
  if (is_positive && !is_bounded_above) return fmt::format("a positive {}", noun);
  if (o.at_least == 0.0 && !is_bounded_above) return fmt::format("a non-negative {}", noun);
  std::vector<std::string> bounds;
  if (o.at_least) bounds.push_back("of at least " + written(*o.at_least));
  if (o.above) bounds.push_back("above " + written(*o.above));
  if (o.at_most) bounds.push_back("of at most " + written(*o.at_most));
  if (o.below) bounds.push_back("below " + written(*o.below));
  return fmt::format("{} {}{}{}", field.kind == Kind::kInteger ? "an" : "a", noun, bounds.empty() ? "" : " ",
                     fmt::join(bounds, " and "));
}

std::string listed(std::vector<std::string_view> words) {
  const std::string_view last = words.back();
  words.pop_back();
  return words.empty() ? std::string(last) : fmt::format("{} or {}", fmt::join(words, ", "), last);
}

std::string expected(const Field& field) {
  if (field.kind == Kind::kBool || field.kind == Kind::kName) {
    auto words = field.kind == Kind::kBool ? std::vector<std::string_view>{"true", "false"} : field.names;
    if (field.is_optional) words.push_back(field.option.unset_name);
    return listed(words);
  }
  const std::string what = field.kind != Kind::kText       ? expected_number(field)
                           : field.option.is_memory_amount ? std::string(kMemoryAmountForm)
                           : field.option.is_path          ? "a path"
                                                           : "text";
  return field.is_optional ? fmt::format("{} or {}", what, field.option.unset_name) : what;
}

// What is wrong with a whole number that no option holds; empty: nothing.
std::string integer_hint(std::string_view text) {
  constexpr double kTooLarge = 9223372036854775808.0;  // 2^63
  const double number = read_number(text).value_or(0);
  if (number >= kTooLarge) return "; that is too large";
  return number > kLargestExact && !read_integer(text) ? "; write all of its digits" : "";
}

// Forms that other readers take for a number, and what to write instead.
std::string number_hint(std::string_view text) {
  std::string digits(text);
  std::erase(digits, '_');
  if (digits != text && read_number(digits)) return fmt::format("; write {}", digits);
  const bool is_negative = text.starts_with('-');
  std::string_view bare = without_sign(text);
  while (bare.size() > 1 && bare.front() == '0' && is_digit(bare[1])) bare.remove_prefix(1);
  if (bare.size() != without_sign(text).size() && read_number(bare)) {
    return fmt::format("; write {}{} (some YAML readers take a leading 0 for octal)", is_negative ? "-" : "", bare);
  }
  return "";
}

// Python's YAML reads an unquoted `no` or `off` as false, and writes that.
std::optional<Value> name_for_false(const Field& field, std::string_view text) {
  if (to_lower_ascii(text) != "false") return std::nullopt;
  for (const std::string_view name : field.names) {
    if (read_bool(name) == false) return Value{std::string(name)};
  }
  return field.is_optional && read_bool(field.option.unset_name) == false ? std::optional(Value{}) : std::nullopt;
}

// What is wrong with the text of an amount of memory; empty: nothing.
std::string wrong_with_amount(const Option& option, std::string_view text) {
  const auto amount = read_memory_amount(text);
  if (const auto* wrong = std::get_if<std::string>(&amount)) return *wrong;
  return option.above && std::get<MemoryAmount>(amount).number <= *option.above ? "that leaves no memory" : "";
}

}  // namespace

std::optional<double> read_number(std::string_view text) {
  const std::string_view bare = without_sign(text);
  if (bare.empty() || (!is_digit(bare.front()) && bare.front() != '.')) return std::nullopt;
  if (bare.size() > 1 && bare.front() == '0' && is_digit(bare[1])) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(bare.data(), bare.data() + bare.size(), value);
  if (error != std::errc{} || end != bare.data() + bare.size()) return std::nullopt;
  return text.front() == '-' ? -value : value;
}

std::optional<bool> read_bool(std::string_view text) {
  const std::string word = to_lower_ascii(text);
  if (word == "true" || word == "yes" || word == "on" || word == "1") return true;
  if (word == "false" || word == "no" || word == "off" || word == "0") return false;
  return std::nullopt;
}

bool is_null(const Scalar& scalar) {
  return scalar.form == Scalar::Form::kPlain && (scalar.text.empty() || scalar.text == "~" || scalar.text == "null" ||
                                                 scalar.text == "Null" || scalar.text == "NULL");
}

std::optional<Value> read_value(const Field& field, const Scalar& scalar) {
  const std::string& text = scalar.text;
  if (scalar.form == Scalar::Form::kList || scalar.form == Scalar::Form::kMap || text.empty()) return std::nullopt;
  const bool says_unset = is_null(scalar) || ((field.kind != Kind::kText || field.option.is_memory_amount) &&
                                              text == field.option.unset_name);
  if (says_unset) return field.is_optional ? std::optional<Value>(Value{}) : std::nullopt;
  switch (field.kind) {
    case Kind::kBool:
      if (const auto flag = read_bool(text)) return Value{*flag};
      return std::nullopt;
    case Kind::kInteger:
      return checked(field, read_integer(text));
    case Kind::kNumber:
      return checked(field, read_number(text));
    case Kind::kName: {
      const std::string_view prefix = field.option.ignored_prefix;
      std::string name = text.starts_with(prefix) ? text.substr(prefix.size()) : text;
      for (const auto& [other, ours] : field.option.other_names) {
        if (name == other) name = ours;
      }
      if (std::ranges::count(field.names, name) > 0) return Value{name};
      return name_for_false(field, text);
    }
    case Kind::kText:
      if (text.find('\0') != std::string::npos || find_invalid_utf8(text)) return std::nullopt;
      if (field.option.is_memory_amount && !wrong_with_amount(field.option, text).empty()) return std::nullopt;
      return Value{text};
  }
  return std::nullopt;
}

std::string complaint(std::string_view expected, const Scalar& scalar) {
  switch (scalar.form) {
    case Scalar::Form::kList:
      return fmt::format("expected {}, got a list", expected);
    case Scalar::Form::kMap:
      return fmt::format("expected {}, got a map", expected);
    default:
      break;
  }
  if (scalar.form == Scalar::Form::kPlain && scalar.text.empty())
    return fmt::format("expected {}, got nothing", expected);
  return fmt::format("expected {}, got '{}'", expected, printable(scalar.text));
}

std::string complaint(const Field& field, const Scalar& scalar) {
  std::string text = complaint(expected(field), scalar);
  if (scalar.text == "None" && field.is_optional) return text + "; YAML's word is null";
  if (field.kind == Kind::kInteger) {
    if (const std::string hint = integer_hint(scalar.text); !hint.empty()) return text + hint;
  }
  if (field.kind == Kind::kInteger || field.kind == Kind::kNumber) return text + number_hint(scalar.text);
  if (field.kind == Kind::kName) {
    if (const auto name = nearest(to_lower_ascii(scalar.text), field.names))
      return text + fmt::format("; did you mean '{}'?", *name);
  }
  if (field.kind == Kind::kText && find_invalid_utf8(scalar.text)) return text + "; it must be UTF-8";
  if (field.option.is_memory_amount) return text + "; " + wrong_with_amount(field.option, scalar.text);
  return text;
}

std::string written(double value) {
  return fmt::format("{}", value);
}

std::string written(const Field& field, const Value& value) {
  struct Writer {
    const Field& field;
    std::string operator()(std::monostate) const { return std::string(field.option.unset_name); }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
    std::string operator()(double number) const { return written(number); }
    std::string operator()(const std::string& text) const { return text; }
  };
  return std::visit(Writer{field}, value);
}

std::string short_range(const Field& field) {
  if (field.kind == Kind::kName) return fmt::format("{}", fmt::join(field.names, "|"));
  std::vector<std::string> bounds;
  const Option& o = field.option;
  if (o.at_least) bounds.push_back(">= " + written(*o.at_least));
  if (o.above) bounds.push_back("> " + written(*o.above));
  if (o.at_most) bounds.push_back("<= " + written(*o.at_most));
  if (o.below) bounds.push_back("< " + written(*o.below));
  return fmt::format("{}", fmt::join(bounds, ", "));
}

}  // namespace bertft::config
