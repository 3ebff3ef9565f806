// How a written value becomes a typed one, and what is said when it cannot.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/helpers.h"

namespace bertft::config {
namespace {

double learning_rate(const std::string& text) {
  return resolve_yaml("learning_rate: " + text).options.optim.learning_rate;
}
std::int64_t max_seq_length(const std::string& text) {
  return resolve_yaml("max_seq_length: " + text).options.data.max_seq_length;
}
bool tf32(const std::string& text) {
  return resolve_yaml("tf32: " + text).options.device.tf32;
}

TEST(Values, EveryFormOfANumberIsRead) {
  EXPECT_EQ(learning_rate("3e-5"), 3e-5);
  EXPECT_EQ(learning_rate("3.0E-05"), 3e-5);
  EXPECT_EQ(learning_rate("+.5"), 0.5);
  EXPECT_EQ(learning_rate("1e3"), 1000);
  EXPECT_EQ(learning_rate("0"), 0);
  EXPECT_EQ(learning_rate("0.1"), 0.1);
}

TEST(Values, QuotesDoNotMakeANumberText) {
  EXPECT_EQ(learning_rate("'3e-5'"), 3e-5);
  EXPECT_EQ(max_seq_length("\"384\""), 384);
  EXPECT_TRUE(tf32("'yes'"));
}

TEST(Values, AWholeNumberMayBeWrittenAsADecimal) {
  EXPECT_EQ(max_seq_length("300.0"), 300);
  EXPECT_EQ(max_seq_length("1e3"), 1000);
  EXPECT_EQ(max_seq_length("+200"), 200);
}

TEST(Values, IntegersKeepAll64Bits) {
  EXPECT_EQ(resolve_yaml("seed: 9223372036854775807").options.train.seed, 9223372036854775807);
  EXPECT_EQ(refusal_of_yaml("seed: 9223372036854775808"),
            "a.yaml:1:7: error: seed: expected a non-negative integer, got '9223372036854775808'; that is too large");
  EXPECT_EQ(refusal_of_yaml("seed: 1e16"),
            "a.yaml:1:7: error: seed: expected a non-negative integer, got '1e16'; write all of its digits");
}

TEST(Values, BooleansAreReadInEveryUsualForm) {
  for (const char* yes : {"true", "True", "TRUE", "yes", "on", "On", "1"}) EXPECT_TRUE(tf32(yes)) << yes;
  for (const char* no : {"false", "False", "no", "NO", "off", "0"}) EXPECT_FALSE(tf32(no)) << no;
}

TEST(Values, NoIsTheNameNoWhereNamesAreExpected) {
  EXPECT_EQ(resolve_yaml("save_strategy: no").options.train.save_strategy, train::IntervalStrategy::kNo);
}

TEST(Values, NullLeavesAnOptionUnset) {
  for (const char* null : {"null", "~", "Null", "NULL"}) {
    EXPECT_FALSE(resolve_yaml(std::string("max_grad_norm: ") + null).options.optim.max_grad_norm) << null;
    EXPECT_FALSE(resolve_set("max_grad_norm", null).options.optim.max_grad_norm) << null;
    EXPECT_FALSE(resolve_yaml(std::string("train_file: ") + null).options.data.train_file) << null;
  }
}

TEST(Values, AQuotedNullIsText) {
  EXPECT_EQ(resolve_yaml("resume_from_checkpoint: 'null'").options.train.resume_from_checkpoint, "null");
}

TEST(Values, AutoIsTheUnsetOfOptionsThatSaySo) {
  EXPECT_FALSE(resolve_yaml("null_score_diff_threshold: auto").options.eval.null_score_diff_threshold);
  EXPECT_FALSE(resolve_yaml("bf16: auto").options.device.bf16);
}

TEST(Values, AnAmountOfMemoryIsKeptAsItWasWritten) {
  EXPECT_EQ(resolve_yaml("memory_limit: 12 gib").options.memory.memory_limit, "12 gib");
  EXPECT_EQ(resolve_yaml("memory_limit: 1e99TiB").options.memory.memory_limit, "1e99TiB");  // the device will say
  EXPECT_EQ(resolve_yaml("memory_reserve: 0").options.memory.memory_reserve, "0");
  EXPECT_EQ(resolve_yaml("memory_limit: auto").options.memory.memory_limit, std::nullopt);
}

TEST(Values, HuggingFacesSentinelsAreReadAsUnset) {
  EXPECT_FALSE(resolve_yaml("max_steps: -1").options.train.max_steps);
  EXPECT_FALSE(resolve_yaml("max_grad_norm: 0.0").options.optim.max_grad_norm);
  EXPECT_FALSE(resolve_yaml("save_total_limit: 0").options.train.save_total_limit);
}

struct Refused {
  const char *yaml, *text;
};

void PrintTo(const Refused& refused, std::ostream* out) {
  *out << refused.yaml;
}

class RefusedValue : public testing::TestWithParam<Refused> {};

TEST_P(RefusedValue, IsNamedWithWhatWasExpected) {
  EXPECT_EQ(refusal_of_yaml(GetParam().yaml), std::string("a.yaml:1:") + GetParam().text);
}

const std::vector<Refused> kRefused = {
    {"learning_rate: .nan", "16: error: learning_rate: expected a non-negative number, got '.nan'"},
    {"learning_rate: .inf", "16: error: learning_rate: expected a non-negative number, got '.inf'"},
    {"learning_rate: nan", "16: error: learning_rate: expected a non-negative number, got 'nan'"},
    {"learning_rate: 1e999", "16: error: learning_rate: expected a non-negative number, got '1e999'"},
    {"learning_rate: 0x1p3", "16: error: learning_rate: expected a non-negative number, got '0x1p3'"},
    {"learning_rate: -1", "16: error: learning_rate: expected a non-negative number, got '-1'"},
    {"learning_rate: 3e-5x", "16: error: learning_rate: expected a non-negative number, got '3e-5x'"},
    {"learning_rate: ''", "16: error: learning_rate: expected a non-negative number, got ''"},
    {"learning_rate: null", "16: error: learning_rate: expected a non-negative number, got 'null'"},
    {"learning_rate: [1]", "16: error: learning_rate: expected a non-negative number, got a list"},
    {"learning_rate: {a: 1}", "16: error: learning_rate: expected a non-negative number, got a map"},
    {"max_steps: 1_000", "12: error: max_steps: expected a positive integer or null, got '1_000'; write 1000"},
    {"max_steps: 017",
     "12: error: max_steps: expected a positive integer or null, got '017'; write 17 (some YAML readers take a "
     "leading 0 for octal)"},
    {"max_steps: 0x10", "12: error: max_steps: expected a positive integer or null, got '0x10'"},
    {"max_steps: 2.5", "12: error: max_steps: expected a positive integer or null, got '2.5'"},
    {"max_steps: -2", "12: error: max_steps: expected a positive integer or null, got '-2'"},
    {"max_steps: 1e-400", "12: error: max_steps: expected a positive integer or null, got '1e-400'"},
    {"max_steps: 99999999999999999999",
     "12: error: max_steps: expected a positive integer or null, got '99999999999999999999'; that is too large"},
    {"max_steps: -99999999999999999999",
     "12: error: max_steps: expected a positive integer or null, got '-99999999999999999999'"},
    {"max_steps: 1e308", "12: error: max_steps: expected a positive integer or null, got '1e308'; that is too large"},
    {"max_seq_length: 7",
     "17: error: max_seq_length: expected an integer of at least 8 and of at most 1000000, got '7'"},
    {"adam_beta1: 1", "13: error: adam_beta1: expected a number of at least 0 and below 1, got '1'"},
    {"adam_epsilon: 0", "15: error: adam_epsilon: expected a positive number, got '0'"},
    {"tf32: maybe", "7: error: tf32: expected true or false, got 'maybe'"},
    {"bf16: 2", "7: error: bf16: expected true, false or auto, got '2'"},
    {"save_strategy: step", "16: error: save_strategy: expected no, steps or epoch, got 'step'; did you mean 'steps'?"},
    {"save_strategy: often", "16: error: save_strategy: expected no, steps or epoch, got 'often'"},
    {"train_file: ''", "13: error: train_file: expected a path or null, got ''"},
    {"train_file: \"a\\0b\"", "13: error: train_file: expected a path or null, got 'a\\x00b'"},
    {"memory_limit: 12",
     "15: error: memory_limit: expected an amount such as 12GiB, 900MiB or 50% or auto, got '12'; it has no unit"},
    {"memory_limit: 0GiB",
     "15: error: memory_limit: expected an amount such as 12GiB, 900MiB or 50% or auto, got '0GiB'; that leaves no "
     "memory"},
    {"memory_limit: 0",
     "15: error: memory_limit: expected an amount such as 12GiB, 900MiB or 50% or auto, got '0'; that leaves no "
     "memory"},
    {"memory_reserve: -5%",
     "17: error: memory_reserve: expected an amount such as 12GiB, 900MiB or 50% or auto, got '-5%'; that leaves no "
     "memory"},
    {"memory_reserve: 1lot",
     "17: error: memory_reserve: expected an amount such as 12GiB, 900MiB or 50% or auto, got '1lot'; 'lot' is no "
     "unit of memory"},
    {"batch_size: x", "13: error: batch_size (now per_device_train_batch_size): expected a positive integer, got 'x'"},
    {"warmup_ratio: 1",
     "15: error: warmup_ratio (now warmup_steps): expected a number of at least 0 and below 1, got '1'"},
    {"no_cuda: x", "10: error: no_cuda (now device): expected true or false, got 'x'"},
};
INSTANTIATE_TEST_SUITE_P(Values, RefusedValue, testing::ValuesIn(kRefused));

TEST(Values, NothingBehindTheColonIsAnError) {
  EXPECT_EQ(refusal_of_yaml("max_grad_norm:\nnull_score_diff_threshold: 1\n"),
            "a.yaml:1:1: error: max_grad_norm: expected a positive number or null, got nothing");
  EXPECT_EQ(refusal_of_yaml("{max_steps: , seed: 1}"),
            "a.yaml:1:2: error: max_steps: expected a positive integer or null, got nothing");
  EXPECT_EQ(refusal_of_set("max_steps", ""),
            "max_steps: expected a positive integer or null, got nothing  (--set, argument 1)");
}

TEST(Values, TextOfTheCommandLineMustBeUtf8) {
  EXPECT_EQ(refusal_of_set("train_file", "a\xff"),
            "train_file: expected a path or null, got 'a\\xff'; it must be UTF-8  (--set, argument 1)");
}

TEST(Values, BoundsAreAllowedThemselves) {
  EXPECT_EQ(max_seq_length("1000000"), 1'000'000);
  EXPECT_NE(refusal_of_yaml("max_seq_length: 1000001"), "accepted");
}

}  // namespace
}  // namespace bertft::config
