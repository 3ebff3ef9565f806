#include "memory/torch/cpu_allocator.h"

#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

#include "bertft/util/text.h"

namespace bertft::memory {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kAlignment = 64;                  // of every block, LibTorch's own
constexpr std::uint64_t kLarge = std::uint64_t{1} << 20;  // from here on a block is a mapping

std::atomic<CpuAllocator*> g_installed{nullptr};

// Stands before each block's data.
struct alignas(kAlignment) Header {
  std::uint64_t bytes;  // of the whole block
};

std::uint64_t round_up(std::uint64_t bytes, std::uint64_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

void* data_of(void* block) {
  return static_cast<std::byte*>(block) + sizeof(Header);
}

}  // namespace

CpuAllocator& CpuAllocator::instance() {
  // Never destroyed: tensors may outlive everything.
  static CpuAllocator* const allocator = [] {
    auto* made = new CpuAllocator;
    c10::SetCPUAllocator(made, /*priority=*/100);
    g_installed = made;
    return made;
  }();
  return *allocator;
}

c10::DataPtr CpuAllocator::allocate(std::size_t bytes) {
  const c10::Device kCpu(c10::kCPU);
  if (bytes == 0) return {nullptr, nullptr, &free_block, kCpu};
  const std::uint64_t needed = bytes + sizeof(Header);
  const std::lock_guard lock(mutex_);
  if (fault_ && fault_()) refuse(bytes);
  void* block = take(round_up(needed, needed < kLarge ? kAlignment : kPage), bytes);
  void* data = data_of(block);
  return {data, data, &free_block, kCpu};
}

void* CpuAllocator::take(std::uint64_t needed, std::size_t asked) {
  if (in_use_ + needed > limit_) refuse(asked);
  void* block = nullptr;
  if (needed < kLarge) {
    make_room(needed);
    block = from_system(asked, [&] { return std::aligned_alloc(kAlignment, needed); });
  } else if (const auto kept = free_.take(needed)) {
    block = kept->begin;
  } else {
    block = map(needed, asked);
  }
  static_cast<Header*>(block)->bytes = needed;
  in_use_ += needed;
  peak_ = std::max(peak_, in_use_);
  return block;
}

void* CpuAllocator::map(std::uint64_t bytes, std::size_t asked) {
  make_room(bytes);
  return from_system(asked, [&]() -> void* {
    void* address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return address == MAP_FAILED ? nullptr : address;
  });
}

// Blocks are kept as long as the process stays below 5/4 of the most that was in use: less costs time in the kernel,
// which has to clear every page anew.
void CpuAllocator::make_room(std::uint64_t bytes) {
  most_held_ = std::max(most_held_, (in_use_ + bytes) / 4 * 5);
  keep_at_most(std::min(most_held_, limit_) - in_use_ - bytes);
}

// The system has a limit of its own: what is kept may be what is missing.
template <class Ask>
void* CpuAllocator::from_system(std::size_t asked, const Ask& ask) {
  void* address = ask();
  if (address == nullptr) {
    keep_at_most(0);
    address = ask();
  }
  if (address != nullptr) return address;
  C10_THROW_ERROR(OutOfMemoryError, fmt::format("the system refuses {} more than the {} in use, of a budget of {}",
                                                memory_text(asked), memory_text(in_use_), memory_text(limit_)));
}

// `block` comes from take().
void CpuAllocator::give_back(void* block) {
  const std::uint64_t bytes = static_cast<Header*>(block)->bytes;
  const std::lock_guard lock(mutex_);
  in_use_ -= bytes;
  if (bytes < kLarge) {
    std::free(block);
    return;
  }
  try {
    free_.add({static_cast<std::byte*>(block), bytes});
  } catch (const std::bad_alloc&) {  // a deleter must not throw
    munmap(block, bytes);
  }
}

void CpuAllocator::free_block(void* data) {
  if (data != nullptr) instance().give_back(static_cast<std::byte*>(data) - sizeof(Header));
}

void CpuAllocator::keep_at_most(std::uint64_t bytes) {
  while (free_.total_bytes() > bytes) {
    const Range range = free_.take_of_smallest(round_up(free_.total_bytes() - bytes, kPage));
    // Where the process has too many mappings to cut one, its pages are given back at least.
    if (munmap(range.begin, range.bytes) != 0) madvise(range.begin, range.bytes, MADV_DONTNEED);
  }
}

void CpuAllocator::refuse(std::size_t asked) const {
  C10_THROW_ERROR(OutOfMemoryError, fmt::format("{} more than the {} in use, of a budget of {}", memory_text(asked),
                                                memory_text(in_use_), memory_text(limit_)));
}

c10::DeleterFnPtr CpuAllocator::raw_deleter() const {
  return &free_block;
}

void CpuAllocator::copy_data(void* target, const void* source, std::size_t bytes) const {
  default_copy_data(target, source, bytes);
}

void CpuAllocator::set_limit(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  limit_ = bytes;
  keep_at_most(limit_ - std::min(limit_, in_use_));
}

std::uint64_t CpuAllocator::limit() const {
  const std::lock_guard lock(mutex_);
  return limit_;
}

std::uint64_t CpuAllocator::in_use() const {
  const std::lock_guard lock(mutex_);
  return in_use_;
}

std::uint64_t CpuAllocator::peak() const {
  const std::lock_guard lock(mutex_);
  return peak_;
}

void CpuAllocator::reset_peak() {
  const std::lock_guard lock(mutex_);
  peak_ = in_use_;
}

void CpuAllocator::release_cached_if_installed() {
  if (CpuAllocator* const installed = g_installed) installed->release_cached();
}

void CpuAllocator::release_cached() {
  const std::lock_guard lock(mutex_);
  keep_at_most(0);
}

void CpuAllocator::set_fault(std::function<bool()> fault) {
  const std::lock_guard lock(mutex_);
  fault_ = std::move(fault);
}

}  // namespace bertft::memory
