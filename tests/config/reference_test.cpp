// Help and docs, generated from the declarations.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "bertft/config/config.h"
#include "bertft/util/file.h"
#include "bertft/util/text.h"
#include "config/helpers.h"

namespace bertft::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kRoot = std::string(BERTFT_FIXTURES) + "/../..";

OptionInfo option(const std::string& key) {
  const std::vector<OptionInfo> all = list_options();
  return *std::find_if(all.begin(), all.end(), [&](const OptionInfo& o) { return o.key == key; });
}

TEST(Reference, TheCommittedFileIsTheGeneratedText) {
  const std::string path = kRoot + "/docs/configuration.md";
  if (std::getenv("BERTFT_UPDATE_DOCS")) std::ofstream(path) << reference_markdown();
  EXPECT_EQ(read_file(path), reference_markdown()) << "run this test once with BERTFT_UPDATE_DOCS=1";
}

TEST(Reference, AnOptionTellsAllThatWasDeclared) {
  const OptionInfo length = option("max_seq_length");
  EXPECT_EQ(length.group, "Data");
  EXPECT_EQ(length.type, "integer");
  EXPECT_EQ(length.default_value, "384");
  EXPECT_EQ(length.unit, "tokens");
  EXPECT_EQ(length.range, ">= 8, <= 1000000");
  EXPECT_THAT(length.aliases, ElementsAre("max_length"));
  EXPECT_EQ(option("adam_beta1").range, ">= 0, < 1");
  EXPECT_EQ(option("save_strategy").range, "no|steps|epoch");
  EXPECT_EQ(option("bf16").default_value, "auto");
  EXPECT_EQ(option("bf16").unset_name, "auto");
  EXPECT_EQ(option("tf32").unset_name, "");
  EXPECT_EQ(option("bf16").switches, std::vector<std::string>{"bf16"});
  EXPECT_EQ(option("device").switches, (std::vector<std::string>{"use_cpu", "no_cuda"}));
  EXPECT_EQ(option("train_file").type, "path");
  EXPECT_EQ(option("train_file").default_value, "null");
}

TEST(Reference, TranslatedKeysAreAliasesToo) {
  EXPECT_THAT(option("warmup_steps").aliases, ElementsAre("warmup_ratio"));
  EXPECT_THAT(option("device").aliases, ElementsAre("use_cpu", "no_cuda"));
}

TEST(Reference, EveryOptionHasHelp) {
  for (const OptionInfo& o : list_options()) EXPECT_FALSE(o.help.empty()) << o.key;
}

TEST(Reference, EveryDefaultSatisfiesItsOwnRange) {
  for (const OptionInfo& o : list_options()) EXPECT_EQ(refusal_of_set(o.key, o.default_value), "accepted") << o.key;
}

TEST(Reference, DefaultsAreHuggingFaces) {
  const std::vector<std::pair<std::string, std::string>> published = {{"per_device_train_batch_size", "8"},
                                                                      {"per_device_eval_batch_size", "8"},
                                                                      {"num_train_epochs", "3"},
                                                                      {"learning_rate", "5e-05"},
                                                                      {"weight_decay", "0"},
                                                                      {"adam_beta1", "0.9"},
                                                                      {"adam_beta2", "0.999"},
                                                                      {"adam_epsilon", "1e-08"},
                                                                      {"max_grad_norm", "1"},
                                                                      {"max_steps", "null"},
                                                                      {"lr_scheduler_type", "linear"},
                                                                      {"warmup_steps", "0"},
                                                                      {"logging_steps", "500"},
                                                                      {"save_steps", "500"},
                                                                      {"save_strategy", "steps"},
                                                                      {"eval_strategy", "no"},
                                                                      {"seed", "42"},
                                                                      {"gradient_accumulation_steps", "1"},
                                                                      {"max_seq_length", "384"},
                                                                      {"doc_stride", "128"},
                                                                      {"n_best_size", "20"},
                                                                      {"max_answer_length", "30"},
                                                                      {"null_score_diff_threshold", "0"}};
  for (const auto& [key, value] : published) EXPECT_EQ(option(key).default_value, value) << key;
}

TEST(Help, FitsInto80ColumnsAndNamesEveryFlag) {
  const std::string help = help_for_options();
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(count_code_points(line), 80u) << line;
  for (const OptionInfo& o : list_options()) EXPECT_THAT(help, HasSubstr("  " + flag_of(o.key)));
}

TEST(Help, ShowsUnitRangeDefaultAndOldNames) {
  EXPECT_THAT(help_for_options(), HasSubstr("\nData:\n"));
  EXPECT_THAT(help_for_options(),
              HasSubstr("  --max-seq-length N        longest window, with [CLS] and [SEP]; no longer than\n"
                        "                            the tokenizer's model_max_length (>= 8, <= 1000000;\n"
                        "                            default 384 tokens; also max_length)\n"));
  EXPECT_THAT(help_for_options(), HasSubstr("(no|steps|epoch;"));
}

class Recipe : public testing::TestWithParam<const char*> {};

TEST_P(Recipe, LoadsWithoutANoticeAndIsReadyToTrain) {
  const Resolved resolved =
      resolve({.files = {kRoot + "/configs/" + GetParam()}, .environment = {}, .command_line = {}});
  EXPECT_TRUE(resolved.notices.empty());
  EXPECT_NO_THROW(require_for_training(resolved));
}
INSTANTIATE_TEST_SUITE_P(Configs, Recipe, testing::Values("quickstart.yaml", "squad.yaml", "squad-small-gpu.yaml"));

TEST(Recipes, OfSquadIsTheOneThatWasPublished) {
  const Options options =
      resolve({.files = {kRoot + "/configs/squad.yaml"}, .environment = {}, .command_line = {}}).options;
  EXPECT_EQ(std::filesystem::path(*options.model.model_name_or_path).filename(), "bert-base-uncased");
  EXPECT_EQ(options.data.max_seq_length, 384);
  EXPECT_EQ(options.data.doc_stride, 128);
  EXPECT_EQ(options.train.num_train_epochs, 2);
  EXPECT_EQ(options.optim.learning_rate, 3e-5);
}

TEST(Recipes, TheSmallCardTrainsTheSameEffectiveBatch) {
  const auto effective_batch = [](const char* name) {
    const auto& train =
        resolve({.files = {kRoot + "/configs/" + name}, .environment = {}, .command_line = {}}).options.train;
    return train.per_device_train_batch_size * train.gradient_accumulation_steps;
  };
  EXPECT_EQ(effective_batch("squad.yaml"), 32);
  EXPECT_EQ(effective_batch("squad-small-gpu.yaml"), 32);
}

}  // namespace
}  // namespace bertft::config
