#include "bertft/model/qa_model.h"

#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>

#include <cstring>

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

// Shapes that the kernels on a GPU do not take; no published model has one.
void refuse_shape_for_gpu(const weights::EncoderConfig& config, const device::Device& device) {
  constexpr std::int64_t kLargestHead = 256;  // of FlashAttention-2
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
};

QaModel::QaModel(const weights::EncoderConfig& config, const weights::ModelWeights& loaded, const ModelOptions& options,
                 const device::Device& device, std::uint64_t seed) {
  if (device.is_cuda()) refuse_shape_for_gpu(config, device);
  impl_.reset(new Impl{
      config, device, QaNet(config, weights::encoder_tensors(config), options.gradient_checkpointing.value_or(false))});
  const at::NoGradGuard no_grad;
  const std::string head = weights::encoder_tensors(config).head;
  at::Generator generator = at::detail::createCPUGenerator(seed);
  for (auto& [name, parameter] : parameters()) {
    if (const auto found = loaded.tensors.find(name); found != loaded.tensors.end()) {
      fill(name, parameter, found->second);
    } else if (name == head + ".weight") {
      parameter.normal_(0, config.initializer_range, generator);
    } else if (name == head + ".bias") {
      parameter.zero_();
    } else {
      throw WeightsError(fmt::format("tensor {} is missing", name));
    }
  }
  impl_->net->to(device.torch_device);
}

QaModel::~QaModel() = default;

void QaModel::load(const weights::ModelWeights& loaded) {
  const at::NoGradGuard no_grad;
  for (auto& [name, parameter] : parameters()) {
    const auto found = loaded.tensors.find(name);
    if (found == loaded.tensors.end()) throw WeightsError(fmt::format("tensor {} is missing", name));
    fill(name, parameter, found->second);
  }
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

}  // namespace bertft::model
