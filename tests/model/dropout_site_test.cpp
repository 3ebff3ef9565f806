#include <gtest/gtest.h>

#include <set>

#include "model/encoder.h"
#include "model/packed_batch.h"

namespace bertft::model {
namespace {

constexpr std::uint64_t kSites = 5;

ForwardContext context_of(const device::Device& device, const std::optional<DropoutSeed>& dropout) {
  return {batch_of({3}), device, dropout};
}

TEST(DropoutSite, HasAKeyOfItsOwnForEveryLayerPlaceStepAndSeed) {
  const device::Device device;
  std::set<std::uint64_t> keys;
  std::size_t asked = 0;
  for (const DropoutSeed seed : {DropoutSeed{42, 0}, DropoutSeed{42, 1}, DropoutSeed{43, 0}}) {
    for (std::int64_t layer = -1; layer <= 12; ++layer) {
      for (std::uint64_t site = 0; site < kSites; ++site, ++asked) {
        keys.insert(context_of(device, seed).dropout_site(0.1, layer, site).key);
      }
    }
  }
  EXPECT_EQ(keys.size(), asked);
}

TEST(DropoutSite, IsInactiveWithoutDropoutOrWithoutARate) {
  const device::Device device;
  EXPECT_FALSE(context_of(device, std::nullopt).dropout_site(0.1, 0, 1).active());
  EXPECT_FALSE(context_of(device, DropoutSeed{42, 0}).dropout_site(0.0, 0, 1).active());
  EXPECT_TRUE(context_of(device, DropoutSeed{42, 0}).dropout_site(0.1, 0, 1).active());
}

}  // namespace
}  // namespace bertft::model
