#include "report/metrics_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <limits>
#include <string>

#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/json.h"
#include "temporary_directory.h"

namespace bertft::report {
namespace {

class MetricsFileTest : public testing::Test {
 protected:
  std::unique_ptr<Observer> open(std::optional<std::int64_t> resumed_step = {}) {
    return make_metrics_file(directory_.path(), resumed_step, [this] { return now_s_; });
  }

  // A step of 0.5 s with 32 features and its log line.
  void train(Observer& metrics, std::int64_t step) {
    now_s_ += 0.5;
    metrics.on(StepFinished{.step = step, .num_features = 32});
    metrics.on(LogDue{
        .step = step, .epoch = 0.25, .loss = 1.5, .grad_norm = 2, .learning_rate = 3e-5, .peak_memory_bytes = 1000});
  }

  std::string path() const { return directory_ / "metrics.jsonl"; }
  std::string content() const { return read_file(path()); }

  double now_s_ = 1000;
  TemporaryDirectory directory_;
};

TEST_F(MetricsFileTest, WritesOneObjectALineWithTimingApart) {
  const auto metrics = open();
  metrics->on(RunStarted{});
  train(*metrics, 1);
  metrics->on(Evaluated{.step = 1,
                        .epoch = 0.25,
                        .metrics = {{"exact", 50.0}, {"total", 4}},
                        .runtime_s = 2,
                        .num_features = 8,
                        .is_best = true});
  metrics->on(SavingCheckpoint{.step = 1, .directory = "/somewhere/checkpoint-1", .blocked_s = 0.25});
  metrics->on(RunFinished{.outcome = "done", .step = 1, .runtime_s = 4, .num_features = 32, .peak_memory_bytes = 1000});
  EXPECT_EQ(content(),
            R"({"kind":"log","step":1,"epoch":0.25,"loss":1.5,"grad_norm":2.0,"learning_rate":3e-05,)"
            R"("timing":{"features_per_s":null,"peak_memory_bytes":1000,"elapsed_s":0.5}})"
            "\n"
            R"({"kind":"eval","step":1,"epoch":0.25,"metrics":{"exact":50.0,"total":4},"num_features":8,)"
            R"("is_best":true,"timing":{"runtime_s":2.0,"elapsed_s":0.5}})"
            "\n"
            R"({"kind":"checkpoint","step":1,"name":"checkpoint-1","timing":{"blocked_s":0.25,"elapsed_s":0.5}})"
            "\n"
            R"({"kind":"finish","step":1,"outcome":"done","timing":{"runtime_s":4.0,"num_features":32,)"
            R"("features_per_s":8.0,"peak_memory_bytes":1000,"elapsed_s":0.5}})"
            "\n");
}

TEST_F(MetricsFileTest, TellsOfACheckpointThatWasBegunAndIsNotThere) {
  const auto metrics = open();
  metrics->on(SavingCheckpoint{.step = 1, .directory = "run/checkpoint-1"});
  metrics->on(SavingFailed{.step = 1, .reason = "no space"});
  EXPECT_THAT(content(), testing::EndsWith(R"({"kind":"checkpoint_failed","step":1,"reason":"no space",)"
                                           R"("timing":{"elapsed_s":0.0}})"
                                           "\n"));
}

TEST_F(MetricsFileTest, KnowsTheRateFromTheThirdStepOn) {
  const auto metrics = open();
  for (std::int64_t step = 1; step <= 3; ++step) train(*metrics, step);
  EXPECT_THAT(content(), testing::HasSubstr(R"("features_per_s":64.0)"));
}

TEST_F(MetricsFileTest, WritesNumbersThatAreNotFiniteAsNull) {
  open()->on(LogDue{.step = 1, .loss = std::numeric_limits<double>::quiet_NaN()});
  EXPECT_THAT(content(), testing::HasSubstr(R"("loss":null)"));
}

TEST_F(MetricsFileTest, SurvivesDirectoryNamesThatAreNotUtf8) {
  open()->on(SavingCheckpoint{.step = 1, .directory = "runs/\xFF\xFE"});
  EXPECT_NO_THROW(parse_json(content(), "metrics.jsonl"));
}

TEST_F(MetricsFileTest, StartsEmptyForANewRun) {
  train(*open(), 1);
  open();
  EXPECT_EQ(content(), "");
}

TEST_F(MetricsFileTest, KeepsWhatARunWroteUpToTheResumedStepByteForByte) {
  std::string up_to_two;
  {
    const auto metrics = open();
    train(*metrics, 1);
    train(*metrics, 2);
    up_to_two = content();
    train(*metrics, 3);
  }
  open(2);
  EXPECT_EQ(content(), up_to_two);
}

TEST_F(MetricsFileTest, KeepsTheEvaluationOfARunThatWasEndedBeforeItsFirstStep) {
  open()->on(Evaluated{.step = 0, .metrics = {{"f1", 50.0}}});
  const std::string before = content();
  open(0);
  EXPECT_EQ(content(), before);
}

TEST_F(MetricsFileTest, EqualsAnUninterruptedRunButForTiming) {
  const auto deterministic_part = [this] {
    std::string lines;
    const std::string text = content();
    for (std::size_t begin = 0; begin < text.size(); begin = text.find('\n', begin) + 1) {
      Json line = parse_json(text.substr(begin, text.find('\n', begin) - begin), "metrics.jsonl");
      line.erase("timing");
      lines += line.dump() + "\n";
    }
    return lines;
  };
  {
    const auto metrics = open();
    for (std::int64_t step = 1; step <= 5; ++step) train(*metrics, step);
    metrics->on(RunFinished{.outcome = "done", .step = 5});
  }
  const std::string uninterrupted = deterministic_part();
  {
    const auto metrics = open();
    for (std::int64_t step = 1; step <= 3; ++step) train(*metrics, step);
    metrics->on(RunFinished{.outcome = "interrupted by SIGTERM", .step = 3});
  }
  {
    now_s_ += 1e6;
    const auto metrics = open(3);
    for (std::int64_t step = 4; step <= 5; ++step) train(*metrics, step);
    metrics->on(RunFinished{.outcome = "done", .step = 5});
  }
  EXPECT_EQ(deterministic_part(), uninterrupted);
}

TEST_F(MetricsFileTest, DropsWhatAKilledProcessLeftHalfWritten) {
  std::string whole;
  {
    const auto metrics = open();
    train(*metrics, 1);
    whole = content();
  }
  for (std::size_t cut = 0; cut < whole.size(); cut += 9) {
    AppendFile(path()).append(whole.substr(0, cut));
    open(1);
    ASSERT_EQ(content(), whole) << cut;
  }
  AppendFile(path()).append(std::string(64, '\0') + "\n");
  open(1);
  EXPECT_EQ(content(), whole);
}

TEST_F(MetricsFileTest, CanResumeWithoutAnEarlierFile) {
  train(*open(7), 8);
  EXPECT_THAT(content(), testing::StartsWith(R"({"kind":"log","step":8,)"));
}

TEST_F(MetricsFileTest, RefusesADirectoryThatIsNotThere) {
  EXPECT_THROW(make_metrics_file(directory_ / "none", 0, [] { return 0.0; }), StorageError);
}

TEST_F(MetricsFileTest, LeavesLoadingEvaluationAndSavingOutOfTheRate) {
  const auto metrics = open();
  now_s_ += 500;
  metrics->on(RunStarted{});
  for (std::int64_t step = 1; step <= 4; ++step) train(*metrics, step);
  EXPECT_THAT(content(), testing::HasSubstr(R"("elapsed_s":2.0)"));
  now_s_ += 500;
  metrics->on(Evaluated{.step = 4, .metrics = Json::object()});
  train(*metrics, 5);
  now_s_ += 500;
  metrics->on(SavingCheckpoint{.step = 5, .directory = "runs/x/checkpoint-5"});
  train(*metrics, 6);
  const std::string text = content();
  EXPECT_THAT(text.substr(text.rfind(R"("kind":"log")")), testing::HasSubstr(R"("features_per_s":64.0)"));
}

TEST_F(MetricsFileTest, KeepsLinesThatFindNoRoomForTheNextOne) {
  const auto metrics = open();
  train(*metrics, 1);
  const std::string before = content();
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit full{.rlim_cur = before.size() + 10, .rlim_max = old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
  train(*metrics, 2);
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, previous);
  EXPECT_EQ(content(), before);
  train(*metrics, 3);
  EXPECT_THAT(content(), testing::AllOf(testing::HasSubstr(R"("step":2)"), testing::HasSubstr(R"("step":3)")));
}

}  // namespace
}  // namespace bertft::report
