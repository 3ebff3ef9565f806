#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <initializer_list>

#include "bertft/util/byte_order_mark.h"
#include "bertft/util/foreign_file.h"
#include "bertft/util/json.h"
#include "bertft/util/text.h"

namespace bertft {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return text.starts_with(word); });
}

constexpr std::size_t kLongestCodePoint = 4;  // bytes

// A header of at least two columns, the first of them a word, or nothing, as an index has it.
bool begins_like_csv(std::string_view text) {
  const std::string_view header = first_line(text);
  return header.find_first_of(",;\t") != std::string_view::npos &&
         header.find_first_of("{[:") == std::string_view::npos &&
         (header.front() == ',' || std::isalpha(static_cast<unsigned char>(header.front())) != 0);
}

// Of the token at or around the place where reading ended.
std::string hint_of_token(std::string_view text, std::size_t offset) {
  const std::string_view here = text.substr(offset);
  const std::string_view token =
      offset == 0 ? here : text.substr(text.find_last_of(" \t\r\n,:[{", offset - 1) + 1);  // npos + 1 is 0
  const auto either = [&](std::initializer_list<std::string_view> words) {
    return starts_with_any(here, words) || starts_with_any(token, words);
  };
  if (here.starts_with('\'') || either({"None", "True", "False"})) {
    return "This looks like Python's repr; write the file with json.dump.";
  }
  if (either({"NaN", "Infinity", "-Infinity"})) return "JSON has no NaN or infinity.";
  if (either({"/", "#"})) return "JSON has no comments.";
  if (offset == 0 && begins_like_csv(text)) {
    return fmt::format("This looks like CSV: {}.", kTableAdvice);
  }
  const std::size_t before = offset == 0 ? std::string_view::npos : text.find_last_not_of(kBlank, offset - 1);
  const char previous = before == std::string_view::npos ? '\0' : text[before];
  if (starts_with_any(here, {"]", "}"})) {
    return previous == ',' ? "Remove the comma before the bracket." : "Is it a bracket too many?";
  }
  if (starts_with_any(here, {"{", "["}) && (previous == '}' || previous == ']')) {
    return "This looks like several documents, or like JSON lines, which have one row on each line.";
  }
  return {};
}

}  // namespace

// The library's message: "[json.exception.parse_error.101] parse error at line 1, column 2: syntax
// error while parsing value - invalid literal; last read: 'x'; expected ...".
std::string syntax_fault(const nlohmann::detail::exception& error) {
  const std::string_view message = error.what();
  const std::size_t last_read = message.find("; last read: '");
  const std::size_t expected = message.rfind("; expected ");
  std::string_view fault = message.substr(0, std::min(last_read, expected));
  for (const std::string_view lead : {"] ", ": ", " - "}) {
    const std::size_t at = fault.find(lead);
    if (at != std::string_view::npos) fault.remove_prefix(at + lead.size());
  }
  const std::string_view rest = expected == std::string_view::npos ? std::string_view{} : message.substr(expected);
  return printable(fault, 150) + printable(rest, 60);
}

std::string syntax_hint(std::string_view text, std::size_t offset) {
  if (const auto foreign = recognise_foreign_file(text)) {
    return fmt::format("The file is {}: {}.", foreign->what, foreign->advice);
  }
  offset = std::min(offset, text.size());
  const std::size_t begin = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  if (text.find_first_not_of(kBlank, begin) == std::string_view::npos) return "The file is empty.";
  if (text.find_first_not_of(kBlank, offset) == std::string_view::npos) return "It ends too early; was it cut off?";
  if (const auto bad = find_invalid_utf8(text); bad && offset <= *bad + kLongestCodePoint && *bad <= offset) {
    return "It is not UTF-8: convert it, for example with iconv.";
  }
  return hint_of_token(text, offset);
}

}  // namespace bertft
