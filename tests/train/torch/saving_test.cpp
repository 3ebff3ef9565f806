// How runs end: whose model is left, and what a signal cuts off.

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/checkpoint/store.h"
#include "bertft/memory/budget.h"
#include "bertft/train/signals.h"
#include "bertft/train/trainer.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/weights/trained_rows.h"
#include "temporary_directory.h"
#include "train/torch/small_run.h"

namespace bertft::train {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Listener : public report::Observer {
 public:
  std::function<void(std::int64_t step)> after_step = [](std::int64_t) {};
  std::function<void()> in_evaluation = [] {};  // after its first batch
  std::vector<std::int64_t> evaluated;          // steps
  std::vector<std::string> notices;

  void on(const report::StepFinished& event) override { after_step(event.step); }
  void on(const report::EvaluationProgress& event) override {
    if (event.done == 1) in_evaluation();
  }
  void on(const report::Evaluated& event) override { evaluated.push_back(event.step); }
  void on(const report::Notice& event) override { notices.push_back(event.line); }
};

// No file may be longer, as on a full disk, while it lives.
class ShortFiles {
 public:
  explicit ShortFiles(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit shorter{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &shorter);
  }
  ~ShortFiles() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  ShortFiles(const ShortFiles&) = delete;
  ShortFiles& operator=(const ShortFiles&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

// Runs of four steps, each evaluated and saved. The best is the greatest loss: the first one's.
class RunOfFourSteps : public testing::Test {
 protected:
  explicit RunOfFourSteps(const weights::BertSize& size = kSizeForWords) : bert_(size) {
    options_.per_device_train_batch_size = 7;
    options_.max_steps = 4;
    options_.eval_strategy = IntervalStrategy::kSteps;
    options_.eval_steps = 1;
    options_.save_steps = 1;
    options_.load_best_model_at_end = true;
    options_.metric_for_best_model = BestMetric::kLoss;
    options_.greater_is_better = true;
    optim_.learning_rate = kLearningRate;
    eval_.per_device_eval_batch_size = 1;
  }

  // Goes on from `checkpoint`, where one is named.
  std::optional<int> train(const std::string& run_directory, Listener& listener, const std::string& checkpoint = "") {
    const device::Device device;
    weights::ModelWeights pretrained = bert_.checkpoint();
    pretrained.word_rows = rows_.rows();
    model::QaModel model(rows_.config(), pretrained, {}, device, kSeed);
    RunState state;
    std::vector<device::NamedTensor> moments;
    if (!checkpoint.empty()) {
      model.load(weights::read_weights(checkpoint, rows_.config(), weights::Head::kRequired));
      state = read_run_state(checkpoint);
      moments = checkpoint::read_optimizer(checkpoint);
    }
    const Plan plan = make_plan(7, options_);
    const eval::Task validation{questions_, windows_to_answer_, eval_, 0.0, false};
    return train_model({.options = options_,
                        .optim = optim_,
                        .plan = plan,
                        .dataset = questions_,
                        .features = windows_,
                        .validation = &validation,
                        .device = device,
                        .model = model,
                        .run_directory = run_directory,
                        .resumed_from = checkpoint,
                        .model_files = {},
                        .observers = {&listener}},
                       std::move(state), std::move(moments));
  }

  // Of the words, those in use and as many others as are wanted.
  void train_rows_in_use(std::int64_t num_others = 0) {
    std::vector<bool> used(static_cast<std::size_t>(bert_.config.vocab_size));
    std::fill_n(used.rbegin(), num_others, true);
    for (data::Features* features : {&windows_, &windows_to_answer_}) features->tokens.mark_ids(used);
    rows_ = weights::TrainedRows(bert_.config, used);
    for (data::Features* features : {&windows_, &windows_to_answer_}) features->tokens.renumber(rows_.numbers());
  }

  void train_all_rows() {
    rows_ = weights::TrainedRows(bert_.config);
    windows_ = seven_windows();
    windows_to_answer_ = make_features(questions_, data::WordTokenizer(), {}, data::Purpose::kEvaluation);
  }

  std::string of_step(std::int64_t step) const { return checkpoint::directory_of(run_.path(), step); }
  static std::string weights_in(const std::string& directory) { return read_file(directory + "/model.safetensors"); }

  TrainOptions options_;
  const model::TinyModel bert_;
  weights::TrainedRows rows_{bert_.config};
  const TemporaryDirectory run_;
  Listener listener_;
  optim::OptimOptions optim_;

 private:
  eval::EvalOptions eval_;
  const data::Dataset questions_ = seven_questions();
  data::Features windows_ = seven_windows();
  data::Features windows_to_answer_ = make_features(questions_, data::WordTokenizer(), {}, data::Purpose::kEvaluation);
};

TEST_F(RunOfFourSteps, EndsWithTheBestModel) {
  EXPECT_EQ(train(run_.path(), listener_), std::nullopt);
  EXPECT_THAT(listener_.notices, IsEmpty());
  EXPECT_EQ(weights_in(run_.path()), weights_in(of_step(1)));
  EXPECT_NE(weights_in(run_.path()), weights_in(of_step(4)));
}

TEST_F(RunOfFourSteps, EndsWithTheLastModelWhereTheBestIsDamaged) {
  listener_.after_step = [&](std::int64_t step) {
    if (step == 4) std::filesystem::resize_file(of_step(1) + "/model.safetensors", 1000);
  };
  EXPECT_EQ(train(run_.path(), listener_), std::nullopt);
  EXPECT_THAT(listener_.notices, ElementsAre(HasSubstr("checkpoint-1, is damaged (")));
  EXPECT_EQ(weights_in(run_.path()), weights_in(of_step(4)));
}

// 220 kB of weights, and twice as much of moments.
TEST_F(RunOfFourSteps, EndsWithTheLastModelAloneWhereOnlyThatFindsRoomAndTheBestIsGone) {
  const TemporaryDirectory whole;
  options_.load_best_model_at_end = false;
  ASSERT_EQ(train(whole.path(), listener_), std::nullopt);
  options_.load_best_model_at_end = true;
  std::optional<ShortFiles> short_files;
  listener_.after_step = [&](std::int64_t step) {
    if (step != 4) return;
    short_files.emplace(300'000);
    std::filesystem::remove_all(of_step(1));
  };
  try {
    train(run_.path(), listener_);
    ADD_FAILURE() << "the last step was saved";
  } catch (const StorageError& e) {
    EXPECT_THAT(e.what(), HasSubstr("\nThe model of step 4 was saved; it is in "));
  }
  short_files.reset();
  EXPECT_THAT(listener_.notices, ElementsAre(HasSubstr("checkpoint-1, is not there")));
  EXPECT_FALSE(is_there(of_step(4)));
  EXPECT_EQ(weights_in(run_.path()), weights_in(whole.path()));
}

// Without clipping, since the norm of gradients is summed in another order where the zeros are left out.
class RunOfSomeWords : public RunOfFourSteps {
 protected:
  RunOfSomeWords() {
    optim_.max_grad_norm.reset();
    options_.save_total_limit.reset();
    EXPECT_EQ(train(of_all_.path(), listener_), std::nullopt);
    train_rows_in_use();
    EXPECT_FALSE(rows_.are_all());
    EXPECT_EQ(train(run_.path(), listener_), std::nullopt);
  }

  static std::string file_of(const TemporaryDirectory& run, const std::string& name) {
    return read_file(checkpoint::directory_of(run.path(), 4) + "/" + name);
  }

  const TemporaryDirectory of_all_;
};

TEST_F(RunOfSomeWords, EndsWithTheModelOfARunOfAll) {
  EXPECT_EQ(weights_in(run_.path()), weights_in(of_all_.path()));
  EXPECT_EQ(file_of(run_, "model.safetensors"), file_of(of_all_, "model.safetensors"));
}

TEST_F(RunOfSomeWords, GoesOnFromACheckpointOfAllAndTheOtherWayRound) {
  const TemporaryDirectory from_all, from_some;
  ASSERT_EQ(train(from_all.path(), listener_, checkpoint::directory_of(of_all_.path(), 2)), std::nullopt);
  train_all_rows();
  ASSERT_EQ(train(from_some.path(), listener_, of_step(2)), std::nullopt);
  for (const char* name : {"model.safetensors", "optimizer.safetensors"}) {
    EXPECT_EQ(file_of(from_all, name), file_of(run_, name));
    EXPECT_EQ(file_of(from_some, name), file_of(of_all_, name));
  }
}

// Most of what it takes are its words.
class RunOfManyWords : public RunOfFourSteps {
 protected:
  RunOfManyWords() : RunOfFourSteps(kManyWords) {
    options_.save_total_limit.reset();
    train_rows_in_use(15'000);
  }

  std::uint64_t peak_of_run(const std::string& checkpoint) {
    const TemporaryDirectory run;
    options_.save_strategy = IntervalStrategy::kNo;  // its copies are beside the point
    memory::reset_peak({});
    const std::uint64_t before = memory::use_of({}).now;
    EXPECT_EQ(train(run.path(), listener_, checkpoint), std::nullopt);
    return memory::use_of({}).peak - before;
  }

 private:
  static constexpr weights::BertSize kManyWords{
      .vocabulary = 20'000, .hidden = 32, .layers = 2, .heads = 2, .inner = 64, .positions = 64};
};

TEST_F(RunOfManyWords, TakesNoMoreMemoryWhenItGoesOn) {
  ASSERT_EQ(train(run_.path(), listener_), std::nullopt);
  const std::uint64_t of_new_run = peak_of_run("");
  EXPECT_LE(peak_of_run(of_step(2)), of_new_run);
}

class EvaluationCutOff : public RunOfFourSteps {
 protected:
  // The evaluation of this number, counted from 1, is cut off.
  void expect_same_end(int number) {
    const TemporaryDirectory whole;
    Listener undisturbed;
    ASSERT_EQ(train(whole.path(), undisturbed), std::nullopt);
    {
      const SignalGuard guard;
      listener_.in_evaluation = [&] {
        if (--number == 0) std::raise(SIGTERM);
      };
      ASSERT_EQ(train(run_.path(), listener_), SIGTERM);
    }
    const SignalGuard forgets_it;
    EXPECT_FALSE(is_there(run_ / "eval_predictions.json"));
    std::vector<std::string> skipped;
    const auto newest = checkpoint::newest_good(run_.path(), skipped);
    EXPECT_EQ(train(run_.path(), listener_, newest.value().directory), std::nullopt);
    EXPECT_EQ(listener_.evaluated, undisturbed.evaluated);
    EXPECT_EQ(read_file(run_ / "eval_predictions.json"), read_file(whole / "eval_predictions.json"));
    EXPECT_EQ(weights_in(run_.path()), weights_in(whole.path()));
    EXPECT_EQ(weights_in(of_step(4)), weights_in(checkpoint::directory_of(whole.path(), 4)));
    EXPECT_EQ(without_speed(read_run_state(run_.path()).log_history),
              without_speed(read_run_state(whole.path()).log_history));
  }

 private:
  static Json without_speed(Json history) {
    for (Json& entry : history) {
      for (const char* key : {"train_runtime", "train_samples_per_second", "train_steps_per_second"}) entry.erase(key);
    }
    return history;
  }
};

TEST_F(EvaluationCutOff, BetweenStepsIsDoneAgainByTheRunThatGoesOn) {
  expect_same_end(2);
}

TEST_F(EvaluationCutOff, OfTheBestModelIsDoneAgainByTheRunThatGoesOn) {
  expect_same_end(5);
}

}  // namespace
}  // namespace bertft::train
