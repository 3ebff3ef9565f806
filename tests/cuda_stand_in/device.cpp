#include "cuda_stand_in/device.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <deque>
#include <map>
#include <mutex>

namespace cuda_stand_in {
namespace {

std::recursive_mutex mutex;
using Lock = std::lock_guard<std::recursive_mutex>;

std::uint64_t number(const char* variable, std::uint64_t otherwise) {
  const char* value = std::getenv(variable);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

Counts* shared_counts() {
  static Counts& own = *new Counts{};
  const char* file = std::getenv("CUDA_STAND_IN_COUNTS");
  const int descriptor = file == nullptr ? -1 : open(file, O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return &own;
  void* page = mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  close(descriptor);
  return page == MAP_FAILED ? &own : static_cast<Counts*>(page);
}

bool is_refused(std::uint64_t request) {
  static const char* const fails = std::getenv("CUDA_STAND_IN_FAILS");
  if (fails == nullptr) return false;
  char* end = nullptr;
  const std::uint64_t first = std::strtoull(fails, &end, 10);
  return request == first || (*end == '-' && request > first);
}

std::size_t taken = kContextBytes;

using Blocks = std::map<std::uintptr_t, std::size_t>;  // bytes by where they begin
Blocks& blocks(Place place) {
  static Blocks &of_device = *new Blocks, &pinned = *new Blocks;  // LibTorch frees memory to the very end
  return place == Place::kDevice ? of_device : pinned;
}

bool is_in(const Blocks& all, std::uintptr_t address) {
  auto next = all.upper_bound(address);
  if (next == all.begin()) return false;
  const auto& [start, bytes] = *--next;
  return address < start + bytes;
}

std::uintptr_t number_of(const void* address) {
  return reinterpret_cast<std::uintptr_t>(address);
}

std::deque<std::function<void()>>& pending = *new std::deque<std::function<void()>>;
std::uint64_t steps_given = 0, steps_done = 0;

}  // namespace

void count(std::uint64_t Counts::* what) {
  static Counts* const counts = shared_counts();
  std::atomic_ref(counts->*what).fetch_add(1);
}

bool has_context() {
  static const bool is_made = [] {
    const char* file = std::getenv("CUDA_STAND_IN_EXCLUSIVE");
    return file == nullptr || flock(open(file, O_RDWR | O_CLOEXEC), LOCK_EX | LOCK_NB) == 0;
  }();
  return is_made;
}

std::size_t total_bytes() {
  static const std::size_t total = number("CUDA_STAND_IN_MIB", 80 * 1024) << 20;
  return total;
}

std::size_t free_bytes() {
  const Lock lock(mutex);
  return total_bytes() < taken ? 0 : total_bytes() - taken;
}

int capability() {
  static const int value = static_cast<int>(number("CUDA_STAND_IN_CAPABILITY", 90));
  return value;
}

bool take(std::size_t bytes) {
  const Lock lock(mutex);
  static std::uint64_t requests = 0;
  count(&Counts::requests);
  if (is_refused(requests++) || bytes > free_bytes()) return false;
  taken += bytes;
  return true;
}

void give_back(std::size_t bytes) {
  const Lock lock(mutex);
  taken -= bytes;
}

void* map(std::size_t bytes, Place place, bool usable) {
  void* start = mmap(nullptr, bytes, usable ? PROT_READ | PROT_WRITE : PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) return nullptr;
  const Lock lock(mutex);
  blocks(place)[number_of(start)] = bytes;
  return start;
}

std::size_t unmap(void* start, Place place) {
  const Lock lock(mutex);
  finish();
  const auto block = blocks(place).extract(number_of(start));
  if (block.empty()) return 0;
  munmap(start, block.mapped());
  return block.mapped();
}

Place place_of(const void* address) {
  const Lock lock(mutex);
  if (is_in(blocks(Place::kDevice), number_of(address))) return Place::kDevice;
  return is_in(blocks(Place::kPinned), number_of(address)) ? Place::kPinned : Place::kPageable;
}

std::uint64_t enqueue(std::function<void()> work) {
  const Lock lock(mutex);
  pending.push_back(std::move(work));
  return ++steps_given;
}

void finish(std::uint64_t step) {
  const Lock lock(mutex);
  while (steps_done < step && !pending.empty()) {
    pending.front()();
    pending.pop_front();
    ++steps_done;
  }
}

bool is_done(std::uint64_t step) {
  const Lock lock(mutex);
  return step <= steps_done;
}

}  // namespace cuda_stand_in
