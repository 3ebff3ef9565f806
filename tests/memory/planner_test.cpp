#include "bertft/memory/planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bertft/data/batch.h"
#include "bertft/memory/plan_report.h"
#include "memory/row_sums.h"
#include "weights/bert_config.h"

namespace bertft::memory {
namespace {

using device::Precision;

constexpr std::uint64_t kGib = std::uint64_t{1} << 30;

StepShape base(Precision precision = Precision::kFp32, bool gradient_checkpointing = false) {
  StepShape shape;
  shape.encoder = weights::bert_config(weights::kBertBase);
  shape.precision = precision;
  shape.gradient_checkpointing = gradient_checkpointing;
  return shape;
}

TEST(Plan, CountsSixteenBytesAParameterOfBertBase) {
  constexpr std::uint64_t kParameters = 108'893'186;
  const StepBytes bytes = plan_step(base(), 1);
  EXPECT_EQ(bytes.weights, 4 * kParameters);
  EXPECT_EQ(bytes.gradients, 4 * kParameters);
  EXPECT_EQ(bytes.optimizer, 8 * kParameters);
}

TEST(Plan, GrowsWithTheSize) {
  for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
    for (const bool checkpointing : {false, true}) {
      for (std::int64_t n = 1; n < 100; ++n) {
        EXPECT_LE(plan_step(base(precision, checkpointing), n).tensors(),
                  plan_step(base(precision, checkpointing), n + 1).tensors());
      }
    }
  }
}

TEST(Plan, HasNoEarlierGradientsWhereOneMicroBatchIsTheStep) {
  for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
    for (const bool checkpointing : {false, true}) {
      const StepShape of_many = base(precision, checkpointing);
      StepShape shape = of_many;
      shape.effective_batch = 16;
      for (std::int64_t n = 1; n <= 8; ++n) EXPECT_EQ(plan_step(shape, n).total(), plan_step(of_many, n).total());
      for (std::int64_t n = 16; n < 100; ++n) {
        const StepBytes bytes = plan_step(shape, n);
        EXPECT_LE(bytes.total(), plan_step(shape, n + 1).total());
        EXPECT_LT(bytes.total(), plan_step(of_many, n).total());
        EXPECT_GE(bytes.total(), 4 * bytes.weights);  // when all gradients are there
      }
      // A remainder of 4 finds the gradients of the first 12.
      shape.effective_batch = 12;
      const std::uint64_t at_once = plan_step(shape, 12).total();
      shape.effective_batch = 16;
      EXPECT_EQ(plan_step(shape, 12).total(), std::max(at_once, plan_step(of_many, 4).total()));
    }
  }
}

TEST(Plan, ItsLeastIsASmallStepAtOnceWhereThatTakesLessThanItsParts) {
  StepShape shape = base();
  shape.effective_batch = 2;
  EXPECT_LT(plan_step(shape, 2).total(), plan_step(shape, 1).total());
  EXPECT_EQ(plan_least(shape).total(), plan_step(shape, 2).total());
  shape.effective_batch = 100;
  EXPECT_EQ(plan_least(shape).total(), plan_step(shape, 1).total());
}

TEST(Plan, SavesByHalfPrecisionAndMoreByRecomputing) {
  EXPECT_LT(plan_step(base(Precision::kBf16), 16).activations, plan_step(base(), 16).activations);
  EXPECT_LT(4 * plan_step(base(Precision::kFp32, true), 16).activations, plan_step(base(), 16).activations);
}

TEST(Plan, CountsCopiesOfHalfOperandsWhereACpuHasAmx) {
  const auto grows = [](Precision precision, bool is_cuda) {
    StepShape shape = base(precision);
    shape.is_cuda = is_cuda;
    const std::uint64_t without = plan_step(shape, 16).tensors();
    shape.has_amx = true;
    return plan_step(shape, 16).tensors() > without;
  };
  EXPECT_TRUE(grows(Precision::kBf16, false));
  EXPECT_FALSE(grows(Precision::kFp32, false));
  EXPECT_FALSE(grows(Precision::kFp16, false)) << "its products are of fp32";
  EXPECT_FALSE(grows(Precision::kBf16, true));
}

TEST(Plan, CountsWhatSumsOverRowsTakeOnAGpuThatHoldsSoManyThreads) {
  for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
    StepShape shape = base(precision, /*gradient_checkpointing=*/true);
    const auto workspace = [&](std::int64_t gpu_threads) {
      shape.gpu_threads = gpu_threads;
      return plan_step(shape, 16).workspace;
    };
    EXPECT_EQ(workspace(132 * 2048), workspace(28 * 1536)) << "on a CPU";
    shape.is_cuda = true;
    EXPECT_GT(workspace(132 * 2048), workspace(28 * 1536));
  }
}

TEST(RowSum, TakesWhatATensKernelAsksFor) {  // as the allocator was asked on a stand-in for an H100
  constexpr std::int64_t kH100 = 132 * 2048;
  EXPECT_EQ(row_sum_bytes(3840, 3072, kH100), 94'371'840);
  EXPECT_EQ(row_sum_bytes(3840, 768, kH100), 23'592'960);
  EXPECT_EQ(row_sum_bytes(20352, 384, kH100), 62'521'344);
  EXPECT_EQ(row_sum_bytes(20352, 1536, kH100), row_sum_bytes(40000, 1536, kH100)) << "the GPU holds no more blocks";
  EXPECT_EQ(row_sum_bytes(1020, 3072, kH100), 0) << "one block has all rows";
}

TEST(Plan, ItsLargestMicroBatchFitsAndOneMoreDoesNot) {
  for (const std::uint64_t room : {2 * kGib, 5 * kGib, 24 * kGib}) {
    const std::int64_t n = largest_micro_batch(base(), room, 1000);
    EXPECT_LE(plan_step(base(), n).tensors(), room);
    EXPECT_GT(plan_step(base(), n + 1).tensors(), room);
  }
  EXPECT_EQ(largest_micro_batch(base(), kGib, 1000), 0);
  EXPECT_EQ(largest_micro_batch(base(), 1000 * kGib, 32), 32);
}

TEST(Plan, OfTheWidestConfigJsonAndTheLargestBatchIsTooLargeForAnyMachine) {
  StepShape widest = base();
  widest.encoder.hidden_size = widest.encoder.embedding_size = widest.encoder.intermediate_size = 1'000'000;
  widest.encoder.num_attention_heads = 1'000'000;
  widest.encoder.num_hidden_layers = 1'000;
  widest.encoder.vocab_size = widest.encoder.max_position_embeddings = 100'000'000;
  widest.length = 1'000'000;
  constexpr std::uint64_t kPebibyte = std::uint64_t{1} << 50, kAllBytes = std::uint64_t{1} << 63;
  constexpr std::int64_t kLargest = std::int64_t{1} << 32;
  for (const bool is_cuda : {false, true}) {
    for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
      widest.is_cuda = is_cuda;
      widest.precision = precision;
      for (const std::int64_t n : {std::int64_t{1}, kLargest}) {
        for (const StepBytes& bytes : {plan_step(widest, n), plan_evaluation(widest, n)}) {
          EXPECT_GT(bytes.total(), kPebibyte);
          EXPECT_LT(bytes.total(), kAllBytes);
        }
      }
      EXPECT_EQ(largest_micro_batch(widest, 141 * kGib, kLargest), 0);
    }
  }
}

TEST(PlanReport, SaysWhatFitsAndEndsWellWhenNothingDoes) {
  const PlanReport report = make_plan_report(base(), {.effective = 12, .eval = 8}, kGib);
  ASSERT_EQ(report.rows.size(), 4U * 5);  // 1, 2, 4, 8, 12
  for (const PlanReport::Row& row : report.rows) EXPECT_EQ(row.fits, false);
  EXPECT_EQ(report.cards.size(), 4U * 8);
  EXPECT_THAT(report.to_text(), testing::HasSubstr("108.9 M parameters"));
  EXPECT_EQ(report.to_json()["micro_batches"][0]["fits"], false);
}

TEST(PlanReport, SaysForWhichDeviceItIs) {
  StepShape shape = base();
  EXPECT_THAT(make_plan_report(shape, {}, std::nullopt).to_text(), testing::HasSubstr("tokens on this CPU;"));
  shape.is_cuda = true;
  EXPECT_THAT(make_plan_report(shape, {}, std::nullopt).to_text(),
              testing::AllOf(testing::HasSubstr("tokens on a GPU"), testing::HasSubstr("(--device cpu: on this")));
}

TEST(PlanReport, CountsNoMoreFeaturesThanABatchMayHold) {
  StepShape tiny = base();
  tiny.encoder.hidden_size = tiny.encoder.embedding_size = tiny.encoder.intermediate_size = 12;
  tiny.encoder.num_hidden_layers = 1;
  tiny.length = 16;
  const PlanReport report =
      make_plan_report(tiny, {.effective = 1'000'000, .micro = data::kMostSequences, .eval = 1'000'000}, std::nullopt);
  EXPECT_EQ(report.rows.back().num_features, data::kMostSequences);
  EXPECT_EQ(report.cards.back().largest, data::kMostSequences);
  EXPECT_EQ(report.eval_batch, data::kMostSequences);
}

TEST(PlanReport, MarksTheConfiguredRow) {
  for (const std::int64_t micro : {4, 3, 12}) {
    const PlanReport report =
        make_plan_report(base(Precision::kBf16), {.effective = 12, .micro = micro, .eval = 8}, std::nullopt);
    std::int64_t num_marked = 0;
    for (const PlanReport::Row& row : report.rows) {
      EXPECT_EQ(row.is_configured,
                row.precision == Precision::kBf16 && !row.gradient_checkpointing && row.num_features == micro);
      num_marked += row.is_configured;
    }
    EXPECT_EQ(num_marked, 1);
    EXPECT_THAT(report.to_text(), testing::HasSubstr("< as configured"));
  }
}

TEST(PlanReport, FitsIntoEightyColumns) {
  StepShape large = base();
  large.encoder.hidden_size = 1024;
  large.encoder.num_hidden_layers = 24;
  const std::string text = make_plan_report(large, {.effective = 4096, .eval = 4096}, 100 * kGib).to_text();
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find('\n', begin);
    EXPECT_LE(end - begin, 80U) << text.substr(begin, end - begin);
    begin = end + 1;
  }
}

TEST(PlanReport, OffersSaversWithWhatTheySave) {
  const Json savers = make_plan_report(base(), {.effective = 64, .micro = 32, .eval = 8}, {}).to_json()["savers"];
  ASSERT_EQ(savers.size(), 3U);
  EXPECT_EQ(savers[0]["key"], "gradient_checkpointing");
  EXPECT_EQ(savers[0]["saved_bytes"],
            plan_step(base(), 32).tensors() - plan_step(base(Precision::kFp32, true), 32).tensors());
  EXPECT_EQ(savers[2]["value"], "256");
  EXPECT_EQ(savers[2]["automatic"], false);
}

TEST(PlanReport, IsOfTheCardsThatThereAre) {
  const PlanReport report = make_plan_report(base(), {.effective = 12, .micro = 4, .eval = 8}, std::nullopt);
  std::vector<std::int64_t> of_one_kind;
  for (const PlanReport::Card& card : report.cards) {
    if (card.precision == Precision::kFp32 && card.gradient_checkpointing) of_one_kind.push_back(card.gigabytes);
  }
  EXPECT_THAT(of_one_kind, testing::ElementsAre(8, 11, 12, 16, 24, 40, 80, 141));
}

TEST(PlanReport, TellsOfTheWordsThatAreNotTrained) {
  const auto report_of = [](bool is_cuda) {
    StepShape shape = base();
    shape.is_cuda = is_cuda;
    shape.encoder.num_rows_aside = 20'000;
    shape.encoder.vocab_size -= 20'000;
    return make_plan_report(shape, {.effective = 12, .micro = 4, .eval = 8}, std::nullopt);
  };
  EXPECT_THAT(report_of(true).to_text(),
              testing::StartsWith("108.9 M parameters, 93.5 M of them trained (10,522 of 30,522 words in use):\n"
                                  "weights 357 MiB, gradients 357 MiB, AdamW 714 MiB\n"));
  // On a CPU they lie in the same memory.
  EXPECT_THAT(report_of(false).to_text(), testing::HasSubstr("\nweights 415 MiB, gradients 357 MiB, AdamW 714 MiB\n"));
}

TEST(PlanReport, HasTheKeysThatScriptsRead) {
  const Json json = make_plan_report(base(), {.effective = 12, .micro = 4, .eval = 8}, 100 * kGib).to_json();
  const auto keys = [](const Json& object) {
    std::vector<std::string> names;
    for (const auto& [name, value] : object.items()) names.push_back(name);
    return names;
  };
  using testing::UnorderedElementsAre;
  EXPECT_THAT(keys(json), UnorderedElementsAre("estimate", "device", "length", "parameters", "trained_parameters",
                                               "usable_bytes", "micro_batches", "cards", "savers", "evaluation"));
  EXPECT_THAT(keys(json["micro_batches"][0]),
              UnorderedElementsAre("precision", "gradient_checkpointing", "features", "bytes", "fits", "configured"));
  EXPECT_THAT(
      keys(json["micro_batches"][0]["bytes"]),
      UnorderedElementsAre("weights", "gradients", "optimizer", "activations", "workspace", "context", "total"));
  EXPECT_THAT(keys(json["cards"][0]),
              UnorderedElementsAre("gib", "precision", "gradient_checkpointing", "largest_micro_batch"));
  EXPECT_THAT(keys(json["savers"][0]), UnorderedElementsAre("key", "value", "features", "saved_bytes",
                                                            "saved_bytes_of_one", "cost", "automatic"));
  EXPECT_THAT(keys(json["evaluation"]), UnorderedElementsAre("features", "precision", "bytes", "bytes_of_one"));
}

TEST(PlanReport, LeavesReserveAndContextOfACardAlone) {
  const PlanReport report = make_plan_report(base(), {.effective = 12, .micro = 4, .eval = 8}, std::nullopt);
  for (const PlanReport::Card& card : report.cards) {
    StepShape shape = base(card.precision, card.gradient_checkpointing);
    shape.is_cuda = true;
    const std::uint64_t whole = static_cast<std::uint64_t>(card.gigabytes) * kGib;
    const std::uint64_t room = whole * 97 / 100;  // the reserve is 256 MiB of the smallest
    EXPECT_LE(plan_step(shape, card.largest).total(), room) << card.gigabytes;
    if (card.gigabytes > 8) {
      EXPECT_GT(plan_step(shape, card.largest + 1).total(), room - 1024) << card.gigabytes;
    }
  }
}

TEST(PlanReport, HoldsTheContextOfCudaAgainstNoLimit) {
  StepShape shape = base();
  shape.is_cuda = true;
  shape.effective_batch = 1;
  const StepBytes one = plan_step(shape, 1);
  const PlanReport report = make_plan_report(shape, {}, one.tensors());
  EXPECT_GT(one.context, 0U);
  EXPECT_EQ(report.rows.front().fits, true);
  EXPECT_EQ(make_plan_report(shape, {}, one.tensors() - 1).rows.front().fits, false);
}

TEST(PlanReport, TellsWhatOneFeatureTakesAndSavesToo) {
  const Json json = make_plan_report(base(), {.effective = 64, .micro = 32, .eval = 8}, {}).to_json();
  EXPECT_EQ(json["savers"][0]["saved_bytes_of_one"],
            plan_step(base(), 1).tensors() - plan_step(base(Precision::kFp32, true), 1).tensors());
  EXPECT_EQ(json["evaluation"]["bytes"], plan_evaluation(base(), 8).total());
  EXPECT_EQ(json["evaluation"]["bytes_of_one"], plan_evaluation(base(), 1).total());
  const Json bf16 = make_plan_report(base(Precision::kBf16), {.effective = 64, .micro = 32, .eval = 8}, {}).to_json();
  EXPECT_EQ(bf16["evaluation"]["precision"], "bf16");
  EXPECT_EQ(bf16["evaluation"]["bytes"], plan_evaluation(base(Precision::kBf16), 8).total());
}

TEST(Plan, HoldsMixedValuesTwiceWhereAttentionTakesSequencesOneByOne) {
  StepShape shape = base();
  shape.is_cuda = true;
  StepShape without = shape;
  without.encoder.dropout.attention_probs = 0;
  const auto tokens = static_cast<double>(16 * shape.length);
  EXPECT_NEAR(static_cast<double>(plan_step(shape, 16).activations - plan_step(without, 16).activations),
              1.02 * 12 * 4 * 768 * tokens, 2);
}

TEST(Plan, OfFp16OnAGpuBeforeAmpereIsThatOfSequencesOneByOne) {
  StepShape shape = base(Precision::kFp16);
  shape.is_cuda = true;
  StepShape older = shape;
  older.is_before_ampere = true;
  const auto tokens = static_cast<double>(16 * shape.length);
  EXPECT_NEAR(static_cast<double>(plan_step(older, 16).activations - plan_step(shape, 16).activations),
              1.02 * 12 * 2 * 768 * tokens, 2);
  StepShape bf16 = shape;
  bf16.precision = Precision::kBf16;
  EXPECT_EQ(plan_step(shape, 16).tensors(), plan_step(bf16, 16).tensors());
}

TEST(PlanReport, IsOfFp16WhereThatIsConfigured) {
  const PlanReport report = make_plan_report(base(Precision::kFp16), {.effective = 4, .micro = 4, .eval = 8}, {});
  for (const PlanReport::Row& row : report.rows) EXPECT_NE(row.precision, Precision::kBf16);
  EXPECT_EQ(std::ranges::count_if(report.rows, &PlanReport::Row::is_configured), 1);
  EXPECT_EQ(report.to_json()["evaluation"]["precision"], "fp16");
}

}  // namespace
}  // namespace bertft::memory
