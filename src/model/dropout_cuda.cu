#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <c10/util/BFloat16.h>

#include "model/dropout_cuda.h"
#include "model/dropout_quad.h"

namespace bertft::model {
namespace {

// ---- kernel ----------------------------------------------------------------------------

template <class X, class Out>
__global__ void dropout_add_kernel(DropoutAddArguments<X, Out> arguments, std::int64_t num_quads) {
  const std::int64_t quad = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (quad < num_quads) dropout_add_quad(arguments, quad);
}

// ---- launcher --------------------------------------------------------------------------

// Needs a width that is a multiple of 4, as every hidden size of a transformer is.
template <class X, class Out>
void launch(const at::Tensor& x, const at::Tensor& residual, const DropoutSite& site, const RowPlaces& places,
            at::Tensor& out) {
  constexpr int kThreads = 256;
  const std::int64_t quads = x.numel() / 4;
  const auto blocks = static_cast<unsigned>((quads + kThreads - 1) / kThreads);
  dropout_add_kernel<<<blocks, kThreads, 0, c10::cuda::getCurrentCUDAStream()>>>(
      dropout_add_arguments<X, Out>(x, residual, site, places, out), quads);
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
