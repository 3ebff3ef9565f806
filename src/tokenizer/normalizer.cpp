#include "tokenizer/normalizer.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

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
void reorder_run(std::span<Char> run, SourceChar predecessor) {
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

void AlignedText::append(char32_t code_point, SourceChar source) {
  flags_ |= code_point_flags()[code_point];
  chars_.push_back({code_point, source, false});
}

void AlignedText::normalize(const NormalizerOptions& options) {
  if (options.strip_accents) {
    if ((flags_ & kDecomposes) != 0) decompose();
    if ((flags_ & kNonStarter) != 0) reorder();
    if ((flags_ & kAccent) != 0) strip_accents();
  }
  if (options.lowercase && (flags_ & kUpper) != 0) lower_case();
}

void AlignedText::decompose() {
  scratch_.clear();
  std::array<char32_t, 4> parts;
  for (const Char& c : chars_) {
    bool inserted = false;
    for (const char32_t part : canonical_decomposition(c.code_point, parts)) {
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
    const SourceChar predecessor = begin == chars_.begin() ? begin->source : std::prev(begin)->source;
    if (end - begin > 1) reorder_run({begin, end}, predecessor);
    begin = std::find_if(end, chars_.end(), is_non_starter);
  }
}

void AlignedText::strip_accents() {
  std::erase_if(chars_, [](const Char& c) { return has(c.code_point, kAccent); });
}

void AlignedText::lower_case() {
  scratch_.clear();
  std::array<char32_t, 2> parts;
  for (const Char& c : chars_) {
    for (const char32_t part : tokenizer::lower_case(c.code_point, parts)) scratch_.push_back({part, c.source, false});
  }
  chars_.swap(scratch_);
}

}  // namespace bertft::tokenizer
