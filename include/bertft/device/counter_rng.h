#pragma once

// Random numbers as a pure function of their place (Salmon et al. 2011, "Parallel random
// numbers: as easy as 1, 2, 3"): no state, hence the same dropout masks whatever the
// micro-batch, after a retry, a resume, or when the backward pass asks again.
// C++17, and usable in CUDA code: .cu files are compiled as C++17.

#include <cstdint>

#if defined(__CUDACC__)
#define BERTFT_HOST_DEVICE __host__ __device__
#else
#define BERTFT_HOST_DEVICE
#endif

namespace bertft::device {

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection that spreads every
/// input bit over the word.
BERTFT_HOST_DEVICE inline std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15ULL;  // 2^64 / golden ratio, SplitMix64's step

/// Folds one more coordinate into a key.
BERTFT_HOST_DEVICE inline std::uint64_t fold(std::uint64_t key, std::uint64_t coordinate) {
  return mix(key + kGolden * (coordinate + 1));
}

constexpr int kColumnsPerDraw = 4;

/// Four 16-bit draws: columns 4 * (column / 4) ... + 3 of a row. Columns stay below 2^18.
BERTFT_HOST_DEVICE inline std::uint64_t draw4(std::uint64_t key, std::uint64_t row, std::uint64_t column) {
  return mix(key + kGolden * ((row << 16) + (column >> 2)));
}

/// The one draw of (row, column), 16 bits.
BERTFT_HOST_DEVICE inline std::uint32_t draw(std::uint64_t key, std::uint64_t row, std::uint64_t column) {
  return static_cast<std::uint32_t>(draw4(key, row, column) >> (16 * (column & 3))) & 0xffffU;
}

/// A dropout rate on the grid of 16-bit draws: an element is dropped when its draw is below
/// `threshold`; kept ones are multiplied by `scale`, the inverse of the exact keep rate.
struct DropoutRate {
  std::uint32_t threshold = 0;
  float scale = 1.0F;
};

/// 0 <= probability < 1; the nearest rate of the grid that keeps something.
inline DropoutRate dropout_rate(double probability) {
  const auto nearest = static_cast<std::uint32_t>(probability * 65536.0 + 0.5);
  const std::uint32_t threshold = nearest < 65535 ? nearest : 65535;
  return {threshold, static_cast<float>(65536.0 / (65536.0 - threshold))};
}

}  // namespace bertft::device
