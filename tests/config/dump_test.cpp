// The resolved configuration as a file that says the same again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "config/helpers.h"
#include "config/scalar.h"
#include "config/schema.h"

namespace bertft::config {
namespace {

using testing::HasSubstr;

void expect_equal(Options a, Options b) {
  const std::vector<Field> left = fields_of(a), right = fields_of(b);
  for (std::size_t i = 0; i < left.size(); ++i) EXPECT_EQ(left[i].get(), right[i].get()) << left[i].key;
}

void expect_round_trip(const Resolved& resolved) {
  const std::string yaml = to_yaml(resolved);
  SCOPED_TRACE(yaml);
  const Resolved again = resolve_yaml(yaml);
  expect_equal(resolved.options, again.options);
  EXPECT_TRUE(again.notices.empty());
}

TEST(Dump, HoldsEveryKeyWithItsOrigin) {
  const std::string yaml = to_yaml(resolve_yaml("\nlearning_rate: 3.0e-5\nbf16: auto\nmax_steps: null\n"));
  EXPECT_THAT(yaml, HasSubstr("\n# Optimizer\nlearning_rate: 3.0e-05  # a.yaml:2\n"));
  EXPECT_THAT(yaml, HasSubstr("\nbf16: auto  # a.yaml:3\n"));
  EXPECT_THAT(yaml, HasSubstr("\nmax_steps: null  # a.yaml:4\n"));
  EXPECT_THAT(yaml, HasSubstr("\neval_strategy: \"no\"  # default\n"));
  for (const OptionInfo& option : list_options()) EXPECT_THAT(yaml, HasSubstr("\n" + option.key + ": "));
}

// Python's YAML reads these, bare, as numbers, dates or not at all.
TEST(Dump, QuotesTextsThatOtherReadersTakeForSomethingElse) {
  for (const std::string text : {"017", "0x10", "1:30", "1_000", "2020-01-01", "=", "<<", ".5", "~", "-", "+1"}) {
    Resolved resolved;
    resolved.options.train.resume_from_checkpoint = text;
    EXPECT_THAT(to_yaml(resolved), HasSubstr("\nresume_from_checkpoint: \"" + text + "\"  #")) << text;
  }
  for (const std::string text : {"auto", "runs/x", "/runs/1", "./1", "../x"}) {
    Resolved resolved;
    resolved.options.train.resume_from_checkpoint = text;
    EXPECT_THAT(to_yaml(resolved), HasSubstr("\nresume_from_checkpoint: " + text + "  #")) << text;
  }
}

TEST(Dump, TheDefaultsComeBackEqual) {
  expect_round_trip(resolve_texts({}, {}, {}));
}

TEST(Dump, EveryUnsetOptionalComesBackUnset) {
  Resolved resolved;
  for (const Field& field : fields_of(resolved.options)) {
    if (field.is_optional) field.set({});
  }
  expect_round_trip(resolved);
}

TEST(Dump, EveryNameOfEveryEnumComesBackEqual) {
  Options defaults;
  for (const Field& declared : fields_of(defaults)) {
    for (const std::string_view name : declared.names) {
      Resolved resolved;
      resolved.options.data.validation_file = "/dev.json";
      for (const Field& field : fields_of(resolved.options)) {
        if (field.key == declared.key) field.set(std::string(name));
      }
      expect_round_trip(resolved);
    }
  }
}

TEST(Dump, DoublesComeBackToTheSameBits) {
  std::mt19937_64 bits(7);
  for (int i = 0; i < 300; ++i) {
    Resolved resolved;
    double x = 0;
    do {
      x = std::bit_cast<double>(bits() >> 1);  // non-negative
    } while (!std::isfinite(x));
    resolved.options.optim.learning_rate = x;
    resolved.options.optim.adam_beta1 = std::generate_canonical<double, 53>(bits);
    resolved.options.eval.null_score_diff_threshold = -x;
    expect_round_trip(resolved);
  }
}

TEST(Dump, TheEdgesOfDoublesComeBackToTheSameBits) {
  for (const double x :
       {5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1, 1.0 / 3.0, 1e22, 123456789012345680.0}) {
    Resolved resolved;
    resolved.options.optim.weight_decay = x;
    resolved.options.eval.null_score_diff_threshold = -x;
    expect_round_trip(resolved);
  }
}

TEST(Dump, AnyPathComesBackEqual) {
  const std::vector<std::string> names = {"null",   "~",      "no",      "a: b",  "a #b", "#x",  " lead",  "trail ",
                                          "-",      "- a",    "'q'",     "\"d\"", "*x",   "&y",  "!t",     "%p",
                                          "@a",     "`b",     "[x]",     "{y}",   "?",    "a:",  ":a",     "\r",
                                          "\n",     "\t",     "\x01",    "\x7f",  "\\n",  "...", "---",    "ü",
                                          "\u0085", "\u2028", "\uFEFFx", "日本",  "😀",   "1e3", "a\n\nb", "|"};
  for (const std::string& name : names) {
    Resolved resolved;
    resolved.options.data.train_file = "/" + name;
    resolved.options.train.resume_from_checkpoint = name;
    resolved.origins["train_file"] = name;
    expect_round_trip(resolved);
  }
}

}  // namespace
}  // namespace bertft::config
