#include "bertft/eval/predictor.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include <future>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include "bertft/data/batch.h"
#include "bertft/memory/shortage.h"
#include "bertft/util/prefetcher.h"
#include "bertft/util/text.h"

namespace bertft::eval {
namespace {

// Logits of windows on the host, waiting for the rest of their question.
class Decoder {
 public:
  explicit Decoder(const Task& task) : task_(task) { predictions_.resize(task.dataset.questions.size()); }

  // A batch of consecutive windows.
  void add(const data::PackedBatch& batch, const ScoredBatch& scored) {
    const auto* start = scored.start.const_data_ptr<float>();
    const auto* end = scored.end.const_data_ptr<float>();
    for (std::size_t i = 0; i < batch.num_sequences(); ++i) {
      const data::Window& window = task_.features.windows[batch.windows[i]];
      if (!windows_.empty() && windows_.back().question_idx != window.question_idx) decode();
      windows_.push_back(window);
      const std::int32_t first = batch.cu_seqlens[i], last = batch.cu_seqlens[i + 1];
      logits_.push_back({{start + first, start + last}, {end + first, end + last}});
    }
  }

  std::vector<Prediction> finish() {
    if (!windows_.empty()) decode();
    return std::move(predictions_);
  }

 private:
  struct Logits {
    std::vector<float> start, end;
  };

  void decode() {
    std::vector<WindowLogits> views;
    for (const Logits& logits : logits_) views.push_back({logits.start, logits.end});
    predictions_[windows_.front().question_idx] = decode_question(task_, windows_, views);
    windows_.clear();
    logits_.clear();
  }

  const Task& task_;
  std::vector<Prediction> predictions_;
  std::vector<data::Window> windows_;
  std::vector<Logits> logits_;
};

// Over the windows whose label is known.
class MeanLoss {
 public:
  void add(const data::Features& features, const data::PackedBatch& batch, const ScoredBatch& scored) {
    const auto* losses = scored.losses.const_data_ptr<float>();
    for (std::size_t i = 0; i < batch.num_sequences(); ++i) {
      if (!features.windows[batch.windows[i]].is_labelled) continue;
      sum_ += losses[i];
      ++count_;
    }
  }

  double get() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

 private:
  double sum_ = 0;
  std::int64_t count_ = 0;
};

// All windows in order, the batch to come packed, and for a GPU pinned, on another thread.
class BatchesInOrder {
 public:
  BatchesInOrder(const data::Features& features, c10::Device device)
      : features_(features), device_(device), order_(features.windows.size()) {
    std::iota(order_.begin(), order_.end(), 0U);
  }

  std::size_t num_windows() const { return order_.size(); }

  // The batch that begins with window `first`.
  model::StagedBatch take(std::size_t first, const data::MicroBatchLimit& limit) {
    model::StagedBatch batch = ahead_.take({first, limit});
    const std::size_t next = first + batch.packed.num_sequences();
    if (next < num_windows()) ahead_.begin({next, limit});
    return batch;
  }

 private:
  using Wanted = std::pair<std::size_t, data::MicroBatchLimit>;  // its first window, and how large it may be

  model::StagedBatch make(const Wanted& wanted) const {
    const auto rest = std::span(order_).subspan(wanted.first);
    const std::size_t size = data::first_slice_size(features_, rest, wanted.second);
    data::PackedBatch packed = data::pack(features_, rest.first(size), 0);
    try {
      return model::stage(packed, device_);
    } catch (const std::exception& error) {  // no room for pinned memory now: to_device() finds it, or fails
      if (!memory::is_out_of_memory(error)) throw;
      return {std::move(packed), std::nullopt};
    }
  }

  const data::Features& features_;
  c10::Device device_;
  std::vector<std::uint32_t> order_;
  Prefetcher<Wanted, model::StagedBatch> ahead_{[this](const Wanted& wanted) { return make(wanted); }};
};

// How large batches may be. Cutting them changes nothing: each feature's logits do not depend on its
// neighbours.
class BatchSize {
 public:
  explicit BatchSize(const data::MicroBatchLimit& limit) : limit_(limit), of_next_(limit) {}

  const data::MicroBatchLimit& of_next() const { return of_next_; }
  const data::MicroBatchLimit& limit() const { return limit_; }

  void fitted(std::int64_t tokens) {
    largest_ = std::max(largest_, tokens);
    of_next_ = limit_;
  }

  // Halves the batch. Where a larger one has fitted the shortage will pass: the limit stays.
  void did_not_fit(std::int64_t tokens) {
    of_next_.tokens = tokens / 2;
    if (tokens > largest_) limit_ = of_next_;
  }

 private:
  data::MicroBatchLimit limit_, of_next_;
  std::int64_t largest_ = 0;  // tokens of a batch that fitted
};

}  // namespace

ScoredBatch score_batch(model::QaModel& model, const device::Device& device, model::StagedBatch& staged) {
  const at::NoGradGuard no_grad;
  const model::DeviceBatch batch = model::to_device(staged, device.torch_device);
  const model::SpanLogits logits = model.forward(batch, std::nullopt);
  const at::Tensor losses = model::span_losses(logits, batch);
  const at::Tensor all = at::cat({logits.start, logits.end, losses}).cpu();  // one wait for the device
  const std::int64_t num_tokens = batch.num_tokens();
  return {all.narrow(0, 0, num_tokens), all.narrow(0, num_tokens, num_tokens),
          all.narrow(0, 2 * num_tokens, losses.numel())};
}

std::optional<Answers> predict(model::QaModel& model, const device::Device& device, const Task& task,
                               const Hooks& hooks) {
  BatchesInOrder batches(task.features, device.torch_device);
  const std::size_t total = batches.num_windows();
  BatchSize size({task.options.per_device_eval_batch_size, hooks.batch_tokens});

  Decoder decoder(task);
  std::future<void> decoding;  // of the batch before, while the device is busy with this one
  MeanLoss loss;
  memory::TriesOfOne tries_of_one;
  for (std::size_t done = 0; done < total;) {
    if (hooks.stop()) return std::nullopt;
    model::StagedBatch batch = batches.take(done, size.of_next());
    const std::size_t num_features = batch.packed.num_sequences();
    const auto tokens = static_cast<std::int64_t>(batch.packed.num_tokens());
    ScoredBatch scored;
    const auto shortage = memory::attempt(device, [&] { scored = score_batch(model, device, batch); });
    if (shortage) {
      if (hooks.reclaim()) continue;
      if (num_features <= 1) {
        if (tries_of_one.may_try_again()) continue;
        throw memory::EvaluationOutOfMemoryError(memory::one_feature_text(tokens, "evaluation", *shortage));
      }
      size.did_not_fit(tokens);
      hooks.shrunk(fmt::format("evaluation: out of memory ({} tokens); goes on with {} tokens a batch",
                               with_thousands(tokens), with_thousands(*size.of_next().tokens)),
                   size.limit().tokens);
      continue;
    }
    size.fitted(tokens);
    tries_of_one.succeeded();
    loss.add(task.features, batch.packed, scored);
    done += num_features;
    if (decoding.valid()) decoding.get();
    decoding = std::async([&decoder, packed = std::move(batch.packed), scored] { decoder.add(packed, scored); });
    hooks.progress(static_cast<std::int64_t>(done), static_cast<std::int64_t>(total));
  }
  if (decoding.valid()) decoding.get();
  return Answers{decoder.finish(), loss.get()};
}

}  // namespace bertft::eval
