#include "bertft/data/order.h"

#include <fmt/format.h>

#include <limits>
#include <numeric>
#include <random>
#include <utility>

#include "bertft/util/error.h"

namespace bertft::data {

std::vector<std::uint32_t> epoch_order(std::uint32_t n, std::uint64_t seed, std::uint64_t epoch) {
  constexpr std::uint32_t kLimit = std::numeric_limits<std::uint32_t>::max() / 20;
  if (n >= kLimit) throw DataError(fmt::format("{} features; the order of at most {} can be drawn", n, kLimit - 1));
  std::vector<std::uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0u);
  // torch keeps a 64-bit seed but starts the generator with its low half.
  std::mt19937 generator(static_cast<std::uint32_t>(seed + epoch));
  for (std::uint32_t i = 0; i + 1 < n; ++i) std::swap(order[i], order[i + generator() % (n - i)]);
  return order;
}

}  // namespace bertft::data
