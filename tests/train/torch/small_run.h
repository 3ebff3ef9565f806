#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <numeric>
#include <string>
#include <vector>

#include "bertft/train/step_engine.h"
#include "data/squad_text.h"
#include "data/word_tokenizer.h"
#include "model/tiny_model.h"

namespace bertft::train {

constexpr std::uint64_t kSeed = 42;
constexpr double kLearningRate = 1e-3;

// Windows of 6 to 16 tokens, all of different length, with answers at different places.
inline data::Dataset seven_questions() {
  std::string rows;
  for (int i = 0; i < 7; ++i) {
    std::string context = "aa";
    for (int j = 0; j < 2 + 5 * i % 11; ++j) context += " b";
    rows += R"({"id":")" + std::to_string(i) + R"(","question":"qqq","context":")" + context +
            R"(","answers":[{"text":")" + (i % 2 == 0 ? "aa" : "b") + R"(","answer_start":)" +
            (i % 2 == 0 ? "0" : "3") + "}]}\n";
  }
  return data::read(rows);
}

inline data::Features seven_windows() {
  return make_features(seven_questions(), data::WordTokenizer(), {}, data::Purpose::kTraining);
}

// WordTokenizer's ids are 1000 and a word's length.
constexpr weights::BertSize kSizeForWords{
    .vocabulary = 1100, .hidden = 32, .layers = 2, .heads = 2, .inner = 64, .positions = 64};
inline model::TinyModel bert_for_words() {
  return model::TinyModel(kSizeForWords);
}

// So many threads, while it lives.
class Threads {
 public:
  explicit Threads(int count) { at::set_num_threads(count); }
  ~Threads() { at::set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  const int before_ = at::get_num_threads();
};

// A model with its optimizer at the beginning of a run.
class TrainedModel {
 public:
  explicit TrainedModel(const model::TinyModel& bert = bert_for_words(), const device::Device& device = {},
                        const model::ModelOptions& options = {})
      : device_(device), model_(bert.make(device, options)), optimizer_(model_.parameters(), {}) {}

  StepResult step(const data::Features& features, const data::MicroBatchLimit& limit, std::int64_t step = 0) {
    StepEngine engine = this->engine(features, limit);
    return run(engine, features, step);
  }

  StepEngine engine(const data::Features& features, const data::MicroBatchLimit& limit) {
    return {{model_, optimizer_, device_, features}, limit, kSeed};
  }

  // A step over all features.
  static StepResult run(StepEngine& engine, const data::Features& features, std::int64_t step) {
    std::vector<std::uint32_t> windows(features.windows.size());
    std::iota(windows.begin(), windows.end(), 0U);
    return engine.run(windows, step, kLearningRate);
  }

  // All weights and moments, flat.
  at::Tensor state() const {
    std::vector<at::Tensor> all;
    for (const auto& [name, value] : model_.parameters()) all.push_back(value.detach().flatten());
    for (const auto& [name, value] : optimizer_.state()) all.push_back(value.flatten());
    return at::cat(all).clone();
  }

  model::QaModel& model() { return model_; }
  const model::QaModel& model() const { return model_; }
  const optim::AdamW& optimizer() const { return optimizer_; }

 private:
  device::Device device_;
  model::QaModel model_;
  optim::AdamW optimizer_;
};

}  // namespace bertft::train
