#include "tokenizer/normalizer.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string>
#include <utility>

#include "bertft/util/text.h"
#include "tokenizer/unicode.h"

namespace bertft::tokenizer {
namespace {

using Char = AlignedText::Char;

bool has(char32_t code_point, std::uint8_t flag) {
  return (code_point_flags()[code_point] & flag) != 0;
}

// Puts a run of non-starters in canonical order. The crate then hands out the places by position:
// the n-th code point that was not inserted gets the n-th place, an inserted one that of its
// predecessor.
void reorder_run(std::span<Char> run, std::uint32_t predecessor) {
  std::vector<std::pair<std::uint8_t, std::size_t>> order;  // class, position: a stable order
  for (const Char& c : run) order.emplace_back(combining_class(c.code_point), order.size());
  if (std::is_sorted(order.begin(), order.end())) return;
  std::sort(order.begin(), order.end());

  const std::vector<Char> unsorted(run.begin(), run.end());
  auto next_place = unsorted.begin();
  for (std::size_t i = 0; i < run.size(); ++i) {
    run[i] = unsorted[order[i].second];
    if (!run[i].inserted) {
      next_place = std::find_if(next_place, unsorted.end(), [](const Char& c) { return !c.inserted; });
      predecessor = next_place++->source;
    }
    run[i].source = predecessor;
  }
}

}  // namespace

void AlignedText::clear() {
  chars_.clear();
  flags_ = 0;
}

void AlignedText::append(char32_t code_point, std::uint32_t source) {
  flags_ |= code_point_flags()[code_point];
  chars_.push_back({code_point, source, false});
}

void AlignedText::normalize(const NormalizerOptions& options) {
  if (options.strip_accents) {
    if ((flags_ & kDecomposes) != 0) decompose<4>(canonical_decomposition);
    if ((flags_ & kNonStarter) != 0) reorder();
    if ((flags_ & kAccent) != 0) strip_accents();
  }
  if (options.lowercase) lower_case();
}

void AlignedText::strip_compatibly() {
  decompose<18>(compatibility_decomposition);
  if ((flags_ & kNonStarter) != 0) reorder();
  std::erase_if(chars_, [](const Char& c) { return is_mark(c.code_point); });
}

template <std::size_t kMaxParts, class Decomposition>
void AlignedText::decompose(Decomposition&& decomposition) {
  scratch_.clear();
  std::array<char32_t, kMaxParts> parts;
  for (const Char& c : chars_) {
    bool inserted = false;
    for (const char32_t part : decomposition(c.code_point, parts)) {
      scratch_.push_back({part, c.source, inserted});
      flags_ |= code_point_flags()[part];
      inserted = true;
    }
  }
  chars_.swap(scratch_);
}

void AlignedText::reorder() {
  const auto is_non_starter = [](const Char& c) { return has(c.code_point, kNonStarter); };
  auto begin = std::find_if(chars_.begin(), chars_.end(), is_non_starter);
  while (begin != chars_.end()) {
    const auto end = std::find_if_not(begin, chars_.end(), is_non_starter);
    // At the very beginning the first code point of the run is not inserted, whatever the order.
    const std::uint32_t predecessor = begin == chars_.begin() ? begin->source : std::prev(begin)->source;
    if (end - begin > 1) reorder_run({begin, end}, predecessor);
    begin = std::find_if(end, chars_.end(), is_non_starter);
  }
}

void AlignedText::strip_accents() {
  std::erase_if(chars_, [](const Char& c) { return has(c.code_point, kAccent); });
}

void AlignedText::lower_case() {
  if ((flags_ & kUpper) == 0) return;
  scratch_.clear();
  std::array<char32_t, 2> parts;
  for (const Char& c : chars_) {
    for (const char32_t part : tokenizer::lower_case(c.code_point, parts)) scratch_.push_back({part, c.source, false});
  }
  chars_.swap(scratch_);
}

SimpleChars::SimpleChars(const NormalizerOptions& options)
    : all_flags_(code_point_flags()),
      changing_flags_(static_cast<std::uint8_t>((options.strip_accents ? kDecomposes | kNonStarter | kAccent : 0) |
                                                (options.lowercase ? kUpper : 0))),
      entries_(kEntries) {
  AlignedText text;
  std::string utf8;
  for (char32_t c = 0; c < kEntries; ++c) {
    text.clear();
    text.append(c, 0);
    text.normalize(options);
    const std::span<const Char> chars = text.chars();
    utf8.clear();
    if (!chars.empty()) append_utf8(utf8, chars.front().code_point);
    Entry& entry = entries_[c];
    const bool is_spoilt = std::any_of(
        chars.begin(), chars.end(), [](const Char& part) { return has(part.code_point, kNonStarter | kPunctuation); });
    entry.is_simple = chars.size() <= 1 && utf8.size() <= entry.utf8.size() && !is_spoilt && !has(c, kPunctuation);
    if (!entry.is_simple) continue;
    std::copy(utf8.begin(), utf8.end(), entry.utf8.begin());
    entry.size = static_cast<std::uint8_t>(utf8.size());
  }
}

}  // namespace bertft::tokenizer
