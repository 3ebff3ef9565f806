#include "bertft/optim/adamw.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "bertft/util/error.h"
#include "bertft/util/text.h"

namespace bertft::optim {
namespace {

// True when "norm" stands in `name` as a whole dotted part, or as the end of a part behind "_".
bool has_norm_part(std::string_view name) {
  constexpr std::string_view kNorm = "norm";
  for (auto at = name.find(kNorm); at != std::string_view::npos; at = name.find(kNorm, at + 1)) {
    const bool starts = at == 0 || name[at - 1] == '.' || name[at - 1] == '_';
    const auto end = at + kNorm.size();
    if (starts && (end == name.size() || name[end] == '.')) return true;
  }
  return false;
}

constexpr const char* kRows = "rows.";

std::vector<std::uint32_t> all_rows(std::int64_t count) {
  std::vector<std::uint32_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), 0U);
  return rows;
}

std::vector<std::uint32_t> numbers_in(const at::Tensor& rows) {
  const auto* begin = rows.const_data_ptr<std::int32_t>();
  return {begin, begin + rows.numel()};
}

// Rows `wanted` of a table from `found`, which has its rows `there`; zero where it has not. Both ascending.
// returns false where `found` is no such table of that width
bool copy_rows(at::Tensor& to, const std::vector<std::uint32_t>& wanted, const at::Tensor& found,
               const std::vector<std::uint32_t>& there) {
  if (to.dim() != 2 || found.sizes() != at::IntArrayRef({std::ssize(there), to.size(1)})) return false;
  const at::Tensor from = found.cpu();
  at::Tensor on_host = to.is_cpu() ? to : at::empty(to.sizes(), at::kFloat);
  const std::int64_t width = to.size(1);
  auto* row = on_host.mutable_data_ptr<float>();
  auto next = there.begin();
  for (const std::uint32_t number : wanted) {
    next = std::lower_bound(next, there.end(), number);
    if (next != there.end() && *next == number) {
      std::copy_n(from.const_data_ptr<float>() + (next - there.begin()) * width, width, row);
    } else {
      std::fill_n(row, width, 0.0F);
    }
    row += width;
  }
  if (!to.is_cpu()) to.copy_(on_host);
  return true;
}

// Takes a moment from that of an earlier run. `table`: of which it is of some rows, `rows`: of which that was; null: of
// all. returns false where the two do not fit together
bool take(at::Tensor& moment, const at::Tensor& found, const device::PartialTable* table, const at::Tensor* rows) {
  if (found.scalar_type() != at::kFloat || (rows != nullptr && rows->scalar_type() != at::kInt)) return false;
  if (table == nullptr && rows == nullptr) {
    if (found.sizes() != moment.sizes()) return false;
    moment.copy_(found);
    return true;
  }
  const std::int64_t whole = moment.size(0) + (table != nullptr ? table->aside.size(0) : 0);
  return copy_rows(moment, table != nullptr ? table->rows : all_rows(whole), found,
                   rows != nullptr ? numbers_in(*rows) : all_rows(whole));
}

}  // namespace

bool is_decayed(std::string_view name) {
  const std::string lower = to_lower_ascii(name);
  constexpr std::array<std::string_view, 3> kSpared = {"bias", "layernorm", "rmsnorm"};
  const bool spared = std::any_of(kSpared.begin(), kSpared.end(),
                                  [&](std::string_view part) { return lower.find(part) != std::string::npos; });
  return !spared && !has_norm_part(lower);
}

AdamW::AdamW(std::vector<NamedTensor> parameters, const OptimOptions& options,
             std::optional<device::PartialTable> table)
    : options_(options), parameters_(std::move(parameters)), table_(std::move(table)) {
  groups_.resize(2);
  if (!parameters_.empty()) {
    steps_ = at::zeros({}, at::TensorOptions().dtype(at::kFloat).device(parameters_[0].tensor.device()));
  }
  groups_[0].weight_decay = options.weight_decay;
  groups_[1].weight_decay = 0;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor& parameter = parameters_[i].tensor;
    Group& group = groups_[is_decayed(parameters_[i].name) ? 0 : 1];
    group.parameters.push_back(parameter);
    group.exp_avgs.push_back(at::zeros_like(parameter, at::TensorOptions().requires_grad(false)));
    group.exp_avg_sqs.push_back(at::zeros_like(parameter, at::TensorOptions().requires_grad(false)));
    group.steps.push_back(steps_);
    group.index.push_back(i);
  }
}

void AdamW::zero_grad() {
  for (auto& parameter : parameters_) parameter.tensor.mutable_grad().reset();
}

std::vector<at::Tensor> AdamW::gradients() const {
  std::vector<at::Tensor> result;
  for (const auto& [name, parameter] : parameters_) {
    if (!parameter.grad().defined()) throw std::logic_error(name + " has no gradient: it had no part in the loss");
    result.push_back(parameter.grad());
  }
  return result;
}

void AdamW::scale_gradients(double factor) {
  const at::NoGradGuard no_grad;
  at::_foreach_mul_(gradients(), factor);
}

at::Tensor AdamW::clip_gradients() {
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> grads = gradients();
  const at::Tensor norm = at::stack(at::_foreach_norm(grads)).norm();
  if (options_.max_grad_norm) {
    at::_foreach_mul_(grads, norm.add(1e-6).reciprocal().mul(*options_.max_grad_norm).clamp_max(1.0));
  }
  return norm;
}

void AdamW::step(double learning_rate) {
  const at::NoGradGuard no_grad;
  // Whatever may run out of memory comes before the first group is changed: a step is done or it is not.
  const std::vector<at::Tensor> all = gradients();
  std::vector<std::vector<at::Tensor>> grads(groups_.size());
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    for (const std::size_t index : groups_[i].index) grads[i].push_back(all[index]);
  }
  steps_.fill_(static_cast<double>(steps_done_ + 1));
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    Group& group = groups_[i];
    if (grads[i].empty()) continue;
    at::_fused_adamw_(group.parameters, grads[i], group.exp_avgs, group.exp_avg_sqs, {}, group.steps, learning_rate,
                      options_.adam_beta1, options_.adam_beta2, group.weight_decay, options_.adam_epsilon,
                      /*amsgrad=*/false, /*maximize=*/false);
  }
  ++steps_done_;
}

std::vector<NamedTensor> AdamW::moments() const {
  std::vector<NamedTensor> result;
  for (const Group& group : groups_) {
    for (std::size_t i = 0; i < group.index.size(); ++i) {
      const std::string& name = parameters_[group.index[i]].name;
      result.push_back({"exp_avg." + name, group.exp_avgs[i]});
      result.push_back({"exp_avg_sq." + name, group.exp_avg_sqs[i]});
    }
  }
  return result;
}

std::vector<NamedTensor> AdamW::state() const {
  std::vector<NamedTensor> result = moments();
  if (table_) {
    at::Tensor rows = at::empty({std::ssize(table_->rows)}, at::kInt);
    std::copy(table_->rows.begin(), table_->rows.end(), rows.mutable_data_ptr<std::int32_t>());
    result.push_back({kRows + table_->name, rows});
  }
  return result;
}

void AdamW::load_state(const std::vector<NamedTensor>& loaded, std::int64_t steps_done) {
  const at::NoGradGuard no_grad;
  const auto find = [&](const std::string& name) -> const at::Tensor* {
    const auto found = std::find_if(loaded.begin(), loaded.end(), [&](const auto& x) { return x.name == name; });
    return found == loaded.end() ? nullptr : &found->tensor;
  };
  for (auto& [name, moment] : moments()) {
    const std::string parameter = name.substr(name.find('.') + 1);
    const at::Tensor* found = find(name);
    const auto* table = table_ && table_->name == parameter ? &*table_ : nullptr;
    if (found == nullptr || !take(moment, *found, table, find(kRows + parameter))) {
      throw CheckpointError(fmt::format("the optimizer state has no {} of this model's shape", name));
    }
  }
  steps_done_ = steps_done;
}

}  // namespace bertft::optim
