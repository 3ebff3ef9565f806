#pragma once

#include <cstdint>
#include <optional>

#include "bertft/device/options.h"
#include "bertft/weights/model_directory.h"

namespace bertft::memory {

/// How far an estimate may be from what a step takes: one that is so many times below the limit fits, one so many
/// times above it does not.
constexpr double kEstimateError = 1.1;

/// What decides how many bytes a training step takes, or an evaluation between two of them.
struct StepShape {
  weights::EncoderConfig encoder;
  std::int64_t length = 384;                         // tokens of every sequence: the worst case
  std::optional<std::int64_t> effective_batch = {};  // features of a step; none: many more than a micro-batch
  device::Precision precision = device::Precision::kFp32;
  bool gradient_checkpointing = false;
  bool is_evaluation = false;  // nothing is kept for a backward pass or from it
  bool is_cuda = false;
  bool is_before_ampere = false;  // a GPU without flash attention
  // Of the GPU, where none was asked an H100's: the threads that it holds at once, and what LibTorch gives cuBLAS for
  // each thread of the host.
  std::int64_t gpu_threads = 132 * 2048;
  std::uint64_t cublas_workspace_bytes = std::uint64_t{32} << 20;
  std::int64_t num_threads = 1;  // each holds attention scores of one head on the CPU
  bool has_amx = false;          // the CPU: its products of bf16 copy a part of an operand
};

/// The bytes of a step at its fullest, by what they hold.
struct StepBytes {
  std::uint64_t weights = 0, gradients = 0, optimizer = 0;
  std::uint64_t activations = 0;  // kept from the forward for the backward pass
  std::uint64_t workspace = 0;    // what comes and goes around them
  std::uint64_t context = 0;      // CUDA's own, outside the allocator

  std::uint64_t total() const { return weights + gradients + optimizer + activations + workspace + context; }
  /// What the allocator sees.
  std::uint64_t tensors() const { return total() - context; }
};

/// The bytes of a step in micro-batches of `num_features`, from shapes alone. They hold for the reference path of
/// `model`: the derivation stands beside the code. An estimate, to be confirmed by a real step. Where one micro-batch
/// is the whole step there is no sum of earlier gradients beside its activations: the bytes do not fall as
/// `num_features` grows up to half the effective batch, nor from the whole of it on, but may in between. Of an
/// evaluation: plan_evaluation().
StepBytes plan_step(const StepShape& shape, std::int64_t num_features);

/// The least that a step can take: one feature at a time, or all of a small step at once.
StepBytes plan_least(const StepShape& shape);

/// The same of an evaluation batch, beside the moments; a step leaves no gradients there.
StepBytes plan_evaluation(const StepShape& shape, std::int64_t num_features);

/// The largest micro-batch up to `at_most` features, of steps of many, whose tensors fit into `bytes`; 0: none.
std::int64_t largest_micro_batch(const StepShape& shape, std::uint64_t bytes, std::int64_t at_most);

}  // namespace bertft::memory
