#include "bertft/device/counter_rng.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

namespace bertft::device {
namespace {

// Bits that differ between the draws of two keys or two rows, over 4096 columns: 8 of 16 where they have nothing to do
// with each other.
template <class First, class Second>
double mean_differing_bits(const First& first, const Second& second) {
  constexpr std::uint64_t kColumns = 4096;
  int bits = 0;
  for (std::uint64_t column = 0; column < kColumns; ++column) bits += std::popcount(first(column) ^ second(column));
  return static_cast<double>(bits) / kColumns;
}

// 5 standard deviations of a mean of 4096 binomial(16, 1/2) counts.
constexpr double kBitTolerance = 5 * 2.0 / 64;

TEST(CounterRng, FoldsAKeyAsSplitMix64StepsFromASeed) {
  // The first outputs of SplitMix64 seeded with 1234567, as published with its reference code.
  EXPECT_EQ(fold(1234567, 0), 6457827717110365317U);
  EXPECT_EQ(fold(1234567, 1), 3203168211198807973U);
  EXPECT_EQ(fold(1234567, 2), 9817491932198370423U);
  EXPECT_EQ(fold(1234567, 3), 4593380528125082431U);
  EXPECT_EQ(fold(1234567, 4), 16408922859458223821U);
}

TEST(CounterRng, DrawsStayWhatTheyWereInEarlierReleases) {
  const std::uint64_t key = fold(mix(42), 7);
  EXPECT_EQ(key, 0x272404a0a3926552U);
  EXPECT_EQ(draw4(key, 5, 70), 0x1adf5c719b3ac19aU);
  EXPECT_EQ(draw(key, 5, 68), 0xc19aU);
  EXPECT_EQ(draw(key, 5, 71), 0x1adfU);
}

TEST(CounterRng, DrawsFourNeighboursFromOneWord) {
  for (std::uint64_t column = 0; column < 64; ++column) {
    EXPECT_EQ(draw4(9, 3, column), draw4(9, 3, column & ~std::uint64_t{3}));
    EXPECT_EQ(draw(9, 3, column), (draw4(9, 3, column) >> (16 * (column % 4))) & 0xffffU);
  }
}

TEST(CounterRng, DrawsDependOnTheirPlaceAndNotOnTheOrderOfAsking) {
  std::vector<std::uint32_t> forwards, backwards;
  for (std::uint64_t i = 0; i < 100; ++i) forwards.push_back(draw(1, i / 10, i % 10));
  for (std::uint64_t i = 100; i-- > 0;) backwards.push_back(draw(1, i / 10, i % 10));
  EXPECT_EQ(forwards, std::vector<std::uint32_t>(backwards.rbegin(), backwards.rend()));
}

TEST(CounterRng, FillsTheRangeEvenly) {
  constexpr int kDraws = 1 << 18, kBins = 64;
  std::vector<int> bins(kBins);
  for (std::uint64_t i = 0; i < kDraws; ++i) ++bins[draw(11, i >> 9, i & 511) / (65536 / kBins)];
  double chi_square = 0;
  constexpr double kExpected = static_cast<double>(kDraws) / kBins;
  for (const int count : bins) chi_square += (count - kExpected) * (count - kExpected) / kExpected;
  EXPECT_LT(chi_square, 63 + 5 * std::sqrt(2.0 * 63));  // 63 degrees of freedom, 5 standard deviations
}

TEST(CounterRng, NeighbouringKeysAreUnrelated) {
  for (std::uint64_t coordinate = 0; coordinate < 16; ++coordinate) {
    const std::uint64_t key = fold(3, coordinate), next = fold(3, coordinate + 1);
    EXPECT_NEAR(mean_differing_bits([&](auto c) { return draw(key, 0, c); }, [&](auto c) { return draw(next, 0, c); }),
                8, kBitTolerance);
  }
}

TEST(CounterRng, NeighbouringRowsAndColumnsAreUnrelated) {
  for (std::uint64_t row = 0; row < 16; ++row) {
    const auto of_row = [&](auto c) { return draw(5, row, c); };
    EXPECT_NEAR(mean_differing_bits(of_row, [&](auto c) { return draw(5, row + 1, c); }), 8, kBitTolerance);
    EXPECT_NEAR(mean_differing_bits(of_row, [&](auto c) { return draw(5, row, c + 1); }), 8, kBitTolerance);
  }
}

TEST(DropoutRate, IsTheNearestOnTheGridAndScalesByItsOwnInverse) {
  for (const double probability : {0.05, 0.1, 0.25, 0.5, 0.9}) {
    const DropoutRate rate = dropout_rate(probability);
    const double exact = rate.threshold / 65536.0;
    EXPECT_NEAR(exact, probability, 0.5 / 65536);
    EXPECT_FLOAT_EQ(rate.scale, static_cast<float>(1 / (1 - exact)));
  }
}

TEST(DropoutRate, OfAPowerOfTwoIsExact) {
  EXPECT_EQ(dropout_rate(0.5).threshold, 32768U);
  EXPECT_EQ(dropout_rate(0.5).scale, 2.0F);
  EXPECT_EQ(dropout_rate(0.25).threshold, 16384U);
}

TEST(DropoutRate, OfAlmostOneKeepsSomething) {
  EXPECT_EQ(dropout_rate(0.999999).threshold, 65535U);
  EXPECT_EQ(dropout_rate(0.999999).scale, 65536.0F);
}

TEST(DropoutRate, OfZeroDropsNothing) {
  EXPECT_EQ(dropout_rate(0).threshold, 0U);
  EXPECT_EQ(dropout_rate(0).scale, 1.0F);
}

}  // namespace
}  // namespace bertft::device
