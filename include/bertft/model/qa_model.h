#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "bertft/device/device.h"
#include "bertft/device/named_tensor.h"
#include "bertft/model/device_batch.h"
#include "bertft/model/options.h"
#include "bertft/weights/model_directory.h"

namespace bertft::model {

/// Start and end logits of every token, [T] float32 each.
struct SpanLogits {
  at::Tensor start, end;
};

/// Keys the dropout masks of one optimizer step: the same however the step is cut.
struct DropoutSeed {
  std::uint64_t seed;
  std::uint64_t step;
};

/// A packed encoder with a span head (Devlin et al. 2019; the family's question-answering class
/// in transformers, without a pooler), fp32 weights, arithmetic as the device says.
class QaModel {
 public:
  /// Weights from `loaded`, of the words' table the rows that it lists. A missing head is drawn as Hugging Face draws
  /// it after set_seed(seed): normal(0, initializer_range) weights, zero bias.
  ///
  /// throws WeightsError, ShapeError when it is not a checkpoint of this config, ConfigError for a shape
  ///        that the device's kernels do not take
  QaModel(const weights::EncoderConfig& config, const weights::ModelWeights& loaded, const ModelOptions& options,
          const device::Device& device, std::uint64_t seed);
  ~QaModel();
  QaModel(const QaModel&) = delete;
  QaModel& operator=(const QaModel&) = delete;

  /// Scores every token as answer start and as answer end. Without `dropout` nothing is
  /// dropped; gradients are recorded when the caller's grad mode is on.
  SpanLogits forward(const DeviceBatch& batch, const std::optional<DropoutSeed>& dropout);

  /// Overwrites the weights by those of a complete checkpoint of the same shape, of the words' table by the rows that
  /// it has; those aside stay. throws as the constructor
  void load(const weights::ModelWeights& loaded);

  /// fp32 leaves that require gradients, under the names and in the order of the state dict of the
  /// family's question-answering class in transformers.
  std::vector<device::NamedTensor> parameters() const;

  const weights::EncoderConfig& config() const;

  /// The words' table, where the weights had rows that this model does not take; what is to be written is whole.
  const std::optional<device::PartialTable>& partial_words() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Of each of the batch's features (cross entropy of start + of end) / 2, each over the feature's own tokens:
/// Hugging Face's loss of the feature alone.
/// returns [n] float32 on the device
at::Tensor span_losses(const SpanLogits& logits, const DeviceBatch& batch);

/// Their sum, a scalar.
at::Tensor span_loss_sum(const SpanLogits& logits, const DeviceBatch& batch);

}  // namespace bertft::model
