#include "eval/normalize.h"

#include <utf8proc.h>

#include <algorithm>
#include <span>

#include "bertft/eval/metric.h"
#include "bertft/util/text.h"

// The Unicode rules are those of Python's str, tried against CPython 3.11 (Unicode 14.0) on
// every code point (tests/parity/metric_parity.py). utf8proc 2.8 has the tables of 15.0, as Python 3.12 has, 2.9 those
// of 15.1, as 3.13, and 2.10 those of 16.0, as 3.14: but for U+1171E in the last only code points that 14.0 leaves
// unassigned differ from 3.11.

namespace bertft::eval {
namespace {

struct Range {
  char32_t first, last;
};

// Cased (Unicode 15, 3.13 D135) beyond the categories Lu, Ll and Lt: ordinal indicators, Roman
// numerals, circled and squared letters.
constexpr Range kOtherCased[] = {{0xAA, 0xAA},       {0xBA, 0xBA},       {0x2160, 0x217F},  {0x24B6, 0x24E9},
                                 {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189}};

// Case_Ignorable (D136) beyond Mn, Me, Cf, Lm and Sk: Word_Break MidLetter, MidNumLet, Single_Quote.
constexpr Range kOtherIgnorable[] = {{0x27, 0x27},     {0x2E, 0x2E},     {0x3A, 0x3A},     {0xB7, 0xB7},
                                     {0x387, 0x387},   {0x55F, 0x55F},   {0x5F4, 0x5F4},   {0x2018, 0x2019},
                                     {0x2024, 0x2024}, {0x2027, 0x2027}, {0xFE13, 0xFE13}, {0xFE52, 0xFE52},
                                     {0xFE55, 0xFE55}, {0xFF07, 0xFF07}, {0xFF0E, 0xFF0E}, {0xFF1A, 0xFF1A}};

bool is_in(std::span<const Range> ranges, char32_t c) {
  return std::any_of(ranges.begin(), ranges.end(), [c](Range r) { return r.first <= c && c <= r.last; });
}

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

bool is_case_ignorable(char32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return is_in(kOtherIgnorable, c);
  }
}

bool is_cased(char32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
      return true;
    default:
      return is_in(kOtherCased, c);
  }
}

// Final_Sigma (Unicode 15, table 3-17): a letter with case before it and none after it, both
// looked for across case-ignorable characters.
bool is_final_sigma(std::u32string_view text, std::size_t idx) {
  const auto cased_next = [](auto begin, auto end) {
    const auto next = std::find_if_not(begin, end, is_case_ignorable);
    return next != end && is_cased(*next);
  };
  const std::u32string_view before = text.substr(0, idx);
  const std::u32string_view after = text.substr(idx + 1);
  return cased_next(before.rbegin(), before.rend()) && !cased_next(after.begin(), after.end());
}

// string.punctuation: what ASCII has between its letters, digits and controls.
bool is_ascii_punctuation(char32_t c) {
  return (c > 0x20 && c < U'0') || (c > U'9' && c < U'A') || (c > U'Z' && c < U'a') || (c > U'z' && c < 0x7F);
}

// re.sub(r"\b(a|an|the)\b", " ", text) up to the number of spaces: such a match is always a
// maximal run of word characters.
void blank_articles(std::u32string& text) {
  for (auto begin = text.begin(); begin != text.end();) {
    begin = std::find_if(begin, text.end(), is_python_word);
    const auto end = std::find_if_not(begin, text.end(), is_python_word);
    const std::u32string_view word(begin, end);
    if (word == U"a" || word == U"an" || word == U"the") std::fill(begin, end, U' ');
    begin = end;
  }
}

// ' '.join(text.split()), as UTF-8.
std::string join_words(std::u32string_view text) {
  std::string joined;
  bool word_ended = false;
  for (const char32_t c : text) {
    if (is_python_space(c)) {
      word_ended = !joined.empty();
      continue;
    }
    if (word_ended) joined += ' ';
    word_ended = false;
    append_utf8(joined, c);
  }
  return joined;
}

}  // namespace

std::u32string python_lower(std::u32string_view text) {
  std::u32string lower;
  lower.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
      case U'\u0130':
        lower += U"i\u0307";
        break;
      case U'\u03A3':
        lower += is_final_sigma(text, i) ? U'\u03C2' : U'\u03C3';
        break;
      default:
        lower += static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(text[i])));
    }
  }
  return lower;
}

bool is_python_word(char32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return true;
    default:
      return c == U'_';
  }
}

std::string normalize_answer(std::string_view text) {
  std::u32string code_points;
  for (std::size_t pos = 0; pos < text.size();) code_points += next_code_point(text, pos);
  std::u32string stripped = python_lower(code_points);
  std::erase_if(stripped, is_ascii_punctuation);
  blank_articles(stripped);
  return join_words(stripped);
}

}  // namespace bertft::eval
