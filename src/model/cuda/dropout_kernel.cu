#include <c10/util/BFloat16.h>
#include <cuda_runtime.h>

#include "model/dropout_quad.h"

namespace bertft::model {
namespace {

template <class X, class Out>
__global__ void dropout_add_kernel(DropoutAddArguments<X, Out> arguments, std::int64_t num_quads) {
  const std::int64_t quad = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (quad < num_quads) dropout_add_quad(arguments, quad);
}

}  // namespace

template <class X, class Out>
void launch_dropout_add(const DropoutAddArguments<X, Out>& arguments, std::int64_t num_quads, CUstream_st* stream) {
  constexpr int kThreads = 256;
  const auto blocks = static_cast<unsigned>((num_quads + kThreads - 1) / kThreads);
  dropout_add_kernel<<<blocks, kThreads, 0, stream>>>(arguments, num_quads);
}

#define BERTFT_LAUNCH(X, Out) \
  template void launch_dropout_add(const DropoutAddArguments<X, Out>&, std::int64_t, CUstream_st*)
BERTFT_LAUNCH(float, float);
BERTFT_LAUNCH(float, c10::BFloat16);
BERTFT_LAUNCH(c10::BFloat16, float);
BERTFT_LAUNCH(c10::BFloat16, c10::BFloat16);
#undef BERTFT_LAUNCH

}  // namespace bertft::model
