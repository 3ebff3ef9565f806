#include "bertft/model/qa_model.h"

#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <numeric>
#include <span>

#include "bertft/util/error.h"
#include "model/encoder.h"

namespace bertft::model {
namespace {

at::ScalarType scalar_type(weights::DType dtype) {
  switch (dtype) {
    case weights::DType::kF64:
      return at::kDouble;
    case weights::DType::kF32:
      return at::kFloat;
    case weights::DType::kF16:
      return at::kHalf;
    case weights::DType::kBF16:
      return at::kBFloat16;
    default:
      throw WeightsError(fmt::format("weights of type {} cannot be trained", weights::name_of(dtype)));
  }
}

void fill(const std::string& name, at::Tensor parameter, const weights::TensorView& view) {
  if (parameter.sizes() != at::IntArrayRef(view.shape)) {  // copy_() would spread a smaller tensor
    throw ShapeError(fmt::format("{} has {} values, {} are expected", name, view.num_elements(), parameter.numel()));
  }
  if (view.dtype == weights::DType::kF32 && parameter.is_cpu() && parameter.is_contiguous()) {
    std::memcpy(parameter.mutable_data_ptr(), view.bytes.data(), view.bytes.size());
    return;
  }
  // Copied first: the bytes of a mapped file need not be aligned for their type.
  at::Tensor raw = at::empty(view.shape, at::TensorOptions().dtype(scalar_type(view.dtype)));
  std::memcpy(raw.mutable_data_ptr(), view.bytes.data(), view.bytes.size());
  parameter.copy_(raw);
}

// Rows of a table, a few at a time: a copy of all in the table's own type would have no place in the plan.
void fill_rows(const at::Tensor& to, const weights::TensorView& table, const std::vector<std::uint32_t>& rows) {
  constexpr std::size_t kAtATime = 256;
  const at::Tensor some = at::empty({kAtATime, table.shape[1]}, at::TensorOptions().dtype(scalar_type(table.dtype)));
  const std::size_t row_bytes = some.nbytes() / kAtATime;
  for (std::size_t begin = 0; begin < rows.size(); begin += kAtATime) {
    const auto these = std::span(rows).subspan(begin, std::min(kAtATime, rows.size() - begin));
    auto* copied = static_cast<std::byte*>(some.mutable_data_ptr());
    for (const std::uint32_t row : these) {
      copied = std::ranges::copy(table.bytes.subspan(row * row_bytes, row_bytes), copied).out;
    }
    to.narrow(0, static_cast<std::int64_t>(begin), std::ssize(these)).copy_(some.narrow(0, 0, std::ssize(these)));
  }
}

// The rows of a table that are not held; fp32, on the host.
at::Tensor rows_aside(const weights::TensorView& table, const std::vector<std::uint32_t>& held) {
  std::vector<std::uint32_t> all(static_cast<std::size_t>(table.shape[0])), others;
  std::iota(all.begin(), all.end(), 0U);
  std::ranges::set_difference(all, held, std::back_inserter(others));
  at::Tensor aside = at::empty({std::ssize(others), table.shape[1]}, at::kFloat);
  fill_rows(aside, table, others);
  return aside;
}

// Shapes that the kernels on a GPU do not take; no published model has one.
void refuse_shape_for_gpu(const weights::EncoderConfig& config, const device::Device& device) {
  // Of FlashAttention-2 with dropout: for larger ones its backward kernel needs more shared memory than sm_86, sm_89
  // and sm_120 have, and is then left out without an error.
  constexpr std::int64_t kLargestHead = 192;
  const auto refuse = [](const std::string& what) {
    throw ConfigError(fmt::format("{}.\nSet device: cpu, or choose another model.", what));
  };
  for (const auto& [key, size] :
       {std::pair("hidden_size", config.hidden_size), {"embedding_size", config.embedding_size}}) {
    if (size % device::kColumnsPerDraw != 0) {
      refuse(fmt::format("{} is {}; on a GPU it has to be a multiple of {}", key, size, device::kColumnsPerDraw));
    }
  }
  const std::int64_t head = config.hidden_size / config.num_attention_heads;
  if (is_half(device.precision) && !device.is_before_ampere && head > kLargestHead) {
    refuse(fmt::format("heads of {} numbers; on a GPU in {} they have {} at most", head, name_of(device.precision),
                       kLargestHead));
  }
}

}  // namespace

struct QaModel::Impl {
  weights::EncoderConfig config;
  device::Device device;
  QaNet net;
  std::optional<device::PartialTable> partial_words = {};

  // throws WeightsError, ShapeError
  void load(const std::string& name, at::Tensor& parameter, const weights::ModelWeights& loaded) const {
    const auto found = loaded.tensors.find(name);
    if (found == loaded.tensors.end()) throw WeightsError(fmt::format("tensor {} is missing", name));
    if (!partial_words || partial_words->name != name) return fill(name, parameter, found->second);
    const std::vector<std::uint32_t>& rows = partial_words->rows;
    if (std::ssize(rows) != parameter.size(0)) {
      throw ShapeError(fmt::format("{} rows of {} are given, {} are expected", rows.size(), name, parameter.size(0)));
    }
    fill_rows(parameter, found->second, rows);
  }
};

QaModel::QaModel(const weights::EncoderConfig& config, const weights::ModelWeights& loaded, const ModelOptions& options,
                 const device::Device& device, std::uint64_t seed) {
  if (device.is_cuda()) refuse_shape_for_gpu(config, device);
  impl_.reset(new Impl{
      config, device, QaNet(config, weights::encoder_tensors(config), options.gradient_checkpointing.value_or(false))});
  const at::NoGradGuard no_grad;
  const weights::EncoderTensors names = weights::encoder_tensors(config);
  if (!loaded.word_rows.empty()) {
    const std::string words = names.word_embeddings + ".weight";
    impl_->partial_words = {words, loaded.word_rows, rows_aside(loaded.tensors.at(words), loaded.word_rows)};
  }
  at::Generator generator = at::detail::createCPUGenerator(seed);
  for (auto& [name, parameter] : parameters()) {
    const bool is_given = loaded.tensors.contains(name);
    if (!is_given && name == names.head + ".weight") {
      parameter.normal_(0, config.initializer_range, generator);
    } else if (!is_given && name == names.head + ".bias") {
      parameter.zero_();
    } else {
      impl_->load(name, parameter, loaded);
    }
  }
  impl_->net->to(device.torch_device);
}

QaModel::~QaModel() = default;

void QaModel::load(const weights::ModelWeights& loaded) {
  const at::NoGradGuard no_grad;
  for (auto& [name, parameter] : parameters()) impl_->load(name, parameter, loaded);
}

SpanLogits QaModel::forward(const DeviceBatch& batch, const std::optional<DropoutSeed>& dropout) {
  const at::Tensor logits = impl_->net->forward({batch, impl_->device, dropout});
  return {logits.select(1, 0), logits.select(1, 1)};
}

std::vector<device::NamedTensor> QaModel::parameters() const {
  std::vector<device::NamedTensor> result;
  for (const auto& item : impl_->net->named_parameters()) result.push_back({item.key(), item.value()});
  return result;
}

const weights::EncoderConfig& QaModel::config() const {
  return impl_->config;
}

const std::optional<device::PartialTable>& QaModel::partial_words() const {
  return impl_->partial_words;
}

}  // namespace bertft::model
