#include "config/relations.h"

#include <gtest/gtest.h>

#include <string>

#include "config/helpers.h"
#include "message_of.h"

namespace bertft::config {
namespace {

TEST(Relations, MicroBatchesAreCutByFeaturesOrByTokens) {
  EXPECT_EQ(
      message_of<ConfigError>([] {
        resolve_texts({{"a.yaml", "micro_batch_features: 4\n"}}, {},
                      {{"micro_batch_tokens", "4096", "--set, argument 1"}});
      }),
      "micro_batch_features: 4 (a.yaml:1) and micro_batch_tokens: 4096 (--set, argument 1) exclude each other; set "
      "one of them to null");
}

TEST(Relations, TheOverlapLeavesRoomInTheWindow) {
  EXPECT_EQ(refusal_of_yaml("max_seq_length: 128"),
            "doc_stride: 128 (default) must be below max_seq_length - 3, with max_seq_length: 128 (a.yaml:1); lower "
            "doc_stride or raise max_seq_length");
  EXPECT_NE(refusal_of_yaml("max_seq_length: 131"), "accepted");
  EXPECT_EQ(refusal_of_yaml("max_seq_length: 132"), "accepted");
}

TEST(Relations, StepCountsAboveOneAreWhole) {
  EXPECT_EQ(
      refusal_of_yaml("save_steps: 1.5"),
      "save_steps: 1.5 (a.yaml:1) is not a whole number; above 1 it counts steps, below 1 it is a share of all steps");
  EXPECT_NE(refusal_of_yaml("logging_steps: 1.5"), "accepted");
  EXPECT_NE(refusal_of_yaml("warmup_steps: 10.1"), "accepted");
  EXPECT_NE(refusal_of_yaml("eval_steps: 10.1"), "accepted");
  EXPECT_EQ(refusal_of_yaml("logging_steps: 0.05\nwarmup_steps: 1\nsave_steps: 20.0\n"), "accepted");
}

TEST(Relations, EvaluatingNeedsData) {
  EXPECT_EQ(refusal_of_yaml("eval_strategy: steps"),
            "eval_strategy: steps (a.yaml:1) needs validation_file, which is not set; set it, or eval_strategy: no");
  EXPECT_EQ(refusal_of_yaml("eval_on_start: true"),
            "eval_on_start: true (a.yaml:1) needs validation_file, which is not set; set it, or eval_on_start: false");
  EXPECT_EQ(refusal_of_yaml("eval_strategy: epoch\neval_on_start: true\nvalidation_file: dev.json"), "accepted");
}

TEST(Relations, AMisspeltKeyDoesNotCauseASecondError) {
  EXPECT_EQ(refusal_of_yaml("eval_strategy: steps\nvalidation_fil: dev.json"),
            "a.yaml:2:1: error: unknown key 'validation_fil'; did you mean 'validation_file'?");
}

constexpr const char* kBest = "load_best_model_at_end: true\nvalidation_file: dev.json\n";

TEST(Relations, TheBestModelNeedsEvaluations) {
  EXPECT_EQ(
      refusal_of_yaml(kBest),
      "load_best_model_at_end: true (a.yaml:1) needs evaluations, and eval_strategy: no (default); set eval_strategy "
      "to steps or epoch");
}

TEST(Relations, TheBestModelNeedsCheckpoints) {
  const std::string best = kBest + std::string("eval_strategy: steps\n");
  EXPECT_EQ(refusal_of_yaml(best + "save_strategy: no\n"),
            "load_best_model_at_end: true (a.yaml:1) needs checkpoints, and save_strategy: no (a.yaml:4); set "
            "save_strategy to steps or epoch");
  EXPECT_EQ(refusal_of_yaml(best + "save_strategy: epoch\n"), "accepted");
  EXPECT_EQ(refusal_of_yaml(best + "eval_steps: 300\nsave_steps: 500\n"), "accepted") << "a best one is saved besides";
}

TEST(Relations, EarlyStoppingNeedsTheBestModel) {
  EXPECT_EQ(refusal_of_yaml("early_stopping_patience: 3"),
            "early_stopping_patience: 3 (a.yaml:1) needs load_best_model_at_end: true; set it, or remove the patience");
}

TEST(Relations, TrainingNamesAllThatIsMissing) {
  EXPECT_EQ(message_of<ConfigError>([] { require_for_training(resolve_yaml("train_file: t.json")); }),
            "training needs model_name_or_path, output_dir, not set so far\n       add 'model_name_or_path: ...', "
            "'output_dir: ...' to the file given with --config, or --model-name-or-path DIR --output-dir DIR");
  EXPECT_EQ(message_of<ConfigError>(
                [] { require_for_training(resolve_yaml("model_name_or_path: m\ntrain_file: t.json\noutput_dir: o")); }),
            "accepted");
}

TEST(Relations, AValueThatIsRefusedDoesNotCauseASecondError) {
  EXPECT_EQ(refusal_of_yaml("max_seq_length: 5l2\ndoc_stride: 500\n").find("errors"), std::string::npos);
  EXPECT_EQ(refusal_of_yaml("eval_strategy: steps\nvalidation_file: ~/dev.json\n").find("errors"), std::string::npos);
  EXPECT_EQ(refusal_of_yaml("max_seq_length: 20\nmax_length: 512\n").find("errors"), std::string::npos);
}

}  // namespace
}  // namespace bertft::config
