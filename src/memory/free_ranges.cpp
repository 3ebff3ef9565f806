#include "memory/free_ranges.h"

#include <algorithm>
#include <iterator>

namespace bertft::memory {

void FreeRanges::add(const Range& range) {
  const auto added = ranges_.emplace(range.begin, range.bytes).first;
  total_bytes_ += range.bytes;
  const auto join_next = [&](Ranges::iterator it) {
    const auto next = std::next(it);
    if (next == ranges_.end() || it->first + it->second != next->first) return;
    it->second += next->second;
    ranges_.erase(next);
  };
  join_next(added);
  if (added != ranges_.begin()) join_next(std::prev(added));
}

std::optional<Range> FreeRanges::take(std::uint64_t bytes) {
  auto best = ranges_.end();
  for (auto it = ranges_.begin(); it != ranges_.end(); ++it) {
    if (it->second >= bytes && (best == ranges_.end() || it->second < best->second)) best = it;
  }
  if (best == ranges_.end()) return std::nullopt;
  return take_from(best, bytes);
}

Range FreeRanges::take_of_smallest(std::uint64_t at_most) {
  const auto smallest = std::ranges::min_element(ranges_, {}, &Ranges::value_type::second);
  return take_from(smallest, std::min(smallest->second, at_most));
}

Range FreeRanges::take_from(Ranges::iterator range, std::uint64_t bytes) {
  auto node = ranges_.extract(range);  // used again for the rest: to take must not need memory
  const Range taken{node.key(), bytes};
  total_bytes_ -= bytes;
  if (node.mapped() > bytes) {
    node.key() += bytes;
    node.mapped() -= bytes;
    ranges_.insert(std::move(node));
  }
  return taken;
}

}  // namespace bertft::memory
