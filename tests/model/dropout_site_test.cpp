#include <gtest/gtest.h>

#include <array>
#include <set>

#include "model/encoder.h"
#include "model/packed_batch.h"

namespace bertft::model {
namespace {

constexpr std::array kSites = {Site::kEmbedding, Site::kAttention, Site::kAttentionOutput, Site::kOutput, Site::kHead};

ForwardContext context_of(const device::Device& device, const std::optional<DropoutSeed>& dropout) {
  return {batch_of({3}), device, dropout};
}

TEST(DropoutSite, HasAKeyOfItsOwnForEveryLayerPlaceStepAndSeed) {
  const device::Device device;
  std::set<std::uint64_t> keys;
  std::size_t asked = 0;
  for (const DropoutSeed seed : {DropoutSeed{42, 0}, DropoutSeed{42, 1}, DropoutSeed{43, 0}}) {
    for (std::int64_t layer = -1; layer <= 12; ++layer) {
      for (const Site site : kSites) keys.insert(context_of(device, seed).dropout_site(0.1, layer, site).key);
      asked += kSites.size();
    }
  }
  EXPECT_EQ(keys.size(), asked);
}

TEST(DropoutSite, IsInactiveWithoutDropoutOrWithoutARate) {
  const device::Device device;
  EXPECT_FALSE(context_of(device, std::nullopt).dropout_site(0.1, 0, Site::kAttention).active());
  EXPECT_FALSE(context_of(device, DropoutSeed{42, 0}).dropout_site(0.0, 0, Site::kAttention).active());
  EXPECT_TRUE(context_of(device, DropoutSeed{42, 0}).dropout_site(0.1, 0, Site::kAttention).active());
}

}  // namespace
}  // namespace bertft::model
