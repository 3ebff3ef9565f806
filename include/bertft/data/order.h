#pragma once

#include <cstdint>
#include <vector>

namespace bertft::data {

/// The order in which an epoch visits `n` features: torch.randperm(n) of a CPU generator seeded with seed + epoch, as
/// Hugging Face's Trainer draws it. Torch-free.
///
/// throws DataError for n of 2^32 / 20 and more, where torch changes its rule
std::vector<std::uint32_t> epoch_order(std::uint32_t n, std::uint64_t seed, std::uint64_t epoch);

}  // namespace bertft::data
