#include "bertft/eval/predictor.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/stack.h>
#include <fmt/format.h>

#include <future>
#include <numeric>
#include <utility>

#include "bertft/data/batch.h"
#include "bertft/memory/shortage.h"
#include "bertft/util/text.h"

namespace bertft::eval {
namespace {

// Logits of windows on the host, waiting for the rest of their question.
class Decoder {
 public:
  explicit Decoder(const Task& task) : task_(task) { predictions_.resize(task.dataset.questions.size()); }

  // `logits` [T, 2] on the host, of a batch of consecutive windows.
  void add(const data::PackedBatch& batch, const at::Tensor& logits) {
    const auto* values = logits.const_data_ptr<float>();
    for (std::size_t i = 0; i < batch.num_sequences(); ++i) {
      const data::Window& window = task_.features.windows[batch.windows[i]];
      if (!windows_.empty() && windows_.back().question_idx != window.question_idx) decode();
      windows_.push_back(window);
      Logits& kept = logits_.emplace_back();
      for (std::int32_t row = batch.cu_seqlens[i]; row < batch.cu_seqlens[i + 1]; ++row) {
        kept.start.push_back(values[2 * row]);
        kept.end.push_back(values[2 * row + 1]);
      }
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

ScoredBatch score_batch(model::QaModel& model, const device::Device& device, const data::PackedBatch& packed) {
  const at::NoGradGuard no_grad;
  const model::DeviceBatch batch = model::to_device(packed, device.torch_device);
  const model::SpanLogits logits = model.forward(batch, std::nullopt);
  return {at::stack({logits.start, logits.end}, 1).to(at::kCPU), model::span_loss_sum(logits, batch).item<double>()};
}

std::optional<Answers> predict(model::QaModel& model, const device::Device& device, const Task& task,
                               const Hooks& hooks) {
  const auto total = task.features.windows.size();
  std::vector<std::uint32_t> order(total);
  std::iota(order.begin(), order.end(), 0U);
  BatchSize size({task.options.per_device_eval_batch_size, hooks.batch_tokens});

  Decoder decoder(task);
  std::future<void> decoding;  // of the batch before, while the device is busy with this one
  double loss = 0;
  memory::TriesOfOne tries_of_one;
  for (std::size_t done = 0; done < total;) {
    if (hooks.stop()) return std::nullopt;
    const std::span<const std::uint32_t> rest(order.data() + done, total - done);
    const auto batch = rest.first(data::first_slice_size(task.features, rest, size.of_next()));
    data::PackedBatch packed = data::pack(task.features, batch, 0);
    const auto tokens = static_cast<std::int64_t>(packed.num_tokens());
    ScoredBatch scored;
    const auto shortage = memory::attempt(device, [&] { scored = score_batch(model, device, packed); });
    if (shortage) {
      if (hooks.reclaim()) continue;
      if (packed.num_sequences() <= 1) {
        if (tries_of_one.may_try_again()) continue;
        memory::fail_one_feature(tokens, "evaluation", *shortage);
      }
      size.did_not_fit(tokens);
      hooks.shrunk(fmt::format("evaluation: out of memory ({} tokens); goes on with {} tokens a batch",
                               with_thousands(tokens), with_thousands(*size.of_next().tokens)),
                   size.limit().tokens);
      continue;
    }
    size.fitted(tokens);
    tries_of_one.succeeded();
    loss += scored.loss;
    done += packed.num_sequences();
    if (decoding.valid()) decoding.get();
    decoding =
        std::async([&decoder, batch = std::move(packed), logits = scored.logits] { decoder.add(batch, logits); });
    hooks.progress(static_cast<std::int64_t>(done), static_cast<std::int64_t>(total));
  }
  if (decoding.valid()) decoding.get();
  return Answers{decoder.finish(), total == 0 ? 0 : loss / static_cast<double>(total)};
}

}  // namespace bertft::eval
