#include "bertft/train/probe_file.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>

#include "temporary_directory.h"

namespace bertft::train {
namespace {

constexpr std::uint64_t kMib = std::uint64_t{1} << 20;

// An earlier search through steps of eight features, with 1 MiB to be used.
class ReusedProbe : public testing::Test {
 protected:
  ReusedProbe() { keep(5, 8); }

  static ProbeScope scope(std::uint64_t usable_bytes, std::int64_t at_most) {
    return {.length = 64, .effective_batch = 8, .at_most = at_most, .usable_bytes = usable_bytes};
  }
  void keep(std::int64_t found, std::int64_t at_most) {
    directory_.write("probe.json",
                     probe_json(scope(kMib, at_most), {{.num_features = found, .trials = {}}, {"bf16"}}, key_).dump());
  }
  std::optional<std::int64_t> reuse(const ProbeScope& wanted) const {
    const auto kept = reusable_probe(path_, wanted, key_);
    return kept ? std::optional(kept->num_features) : std::nullopt;
  }

  const Json key_ = {{"device", "cpu"}};
  TemporaryDirectory directory_;
  std::string path_ = directory_ / "probe.json";
};

TEST_F(ReusedProbe, HoldsUpToTheSizeThatIsAskedFor) {
  EXPECT_EQ(reuse(scope(kMib, 8)), 5);
  EXPECT_EQ(reuse(scope(kMib, 3)), 3);
}

TEST_F(ReusedProbe, HoldsWhenItEndedBelowWhereItWouldStop) {
  EXPECT_EQ(reuse(scope(kMib, 100)), 5);
  keep(8, 8);
  EXPECT_EQ(reuse(scope(kMib, 8)), 8);
  EXPECT_FALSE(reuse(scope(kMib, 100)));  // it might have found more
}

TEST_F(ReusedProbe, OfAWholeStepDoesNotHoldForItsPieces) {
  keep(8, 8);
  EXPECT_FALSE(reuse(scope(kMib, 7)));
}

TEST_F(ReusedProbe, DoesNotHoldWithLessMemory) {
  EXPECT_EQ(reuse(scope(2 * kMib, 8)), 5);
  EXPECT_FALSE(reuse(scope(kMib / 2, 8)));
}

TEST_F(ReusedProbe, DoesNotHoldUnderAnotherKey) {
  EXPECT_FALSE(reusable_probe(path_, scope(kMib, 8), {{"device", "gpu"}}));
}

TEST_F(ReusedProbe, SaysWhereMemoryRanOutWhereNothingFitted) {
  const memory::SearchResult nothing{.num_features = 0, .trials = {{.num_features = 1, .phase = kEvaluationPhase}}};
  directory_.write("probe.json", probe_json(scope(kMib, 8), {nothing, {}}, key_).dump());
  const auto kept = reusable_probe(path_, scope(kMib, 8), key_);
  ASSERT_TRUE(kept && kept->trials.size() == 1);
  EXPECT_EQ(kept->num_features, 0);
  EXPECT_EQ(kept->trials[0].num_features, 1);
  EXPECT_EQ(kept->trials[0].phase, kEvaluationPhase);
}

TEST_F(ReusedProbe, NamesTheSaversWithWhichItWasMade) {
  const auto kept = read_probe(path_);
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->result.num_features, 5);
  EXPECT_EQ(kept->savers, std::set<std::string>{"bf16"});
}

TEST_F(ReusedProbe, DoesNotHoldWhenItsFileIsDamagedOrGone) {
  directory_.write("probe.json", "{\"format\": 2");
  EXPECT_FALSE(reuse(scope(kMib, 8)));
  directory_.write("probe.json", "[]");
  EXPECT_FALSE(reuse(scope(kMib, 8)));
  Json without_trials = probe_json(scope(kMib, 8), {}, key_);
  without_trials.erase("trials");
  directory_.write("probe.json", without_trials.dump());
  EXPECT_FALSE(reuse(scope(kMib, 8)));
  std::filesystem::remove(path_);
  EXPECT_FALSE(reuse(scope(kMib, 8)));
}

}  // namespace
}  // namespace bertft::train
