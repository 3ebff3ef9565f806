#include "train/history.h"

#include <gtest/gtest.h>

#include <limits>

namespace bertft::train {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(History, HoldsLogsUnderHuggingFacesKeys) {
  RunState state;
  add_log(state, {.step = 10, .epoch = 0.5, .loss = 2.5, .grad_norm = 1.5, .learning_rate = 1e-5});
  EXPECT_EQ(state.log_history,
            Json::parse(R"([{"epoch": 0.5, "grad_norm": 1.5, "learning_rate": 1e-05, "loss": 2.5, "step": 10}])"));
}

TEST(History, HoldsNullForWhatIsNotFinite) {
  RunState state;
  add_log(state, {.step = 10, .epoch = 0.5, .loss = kNan, .grad_norm = kNan, .learning_rate = 1e-5});
  state.step = 10;
  add_evaluation(state, eval::Metrics{}, kNan, 0.5);
  EXPECT_EQ(state.log_history[1]["epoch"], 0.5);
  EXPECT_EQ(state.log_history[1]["step"], 10);
  EXPECT_TRUE(state.log_history[0]["loss"].is_null());
  EXPECT_TRUE(state.log_history[0]["grad_norm"].is_null());
  EXPECT_TRUE(state.log_history[1]["eval_loss"].is_null());
}

TEST(History, KnowsWhetherThisStepHasBeenEvaluated) {
  RunState state;
  state.step = 4;
  add_log(state, {.step = 4});
  EXPECT_FALSE(is_evaluated(state));
  add_evaluation(state, eval::Metrics{}, 1.0, 0.5);
  EXPECT_TRUE(is_evaluated(state));
  ++state.step;
  EXPECT_FALSE(is_evaluated(state));
}

}  // namespace
}  // namespace bertft::train
