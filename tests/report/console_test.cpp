#include "report/console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "bertft/util/text.h"

namespace bertft::report {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// A console whose screen is a record and whose clock is a variable.
class ConsoleTest : public testing::Test {
 protected:
  void start(bool is_terminal, RunStarted event = {.rows = {}, .total_steps = 8236}) {
    make(is_terminal);
    console_->on(event);
  }

  void make(bool is_terminal) {
    Screen screen;
    screen.is_terminal = is_terminal;
    screen.shows_blocks = shows_blocks_;
    screen.columns = [this] { return columns_; };
    screen.info = [this](std::string_view line) { lines_.emplace_back(line); };
    screen.result = screen.info;
    screen.warn = [this](std::string_view line) { warnings_.emplace_back(line); };
    screen.set_status_line = [this](std::string_view line) {
      status_ = line;
      ++num_draws_;
    };
    console_ = make_console(screen, [this] { return now_s_; });
  }

  // Steps of 0.5 s with 32 features up to `last_step`.
  void train_to(std::int64_t last_step) {
    while (step_ < last_step) {
      now_s_ += 0.5;
      ++step_;
      console_->on(StepFinished{.step = step_, .epoch = 0.1, .num_features = 32, .learning_rate = 2.7e-5});
    }
  }

  LogDue log_due() const {
    return {.step = step_,
            .epoch = 0.4857,
            .loss = 1.10234,
            .grad_norm = 2.9,
            .learning_rate = 2.5e-5,
            .peak_memory_bytes = std::uint64_t{15} << 29};
  }

  bool shows_blocks_ = false;
  int columns_ = 200;
  double now_s_ = 1000;
  std::int64_t step_ = 0;
  std::vector<std::string> lines_, warnings_;
  std::string status_;
  int num_draws_ = 0;
  std::unique_ptr<Observer> console_;
};

TEST_F(ConsoleTest, PrintsTheStartAsAlignedRows) {
  start(false, {.rows = {{"data", "train 10 questions\n0 bad offsets"}, {"output", "runs/x (new)"}}, .total_steps = 3});
  EXPECT_THAT(lines_, ElementsAre("data     train 10 questions", "         0 bad offsets", "output   runs/x (new)"));
}

TEST_F(ConsoleTest, WidensTheColumnForALongName) {
  start(false, {.rows = {{"a long ñame", "x"}, {"b", "y"}}, .total_steps = 3});
  EXPECT_THAT(lines_, ElementsAre("a long ñame  x", "b            y"));
}

TEST_F(ConsoleTest, ShowsAllFieldsInTheStatusLine) {
  start(true);
  train_to(100);
  console_->on(log_due());
  EXPECT_EQ(status_,
            "step    100/8,236  1%  loss 1.102  |g| 2.9  lr 2.5e-05  64 features/s  peak 7.5 GiB  elapsed 0:50  "
            "left 1:07:48");
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("step=100 epoch=0.49 loss=1.102 grad_norm=2.9")));
}

TEST_F(ConsoleTest, ShowsASignOfLifeBeforeTheFirstStep) {
  start(true, {.rows = {}, .total_steps = 50, .first_step = 20});
  EXPECT_EQ(status_, "step  20/50  40%  elapsed 0:00");
}

TEST_F(ConsoleTest, NeverFillsTheLastColumnHoweverNarrowTheTerminal) {
  shows_blocks_ = true;
  start(true);
  train_to(4000);
  for (columns_ = 0; columns_ <= 140; ++columns_) {
    console_->on(log_due());
    EXPECT_LE(count_code_points(status_), static_cast<std::size_t>(std::max(columns_ - 1, 0)));
  }
  columns_ = 40;
  console_->on(log_due());
  EXPECT_EQ(status_, "step  4,000/8,236  48%  loss 1.102");
  columns_ = 80;
  console_->on(log_due());
  EXPECT_EQ(status_, "step  4,000/8,236  48%  loss 1.102  64 features/s  peak 7.5 GiB  left 35:18");
}

TEST_F(ConsoleTest, CountsTheEvaluationsToComeAmongTheTimeLeft) {
  start(true, {.rows = {}, .total_steps = 100, .eval_interval = 30});
  train_to(30);
  console_->on(log_due());
  EXPECT_THAT(status_, testing::EndsWith("left 0:35")) << "as long as none has been timed";
  console_->on(Evaluated{.step = 30, .runtime_s = 10});
  console_->on(log_due());
  EXPECT_THAT(status_, testing::EndsWith("left 1:05")) << "70 steps, and after 60, 90 and 100 an evaluation";
}

TEST_F(ConsoleTest, CountsTheEvaluationOfTheStepJustDone) {
  start(true, {.rows = {}, .total_steps = 40, .eval_interval = 20});
  train_to(20);
  console_->on(Evaluated{.step = 20, .runtime_s = 10});
  train_to(40);
  console_->on(log_due());
  EXPECT_THAT(status_, testing::EndsWith("left 0:10")) << "that of the last step";
  console_->on(Evaluated{.step = 40, .runtime_s = 10});
  console_->on(log_due());
  EXPECT_THAT(status_, testing::EndsWith("left 0:00"));
}

TEST_F(ConsoleTest, ShowsNoSignOfALossThatIsNoNumber) {
  start(false);
  LogDue due = log_due();
  due.loss = due.grad_norm = std::copysign(std::numeric_limits<double>::quiet_NaN(), -1.0);
  console_->on(due);
  EXPECT_THAT(lines_.back(), HasSubstr(" loss=nan grad_norm=nan "));
}

TEST_F(ConsoleTest, DrawsABarOnlyWhereBlocksAreShown) {
  shows_blocks_ = true;
  start(true, {.rows = {}, .total_steps = 80});
  train_to(25);
  console_->on(log_due());
  EXPECT_THAT(status_, testing::EndsWith("left 0:28  ███▏"));
}

TEST_F(ConsoleTest, RedrawsAtMostTenTimesASecond) {
  start(true);
  const int before = num_draws_;
  for (std::int64_t i = 1; i <= 1000; ++i) {
    now_s_ += 0.001;
    console_->on(StepFinished{.step = i, .num_features = 1});
  }
  EXPECT_LE(num_draws_ - before, 10);
  EXPECT_GE(num_draws_ - before, 9);
}

TEST_F(ConsoleTest, WritesOneLineForEachLogOffATerminal) {
  start(false);
  train_to(50);
  console_->on(log_due());
  EXPECT_THAT(lines_, ElementsAre("step=50 epoch=0.49 loss=1.102 grad_norm=2.9 lr=2.5e-05 features_s=64 mem_gib=7.5 "
                                  "eta_s=4093"));
  EXPECT_EQ(num_draws_, 0);
}

TEST_F(ConsoleTest, IsNeverSilentForMoreThanThirtySeconds) {
  start(false);
  double last_line_s = now_s_;
  std::size_t num_lines = lines_.size();
  for (std::int64_t i = 1; i <= 40; ++i) {
    now_s_ += 7;
    console_->on(
        StepFinished{.step = i, .epoch = 0.5, .num_features = 8, .learning_rate = 1e-5, .loss = 2, .grad_norm = 3});
    if (lines_.size() > num_lines) {
      EXPECT_LE(now_s_ - last_line_s, 30);
      last_line_s = now_s_;
      num_lines = lines_.size();
    }
  }
  EXPECT_GE(num_lines, 9u);
  EXPECT_LE(num_lines, 14u);
  EXPECT_THAT(lines_.front(), HasSubstr("step=4 epoch=0.50 batch_loss=2 grad_norm=3 lr=1e-05 features_s=1.1"));
}

TEST_F(ConsoleTest, SpeaksDuringALongStepToo) {
  start(false);
  for (std::int64_t done = 10; done <= 700; done += 10) {
    now_s_ += 1;
    console_->on(StepProgress{.step = 3, .done = done, .total = 710});
  }
  EXPECT_THAT(lines_, ElementsAre("step=3 done=300 total=710", "step=3 done=600 total=710"));
}

TEST_F(ConsoleTest, RedrawsItsLineDuringALongStepToo) {
  start(true);
  train_to(2);
  const std::string before = status_;
  now_s_ += 100;
  console_->on(StepProgress{.step = 3, .done = 10, .total = 710});
  EXPECT_NE(status_, before) << "the time goes on";
}

TEST_F(ConsoleTest, SpeaksDuringALongEvaluationToo) {
  start(false);
  for (std::int64_t done = 0; done <= 700; done += 10) {
    console_->on(EvaluationProgress{.done = done, .total = 700});
    now_s_ += 1;
  }
  EXPECT_THAT(lines_, ElementsAre("eval done=300 total=700 features_s=10", "eval done=600 total=700 features_s=10"));
}

TEST_F(ConsoleTest, ShowsAnEvaluationWithoutARun) {
  make(true);
  now_s_ += 3600;
  console_->on(EvaluationProgress{.done = 0, .total = 6078});
  now_s_ += 2;
  console_->on(EvaluationProgress{.done = 1200, .total = 6078});
  EXPECT_EQ(status_, "eval  1,200/6,078  19%  600 features/s  left 0:08");
}

TEST_F(ConsoleTest, LeavesTheFirstTwoStepsOutOfTheRate) {
  start(false);
  now_s_ += 25;  // compilation, allocation
  console_->on(StepFinished{.step = 1, .num_features = 32});
  now_s_ += 3;
  console_->on(StepFinished{.step = 2, .num_features = 32});
  EXPECT_EQ(lines_.size(), 1u);
  EXPECT_EQ(lines_[0].find("features_s"), std::string::npos);
  step_ = 2;
  train_to(3);
  console_->on(log_due());
  EXPECT_THAT(lines_.back(), HasSubstr("features_s=64 "));
}

TEST_F(ConsoleTest, LeavesEvaluationAndSavingOutOfTheRate) {
  start(false);
  train_to(10);
  now_s_ += 500;
  console_->on(Evaluated{.step = 10, .metrics = Json::object()});
  train_to(12);
  now_s_ += 500;
  console_->on(SavingCheckpoint{.step = 12, .directory = "runs/x/checkpoint-12", .blocked_s = 500});
  train_to(14);
  console_->on(log_due());
  EXPECT_THAT(lines_.back(), HasSubstr("features_s=64 "));
}

TEST_F(ConsoleTest, ShowsTrainingAgainAsSoonAsAnEvaluationIsOver) {
  start(true);
  train_to(10);
  now_s_ += 1;
  console_->on(EvaluationProgress{.done = 32, .total = 100});
  ASSERT_THAT(status_, HasSubstr("eval"));
  console_->on(Evaluated{.step = 10, .metrics = Json::object()});
  EXPECT_THAT(status_, testing::StartsWith("step "));
}

TEST_F(ConsoleTest, PrintsAnEvaluationWithItsGroups) {
  start(true);
  console_->on(
      Evaluated{.step = 2000,
                .metrics = {{"exact", 68.94}, {"f1", 72.06}, {"HasAns_f1", 74.0}, {"NoAns_f1", 70.2}, {"loss", 1.25}},
                .is_best = true});
  EXPECT_THAT(lines_,
              ElementsAre("eval @ 2,000   exact 68.9  f1 72.1  loss 1.250   (answerable f1 74.0, no-answer 70.2)   "
                          "best so far"));
}

TEST_F(ConsoleTest, PrintsNoGroupsWhereThereIsOnlyOne) {
  start(true);
  console_->on(Evaluated{.step = 7, .metrics = {{"exact", 80.0}, {"f1", 88.5}, {"HasAns_f1", 88.5}}});
  EXPECT_THAT(lines_, ElementsAre("eval @ 7   exact 80.0  f1 88.5"));
}

TEST_F(ConsoleTest, PrintsAnEvaluationWithoutGroups) {
  start(true);
  console_->on(Evaluated{.step = 7, .metrics = {{"exact", 80.0}, {"f1", 88.5}}});
  EXPECT_THAT(lines_, ElementsAre("eval @ 7   exact 80.0  f1 88.5"));
}

TEST_F(ConsoleTest, PassesNoticesAsWarnings) {
  start(true);
  console_->on(Notice{"step 41: redone with half the micro-batch"});
  EXPECT_THAT(warnings_, ElementsAre("step 41: redone with half the micro-batch"));
}

TEST_F(ConsoleTest, WarnsOfACheckpointThatIsNotThere) {
  start(true);
  console_->on(SavingFailed{.step = 2, .reason = "runs/x/checkpoint-2 was not saved: no space"});
  console_->on(SavingFailed{.step = 3, .reason = "told by what ends the run", .ends_run = true});
  EXPECT_THAT(warnings_, ElementsAre("runs/x/checkpoint-2 was not saved: no space"));
}

TEST_F(ConsoleTest, AlwaysEndsWithASummaryThatNamesThePeakMemory) {
  start(true);
  train_to(8236);
  console_->on(RunFinished{.outcome = "done",
                           .step = 8236,
                           .runtime_s = 652,
                           .num_features = 263508,
                           .peak_memory_bytes = std::uint64_t{76} * (std::uint64_t{1} << 30) / 10,
                           .rows = {{"model", "runs/squad2"}}});
  EXPECT_THAT(lines_, ElementsAre("done     step 8,236/8,236, 10 min 52 s, 404 features/s, peak 7.6 GiB",
                                  "model    runs/squad2"));
  EXPECT_EQ(status_, "");
}

TEST_F(ConsoleTest, SummarisesARunThatDidNothing) {
  start(false, {.rows = {}, .total_steps = 0});
  console_->on(RunFinished{.outcome = "interrupted by SIGINT"});
  EXPECT_THAT(lines_, ElementsAre("interrupted by SIGINT  step 0/0, 0.0 s, 0.0 features/s, peak memory not measured"));
}

TEST_F(ConsoleTest, ErasesTheStatusLineWhenTheRunBreaksOff) {
  start(true);
  train_to(3);
  EXPECT_NE(status_, "");
  console_.reset();
  EXPECT_EQ(status_, "");
}

TEST_F(ConsoleTest, TimesEachEvaluationFromItsOwnFirstEvent) {
  start(true);
  for (int i = 0; i < 2; ++i) {
    console_->on(EvaluationProgress{.done = 500, .total = 6000});
    now_s_ += 2;
    console_->on(EvaluationProgress{.done = 1700, .total = 6000});
    EXPECT_THAT(status_, HasSubstr("600 features/s  left 0:07"));
    console_->on(Evaluated{.step = 10});
    now_s_ += 100;
  }
}

TEST_F(ConsoleTest, DrawsTheLastStepHoweverSoonItComes) {
  start(true, {.rows = {}, .total_steps = 3});
  for (std::int64_t step = 1; step <= 3; ++step) {
    now_s_ += 0.001;
    console_->on(StepFinished{.step = step, .num_features = 1});
  }
  EXPECT_THAT(status_, HasSubstr("step  3/3"));
}

TEST_F(ConsoleTest, FollowsASlowerRateSlowly) {
  start(false);
  train_to(100);
  now_s_ += 5;  // one step ten times as long
  console_->on(StepFinished{.step = ++step_, .num_features = 32});
  console_->on(log_due());
  EXPECT_THAT(lines_.back(), HasSubstr("features_s=44 "));
}

TEST_F(ConsoleTest, SaysHowLongTrainingWaitedForACheckpoint) {
  start(true);
  console_->on(SavingCheckpoint{.step = 2, .directory = "runs/x/checkpoint-2", .blocked_s = 0.25});
  console_->on(SavingCheckpoint{.step = 3, .directory = "runs/x/checkpoint-3", .blocked_s = {}});
  EXPECT_THAT(lines_, ElementsAre("saving runs/x/checkpoint-2 (training waited 0.2 s)", "saving runs/x/checkpoint-3"));
}

}  // namespace
}  // namespace bertft::report
