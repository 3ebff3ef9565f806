#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "model/cpu_target.h"
#include "model/dropout.h"
#include "model/dropout_types.h"

namespace bertft::model {
namespace {

constexpr std::int64_t kPerDraw = device::kColumnsPerDraw;
constexpr std::int64_t kBlock = 512;  // columns drawn at a time
static_assert(kBlock % kPerDraw == 0);

BERTFT_CPU_CLONES
void draw_block(std::uint64_t sequence_key, std::uint64_t row, std::uint64_t first_quad, std::int64_t num_quads,
                std::uint64_t* out) {
  for (std::int64_t i = 0; i < num_quads; ++i) {
    out[i] = device::draw4(sequence_key, row, (first_quad + static_cast<std::uint64_t>(i)) * kPerDraw);
  }
}

BERTFT_CPU_CLONES
void threshold_block(const std::uint16_t* draws, std::int64_t n, std::uint32_t threshold, float scale, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = draws[i] >= threshold ? scale : 0.0F;
}

template <class X, class Out>
BERTFT_CPU_CLONES void multiply_add(const X* x, const float* multipliers, const float* residual, std::int64_t n,
                                    Out* out) {
  if (residual == nullptr) {
    for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<Out>(static_cast<float>(x[i]) * multipliers[i]);
  } else {
    for (std::int64_t i = 0; i < n; ++i) {
      out[i] = static_cast<Out>(residual[i] + static_cast<float>(x[i]) * multipliers[i]);
    }
  }
}

template <class X, class Out>
void dropout_rows(const at::Tensor& x, const at::Tensor& residual, const DropoutSite& site, const DeviceBatch& batch,
                  at::Tensor& out) {
  const std::int64_t width = x.size(1);
  const auto* sequence = batch.sequence_of_row.const_data_ptr<std::int32_t>();
  const auto* position = batch.positions.const_data_ptr<std::int32_t>();
  const X* x_data = x.const_data_ptr<X>();
  const float* residual_data = residual.defined() ? residual.const_data_ptr<float>() : nullptr;
  Out* out_data = out.mutable_data_ptr<Out>();
  at::parallel_for(0, x.size(0), 64, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> multipliers(static_cast<std::size_t>(width));
    for (std::int64_t row = begin; row < end; ++row) {
      const auto key = device::fold(site.key, static_cast<std::uint64_t>(batch.first_in_batch + sequence[row]));
      dropout_multipliers(key, static_cast<std::uint64_t>(position[row]), width, site.rate, multipliers.data());
      multiply_add(x_data + row * width, multipliers.data(),
                   residual_data == nullptr ? nullptr : residual_data + row * width, width, out_data + row * width);
    }
  });
}

}  // namespace

void dropout_multipliers(std::uint64_t sequence_key, std::uint64_t row, std::int64_t n, const device::DropoutRate& rate,
                         float* out) {
  std::array<std::uint64_t, kBlock / kPerDraw> words;
  std::array<std::uint16_t, kBlock> draws;
  for (std::int64_t first = 0; first < n; first += kBlock) {
    const std::int64_t count = std::min(kBlock, n - first);
    draw_block(sequence_key, row, static_cast<std::uint64_t>(first / kPerDraw), (count + kPerDraw - 1) / kPerDraw,
               words.data());
    std::memcpy(draws.data(), words.data(), sizeof(draws));  // little endian: lane 0 is the low half-word
    threshold_block(draws.data(), count, rate.threshold, rate.scale, out + first);
  }
}

at::Tensor dropout_add_cpu(const at::Tensor& x, const at::Tensor& residual, at::ScalarType out_type,
                           const DropoutSite& site, const DeviceBatch& batch) {
  at::Tensor out = at::empty(x.sizes(), x.options().dtype(out_type));
  with_types(x.scalar_type(), out_type,
             [&]<class X, class Out>() { dropout_rows<X, Out>(x, residual, site, batch, out); });
  return out;
}

}  // namespace bertft::model
