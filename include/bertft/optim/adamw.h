#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "bertft/device/named_tensor.h"
#include "bertft/optim/options.h"

namespace bertft::optim {

using device::NamedTensor;

/// Whether Hugging Face's Trainer decays this parameter: not biases and not norms, told by name.
bool is_decayed(std::string_view name);

/// AdamW with decoupled weight decay (Loshchilov and Hutter 2019) through ATen's fused
/// kernel, in Hugging Face's two parameter groups.
class AdamW {
 public:
  /// Takes the parameters (fp32 leaves) by reference; their moments start at zero, at once,
  /// so that no memory is first needed in the middle of a step. `table`: that of which one of them holds some rows.
  AdamW(std::vector<NamedTensor> parameters, const OptimOptions& options,
        std::optional<device::PartialTable> table = std::nullopt);

  /// Forgets all gradients and frees them.
  void zero_grad();

  /// Multiplies all gradients.
  void scale_gradients(double factor);

  /// Scales all gradients so that their L2 norm is at most max_grad_norm: g * min(1, max / (norm + 1e-6)).
  /// returns the norm before that: [], on the parameters' device, whose work is not waited for
  at::Tensor clip_gradients();

  /// One update from the gradients in place. Running out of memory in it leaves weights and
  /// moments as they were, so that it can be done again.
  void step(double learning_rate);

  std::int64_t steps_done() const { return steps_done_; }
  const std::vector<NamedTensor>& parameters() const { return parameters_; }

  /// Both moments by parameter name: "exp_avg.<name>", "exp_avg_sq.<name>"; and where they are of some rows of a table,
  /// "rows.<name>", of which: [rows] int32 on the host, ascending.
  std::vector<NamedTensor> state() const;
  /// Continues from state() and steps_done() of an earlier run; copies the values. Of a table the two may hold other
  /// rows: moments of those that the earlier run did not have are zero.
  /// throws CheckpointError naming a moment that is missing or of another shape or type
  void load_state(const std::vector<NamedTensor>& state, std::int64_t steps_done);

 private:
  struct Group {
    double weight_decay;
    std::vector<at::Tensor> parameters, exp_avgs, exp_avg_sqs;
    std::vector<at::Tensor> steps;   // the one tensor steps_, once for each parameter
    std::vector<std::size_t> index;  // into parameters_
  };
  std::vector<at::Tensor> gradients() const;
  std::vector<NamedTensor> moments() const;

  OptimOptions options_;
  std::vector<NamedTensor> parameters_;
  std::optional<device::PartialTable> table_;
  std::vector<Group> groups_;
  at::Tensor steps_;  // scalar float32 on the device, as the fused kernel wants it
  std::int64_t steps_done_ = 0;
};

}  // namespace bertft::optim
