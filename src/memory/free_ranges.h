#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

namespace bertft::memory {

struct Range {
  std::byte* begin;
  std::uint64_t bytes;
};

/// Ranges of memory that nobody uses. Neighbours become one, and of a range a part can be taken.
/// Every call looks through all of them: there are dozens, and at a tight limit some hundreds.
class FreeRanges {
 public:
  std::uint64_t total_bytes() const { return total_bytes_; }

  /// `range` overlaps none that is there. throws std::bad_alloc, and has changed nothing
  void add(const Range& range);

  /// The beginning of the smallest range of `bytes` or more; the rest of it stays.
  std::optional<Range> take(std::uint64_t bytes);

  /// The beginning of the smallest range, or all of it where it has no more than `at_most`. Not to be called where
  /// there is none.
  Range take_of_smallest(std::uint64_t at_most);

 private:
  using Ranges = std::map<std::byte*, std::uint64_t>;
  Range take_from(Ranges::iterator range, std::uint64_t bytes);

  Ranges ranges_;  // by address
  std::uint64_t total_bytes_ = 0;
};

}  // namespace bertft::memory
