#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <c10/util/BFloat16.h>

#include "model/dropout_cuda.h"

namespace bertft::model {
namespace {

// ---- kernel ----------------------------------------------------------------------------

// One thread makes four neighbouring columns of one row, which share one draw4().
template <class X, class Out>
__global__ void dropout_add_kernel(const X* x, const float* residual, const std::int32_t* sequence,
                                   const std::int32_t* position, std::int64_t rows, std::int64_t quads_per_row,
                                   std::uint64_t key, std::int64_t first_in_batch, device::DropoutRate rate, Out* out) {
  const std::int64_t quad = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (quad >= rows * quads_per_row) return;
  const std::int64_t row = quad / quads_per_row;
  const std::int64_t column = quad % quads_per_row * 4;
  const std::uint64_t sequence_key = device::fold(key, static_cast<std::uint64_t>(first_in_batch + sequence[row]));
  const std::uint64_t draws =
      device::draw4(sequence_key, static_cast<std::uint64_t>(position[row]), static_cast<std::uint64_t>(column));
  for (int lane = 0; lane < 4; ++lane) {
    const std::int64_t i = row * quads_per_row * 4 + column + lane;
    const auto drawn = static_cast<std::uint32_t>(draws >> (16 * lane)) & 0xffffU;
    const float kept = drawn >= rate.threshold ? static_cast<float>(x[i]) * rate.scale : 0.0F;
    out[i] = static_cast<Out>(residual == nullptr ? kept : residual[i] + kept);
  }
}

// ---- launcher --------------------------------------------------------------------------

// Needs a width that is a multiple of 4, as every hidden size of a transformer is.
template <class X, class Out>
void launch(const at::Tensor& x, const at::Tensor& residual, const DropoutSite& site, const RowPlaces& places,
            at::Tensor& out) {
  constexpr int kThreads = 256;
  const std::int64_t quads_per_row = x.size(1) / 4;
  const std::int64_t quads = x.size(0) * quads_per_row;
  const auto blocks = static_cast<unsigned>((quads + kThreads - 1) / kThreads);
  dropout_add_kernel<X, Out><<<blocks, kThreads, 0, c10::cuda::getCurrentCUDAStream()>>>(
      x.const_data_ptr<X>(), residual.defined() ? residual.const_data_ptr<float>() : nullptr,
      places.sequence_of_row.const_data_ptr<std::int32_t>(), places.positions.const_data_ptr<std::int32_t>(), x.size(0),
      quads_per_row, site.key, places.first_in_batch, site.rate, out.mutable_data_ptr<Out>());
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

}  // namespace

at::Tensor dropout_add_cuda(const at::Tensor& x, const at::Tensor& residual, at::ScalarType out_type,
                            const DropoutSite& site, const RowPlaces& places) {
  TORCH_CHECK(x.size(1) % 4 == 0, "dropout needs a hidden size that is a multiple of 4, got ", x.size(1));
  const c10::cuda::CUDAGuard guard(x.device());
  at::Tensor out = at::empty(x.sizes(), x.options().dtype(out_type));
  if (out.numel() == 0) return out;
  const bool x_half = x.scalar_type() == at::kBFloat16;
  const bool out_half = out_type == at::kBFloat16;
  if (x_half && out_half) {
    launch<c10::BFloat16, c10::BFloat16>(x, residual, site, places, out);
  } else if (x_half) {
    launch<c10::BFloat16, float>(x, residual, site, places, out);
  } else if (out_half) {
    launch<float, c10::BFloat16>(x, residual, site, places, out);
  } else {
    launch<float, float>(x, residual, site, places, out);
  }
  return out;
}

}  // namespace bertft::model
