#include "bertft/data/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "data/squad_text.h"
#include "data/word_tokenizer.h"

namespace bertft::data {
namespace {

using ::testing::ElementsAre;

// One window of each of these lengths, 5 and more: a question of one word, then the context.
Features of_lengths(const std::vector<std::size_t>& lengths) {
  std::string rows;
  for (const std::size_t length : lengths) {
    std::string context = "aa";
    for (std::size_t i = 5; i < length; ++i) context += " b";
    rows += R"({"id":")" + std::to_string(rows.size()) + R"(","question":"qqq","context":")" + context +
            R"(","answers":[{"text":"aa","answer_start":0}]})" + "\n";
  }
  return make_features(read(rows), WordTokenizer(), {}, Purpose::kTraining);
}

std::vector<std::size_t> slice(const std::vector<std::size_t>& lengths, const MicroBatchLimit& limit) {
  const Features features = of_lengths(lengths);
  std::vector<std::uint32_t> all(features.windows.size());
  std::iota(all.begin(), all.end(), 0u);
  return slice_batch(features, all, limit);
}

TEST(SliceBatch, IsOnePieceWithoutALimit) {
  EXPECT_THAT(slice({5, 6, 7}, {}), ElementsAre(0, 3));
}

TEST(SliceBatch, CutsByFeatures) {
  EXPECT_THAT(slice({5, 5, 5, 5, 5}, {.features = 2, .tokens = {}}), ElementsAre(0, 2, 4, 5));
  EXPECT_THAT(slice({5, 5}, {.features = 1, .tokens = {}}), ElementsAre(0, 1, 2));
}

TEST(SliceBatch, CutsByTokensInOrder) {
  EXPECT_THAT(slice({10, 10, 5, 15, 6}, {.features = {}, .tokens = 20}), ElementsAre(0, 2, 4, 5));
}

TEST(SliceBatch, GivesAWindowOverTheLimitItsOwnSlice) {
  EXPECT_THAT(slice({5, 30, 5}, {.features = {}, .tokens = 10}), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(slice({30}, {.features = {}, .tokens = 1}), ElementsAre(0, 1));
}

TEST(SliceBatch, KeepsBothLimits) {
  EXPECT_THAT(slice({5, 5, 5, 20, 20}, {.features = 2, .tokens = 25}), ElementsAre(0, 2, 4, 5));
}

TEST(SliceBatch, HasNoMoreSequencesThanAGpuCounts) {
  const std::vector<std::uint32_t> windows(10'000, 0U);
  EXPECT_THAT(slice_batch(of_lengths({5}), windows, {}), ElementsAre(0, 8'000, 10'000));
  EXPECT_THAT(slice_batch(of_lengths({5}), windows, {.features = 9'000, .tokens = {}}), ElementsAre(0, 8'000, 10'000));
}

TEST(SliceBatch, OfNothingHasNoSlices) {
  EXPECT_THAT(slice_batch(of_lengths({5}), {}, {}), ElementsAre(0));
}

TEST(Pack, LaysWindowsEndToEnd) {
  const Features features = of_lengths({5, 6, 7});
  const std::vector<std::uint32_t> windows{2, 0};
  const PackedBatch batch = pack(features, windows, 8);
  EXPECT_THAT(batch.ids, ElementsAre(101, 1003, 102, 1002, 1001, 1001, 102, 101, 1003, 102, 1002, 102));
  EXPECT_THAT(batch.type_ids, ElementsAre(0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 1));
  EXPECT_THAT(batch.positions, ElementsAre(0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4));
  EXPECT_THAT(batch.cu_seqlens, ElementsAre(0, 7, 12));
  EXPECT_THAT(batch.start_rows, ElementsAre(3, 10));
  EXPECT_THAT(batch.end_rows, ElementsAre(3, 10));
  EXPECT_THAT(batch.windows, ElementsAre(2, 0));
  EXPECT_EQ(batch.first_in_batch, 8u);
  EXPECT_EQ(batch.num_sequences(), 2u);
  EXPECT_EQ(batch.num_tokens(), 12u);
  EXPECT_EQ(batch.max_length(), 7u);
}

TEST(Pack, PointsAtClsWhereThereIsNoAnswer) {
  const Features features = make_features(
      read(
          R"([{"id":"a","question":"q","context":"c","answers":[]},{"id":"b","question":"q","context":"c","answers":[]}])"),
      WordTokenizer(), {}, Purpose::kTraining);
  const std::vector<std::uint32_t> windows{0, 1};
  EXPECT_THAT(pack(features, windows, 0).start_rows, ElementsAre(0, 5));
}

TEST(Pack, OfNothingIsEmpty) {
  const PackedBatch batch = pack(of_lengths({5}), {}, 0);
  EXPECT_THAT(batch.cu_seqlens, ElementsAre(0));
  EXPECT_EQ(batch.max_length(), 0u);
}

TEST(Pack, PointsAtTheFirstAndTheLastTokenOfTheAnswer) {
  const Features features = make_features(
      read(R"([{"id":"a","question":"q","context":"a b c","answers":[{"text":"b c","answer_start":2}]}])"),
      WordTokenizer(), {}, Purpose::kTraining);
  const std::vector<std::uint32_t> windows{0};
  EXPECT_THAT(pack(features, windows, 0).start_rows, ElementsAre(4));
  EXPECT_THAT(pack(features, windows, 0).end_rows, ElementsAre(5));
}

}  // namespace
}  // namespace bertft::data
