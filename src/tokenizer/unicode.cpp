#include "tokenizer/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "tokenizer/unicode_exceptions.h"

namespace bertft::tokenizer {
namespace {

constexpr char32_t kCodePoints = 0x110000;
constexpr char32_t kCapitalIWithDot = 0x130;
constexpr std::uint8_t kAllFlags = 0xFF;

constexpr CodePointRange kWhiteSpaceRanges[] = {{0x09, 0x0D},     {0x20, 0x20},     {0x85, 0x85},     {0xA0, 0xA0},
                                                {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F},
                                                {0x205F, 0x205F}, {0x3000, 0x3000}};
constexpr CodePointRange kIdeographRanges[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},
                                               {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F}, {0x2B740, 0x2CEAF},
                                               {0x2F800, 0x2FA1F}};
constexpr CodePointRange kAsciiPunctuationRanges[] = {{0x21, 0x2F}, {0x3A, 0x40}, {0x5B, 0x60}, {0x7B, 0x7E}};
constexpr CodePointRange kHangulSyllables = {0xAC00, 0xD7A3};  // decomposed by rule, not by table

constexpr std::uint8_t flags_of_category(utf8proc_category_t category) {
  switch (category) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CO:
      return kDropped;
    case UTF8PROC_CATEGORY_MN:
      return kAccent;
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
      return kPunctuation;
    default:
      return 0;
  }
}

std::uint8_t flags_in_utf8proc(char32_t code_point) {
  const auto c = static_cast<utf8proc_int32_t>(code_point);
  const utf8proc_property_t& property = *utf8proc_get_property(c);
  std::uint8_t flags = flags_of_category(static_cast<utf8proc_category_t>(property.category));
  if (property.combining_class != 0) flags |= kNonStarter;
  const bool has_mapping = property.decomp_seqindex != UINT16_MAX;
  if (has_mapping && property.decomp_type == 0) flags |= kDecomposes;  // a type means compatibility
  if (property.lowercase_seqindex != UINT16_MAX && utf8proc_tolower(c) != c) flags |= kUpper;
  return flags;
}

class FlagTable {
 public:
  FlagTable() : flags_(kCodePoints) {
    for (char32_t c = 0; c < kCodePoints; ++c) flags_[c] = flags_in_utf8proc(c);
    for (const CodePointRange& range : kUnassigned) set(range, kAllFlags, false);
    for (const CodePointRange& range : kWhiteSpaceRanges) set(range, kWhiteSpace, true);
    for (const CodePointRange& range : kIdeographRanges) set(range, kIdeograph, true);
    for (const CodePointRange& range : kAsciiPunctuationRanges) set(range, kPunctuation, true);
    set(kHangulSyllables, kDecomposes, true);
    set({0xFFFD, 0xFFFD}, kDropped, true);
    for (const char32_t kept : {U'\t', U'\n', U'\r'}) set({kept, kept}, kDropped, false);
    correct(kDropExceptions, kDropped);
    correct(kMarkExceptions, kAccent);
    correct(kPunctExceptions, kPunctuation);
    correct(kCjkExceptions, kIdeograph);
    correct(kReorderExceptions, kNonStarter);
    correct(kDecomposeExceptions, kDecomposes);
    for (const LowerException& e : kLowerExceptions) set({e.first, e.last}, kUpper, true);
  }

  std::span<const std::uint8_t> flags() const { return flags_; }

 private:
  void set(CodePointRange range, std::uint8_t flag, bool value) {
    for (char32_t c = range.first; c <= range.last; ++c) {
      flags_[c] = static_cast<std::uint8_t>(value ? flags_[c] | flag : flags_[c] & ~flag);
    }
  }

  void correct(std::span<const FlagException> exceptions, std::uint8_t flag) {
    for (const FlagException& e : exceptions) set({e.first, e.last}, flag, e.value);
  }

  std::vector<std::uint8_t> flags_;
};

SplitClass split_class_in_utf8proc(char32_t code_point) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code_point))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return SplitClass::kLetter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return SplitClass::kNumber;
    default:
      return SplitClass::kOther;
  }
}

std::vector<SplitClass> make_split_classes() {
  std::vector<SplitClass> classes(kCodePoints);
  const auto set = [&](std::span<const CodePointRange> ranges, SplitClass value) {
    for (const CodePointRange& range : ranges) {
      std::fill(classes.begin() + range.first, classes.begin() + range.last + 1, value);
    }
  };
  for (char32_t c = 0; c < kCodePoints; ++c) classes[c] = split_class_in_utf8proc(c);
  set(kUnassigned, SplitClass::kOther);
  set(kWhiteSpaceRanges, SplitClass::kWhiteSpace);
  set(kLaterLetters, SplitClass::kLetter);
  set(kLaterNumbers, SplitClass::kNumber);
  return classes;
}

// The ranges are in order.
bool is_in(std::span<const CodePointRange> ranges, char32_t code_point) {
  const auto next = std::ranges::upper_bound(ranges, code_point, {}, &CodePointRange::first);
  return next != ranges.begin() && code_point <= std::prev(next)->last;
}

template <std::size_t kMaxSize>
std::span<const char32_t> decomposition(char32_t code_point, int options, std::array<char32_t, kMaxSize>& out) {
  std::array<utf8proc_int32_t, kMaxSize> mapped;
  const utf8proc_ssize_t size =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code_point), mapped.data(), mapped.size(),
                              static_cast<utf8proc_option_t>(options), nullptr);
  for (utf8proc_ssize_t i = 0; i < size; ++i) {
    out[static_cast<std::size_t>(i)] = static_cast<char32_t>(mapped[static_cast<std::size_t>(i)]);
  }
  return std::span(out).first(static_cast<std::size_t>(size));
}

}  // namespace

std::span<const std::uint8_t> code_point_flags() {
  static const FlagTable table;
  return table.flags();
}

std::span<const SplitClass> split_classes() {
  static const std::vector<SplitClass> classes = make_split_classes();
  return classes;
}

std::uint8_t combining_class(char32_t code_point) {
  if ((code_point_flags()[code_point] & kNonStarter) == 0) return 0;
  return static_cast<std::uint8_t>(utf8proc_get_property(static_cast<utf8proc_int32_t>(code_point))->combining_class);
}

std::span<const char32_t> canonical_decomposition(char32_t code_point, std::array<char32_t, 4>& out) {
  out[0] = code_point;
  if ((code_point_flags()[code_point] & kDecomposes) == 0) return std::span(out).first(1);
  return decomposition(code_point, UTF8PROC_DECOMPOSE, out);
}

std::span<const char32_t> compatibility_decomposition(char32_t code_point, std::array<char32_t, 18>& out) {
  out[0] = code_point;
  if (is_in(kUndecomposed, code_point) || is_in(kUnassigned, code_point)) return std::span(out).first(1);
  return decomposition(code_point, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, out);
}

bool is_mark(char32_t code_point) {
  for (const FlagException& e : kAnymarkExceptions) {
    if (e.first <= code_point && code_point <= e.last) return e.value;
  }
  if (is_in(kUnassigned, code_point)) return false;
  const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(code_point));
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC || category == UTF8PROC_CATEGORY_ME;
}

std::span<const char32_t> lower_case(char32_t code_point, std::array<char32_t, 2>& out) {
  out[0] = code_point;
  if ((code_point_flags()[code_point] & kUpper) == 0) return std::span(out).first(1);
  if (code_point == kCapitalIWithDot) {
    out = {U'i', 0x307};  // the only full mapping that is longer than the simple one
    return out;
  }
  for (const LowerException& e : kLowerExceptions) {
    if (e.first <= code_point && code_point <= e.last) {
      out[0] = e.lower_of_first + (code_point - e.first);
      return std::span(out).first(1);
    }
  }
  out[0] = static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code_point)));
  return std::span(out).first(1);
}

}  // namespace bertft::tokenizer
