#include "bertft/eval/answers.h"

#include <gtest/gtest.h>

namespace bertft::eval {
namespace {

TEST(Score, TakesNoAnswerBackForItsOddsWhichAreNoProbabilities) {
  data::Dataset dataset;
  dataset.questions.push_back({"q", "?", 0, false, {{"x", 0, true}}});
  const data::Features features;
  const EvalOptions options;
  const Task task{dataset, features, options, 10, true};
  const Metrics metrics = score(task, {{"x", {}, 5, "x"}});  // answered, since 5 does not exceed 10
  EXPECT_EQ(metrics.exact, 100);
  EXPECT_EQ(metrics.best->exact_threshold, 5);
}

}  // namespace
}  // namespace bertft::eval
