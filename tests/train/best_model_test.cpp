#include "train/best_model.h"

#include <gtest/gtest.h>

#include "bertft/util/error.h"

namespace bertft::train {
namespace {

struct Case {
  BestMetric metric;
  std::optional<bool> greater_is_better;
  double best, now;
  bool is_better, is_gain;  // of more than 0.5
};

TEST(BestModel, IsBetterAtAllAndAGainByMoreThanTheThreshold) {
  TrainOptions options;
  options.early_stopping_threshold = 0.5;
  for (const Case& c :
       {Case{BestMetric::kF1, {}, 50, 51, true, true}, Case{BestMetric::kF1, {}, 50, 50.5, true, false},
        Case{BestMetric::kF1, {}, 50, 50, false, false}, Case{BestMetric::kF1, {}, 50, 40, false, false},
        Case{BestMetric::kLoss, {}, 2, 1, true, true}, Case{BestMetric::kLoss, {}, 2, 1.75, true, false},
        Case{BestMetric::kLoss, {}, 2, 3, false, false}, Case{BestMetric::kLoss, true, 2, 3, true, true},
        Case{BestMetric::kExact, false, 50, 40, true, true}}) {
    options.metric_for_best_model = c.metric;
    options.greater_is_better = c.greater_is_better;
    const Json metrics = {{name_of(c.metric), c.now}};
    EXPECT_EQ(is_better(metrics, options, c.best), c.is_better) << name_of(c.metric) << ' ' << c.now;
    EXPECT_EQ(is_gain(metrics, options, c.best), c.is_gain) << name_of(c.metric) << ' ' << c.now;
  }
}

TEST(BestModel, IsTheFirstOneWhateverItsMetric) {
  const TrainOptions options;
  EXPECT_TRUE(is_better({{"f1", 0.0}}, options, std::nullopt));
  EXPECT_TRUE(is_gain({{"f1", 0.0}}, options, std::nullopt));
}

TEST(BestModel, AsksForAMetricThatTheEvaluationHas) {
  TrainOptions options;
  options.metric_for_best_model = BestMetric::kBestF1;
  EXPECT_THROW(is_better({{"f1", 1.0}}, options, 0.5), ConfigError);
}

}  // namespace
}  // namespace bertft::train
