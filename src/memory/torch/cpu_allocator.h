#pragma once

#include <c10/core/Allocator.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <mutex>

#include "memory/free_ranges.h"

namespace bertft::memory {

/// LibTorch's memory on the CPU, within a limit. Linux itself does not refuse memory, it kills
/// the process that touches too much; this allocator throws c10::OutOfMemoryError before.
///
/// Large blocks are mapped, kept when they are freed, and cut out of what is kept, to the page:
/// what the process holds is what is in use and what is kept, together never above the limit, and
/// never above 5/4 of the most that was in use. (glibc's heap grew to three times the bytes in use
/// over an epoch of batches of all lengths.)
class CpuAllocator final : public c10::Allocator {
 public:
  static constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

  /// The one of this process, installed when first asked for. Tensors made before keep their own.
  static CpuAllocator& instance();

  /// throws c10::OutOfMemoryError
  c10::DataPtr allocate(std::size_t bytes) override;
  c10::DeleterFnPtr raw_deleter() const override;
  void copy_data(void* target, const void* source, std::size_t bytes) const override;

  void set_limit(std::uint64_t bytes);
  std::uint64_t limit() const;
  std::uint64_t in_use() const;
  std::uint64_t peak() const;  // most in use since reset_peak()
  void reset_peak();
  void release_cached();
  /// Installs none: a run on a GPU has LibTorch's own on the host, and threads that use it.
  static void release_cached_if_installed();

  /// For tests: asked before each allocation; true makes it fail as if the limit were reached.
  void set_fault(std::function<bool()> fault);

 private:
  CpuAllocator() = default;
  void* take(std::uint64_t needed, std::size_t asked);
  void* map(std::uint64_t bytes, std::size_t asked);
  template <class Ask>
  void* from_system(std::size_t asked, const Ask& ask);
  void give_back(void* block);
  void make_room(std::uint64_t bytes);
  void keep_at_most(std::uint64_t bytes);
  [[noreturn]] void refuse(std::size_t asked) const;
  static void free_block(void* data);

  mutable std::mutex mutex_;
  std::uint64_t limit_ = kNoLimit, in_use_ = 0, peak_ = 0, most_held_ = 0;
  FreeRanges free_;
  std::function<bool()> fault_;
};

}  // namespace bertft::memory
