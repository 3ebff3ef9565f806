#include "model/dropout_cuda.h"

#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "model/dropout_types.h"

namespace bertft::model {
namespace {

template <class X, class Out>
void launch(const at::Tensor& x, const at::Tensor& residual, const DropoutSite& site, const DeviceBatch& batch,
            at::Tensor& out) {
  launch_dropout_add(dropout_add_arguments<X, Out>(x, residual, site, batch, out), c10::cuda::getCurrentCUDAStream());
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

}  // namespace

at::Tensor dropout_add_cuda(const at::Tensor& x, const at::Tensor& residual, at::ScalarType out_type,
                            const DropoutSite& site, const DeviceBatch& batch) {
  TORCH_CHECK(x.size(1) % device::kColumnsPerDraw == 0, "dropout needs a hidden size that is a multiple of ",
              device::kColumnsPerDraw, ", got ", x.size(1));
  const c10::cuda::CUDAGuard guard(x.device());
  at::Tensor out = at::empty(x.sizes(), x.options().dtype(out_type));
  if (out.numel() == 0) return out;
  with_types(x.scalar_type(), out_type, [&]<class X, class Out>() { launch<X, Out>(x, residual, site, batch, out); });
  return out;
}

}  // namespace bertft::model
