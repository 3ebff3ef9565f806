#include "bertft/data/order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bertft/util/error.h"
#include "bertft/util/file.h"

namespace bertft::data {
namespace {

using ::testing::ElementsAre;

// The first 16 digits of the SHA-256 of the order as int64, little endian.
std::string hash(const std::vector<std::uint32_t>& order) {
  const std::vector<std::int64_t> wide(order.begin(), order.end());
  return sha256_hex(std::as_bytes(std::span(wide))).substr(0, 16);
}

std::vector<std::uint32_t> head(std::vector<std::uint32_t> order) {
  order.resize(4);
  return order;
}

// Expected values: torch 2.11.0, torch.randperm(n, generator=torch.Generator().manual_seed(seed)).
TEST(EpochOrder, EqualsTorchRandperm) {
  EXPECT_THAT(epoch_order(10, 42, 0), ElementsAre(2, 6, 1, 8, 4, 5, 0, 9, 3, 7));
  EXPECT_THAT(epoch_order(10, 42, 1), ElementsAre(8, 4, 9, 0, 5, 1, 6, 7, 2, 3));
  EXPECT_THAT(epoch_order(10, 0, 0), ElementsAre(4, 1, 7, 5, 3, 9, 0, 8, 6, 2));
  EXPECT_THAT(head(epoch_order(696, 42, 0)), ElementsAre(582, 383, 466, 358));
  EXPECT_THAT(head(epoch_order(696, 42, 1)), ElementsAre(460, 644, 325, 43));
  EXPECT_EQ(hash(epoch_order(696, 42, 0)), "171402b21d471a21");
  EXPECT_EQ(hash(epoch_order(696, 42, 1)), "0cd44f1abf2d068e");
}

TEST(EpochOrder, EqualsTorchRandpermForMany) {
  EXPECT_THAT(head(epoch_order(130'101, 42, 0)), ElementsAre(68778, 16468, 129763, 103027));
  EXPECT_EQ(hash(epoch_order(130'101, 42, 0)), "12efb379fd469743");
  EXPECT_EQ(hash(epoch_order(130'101, 42, 1)), "1f875b6589a96465");
  EXPECT_EQ(hash(epoch_order((1u << 20) + 7, 42, 0)), "1dcc6bffbcf9ec49");
  EXPECT_EQ(hash(epoch_order((1u << 20) + 7, 42, 1)), "48ccd3e0fe95024e");
}

TEST(EpochOrder, StartsFromTheLowHalfOfALargeSeedAsTorchDoes) {
  EXPECT_EQ(epoch_order(10, (std::uint64_t{1} << 32) + 42, 0), epoch_order(10, 42, 0));
  EXPECT_THAT(epoch_order(10, (std::uint64_t{1} << 63) + 5, 0), ElementsAre(1, 4, 9, 6, 3, 5, 0, 2, 8, 7));
  EXPECT_THAT(epoch_order(10, ~std::uint64_t{0}, 0), ElementsAre(1, 4, 6, 2, 0, 5, 8, 7, 9, 3));
}

TEST(EpochOrder, OfNoneAndOneIsTrivial) {
  EXPECT_TRUE(epoch_order(0, 42, 0).empty());
  EXPECT_THAT(epoch_order(1, 42, 0), ElementsAre(0));
}

TEST(EpochOrder, RefusesSoManyThatTorchDrawsOtherwise) {
  EXPECT_THROW(epoch_order(214'748'364, 42, 0), DataError);
}

}  // namespace
}  // namespace bertft::data
