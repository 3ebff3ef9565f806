#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <cuda_runtime.h>

#include "model/dropout_quad.h"

namespace bertft::model {
namespace {

// A block a row: a thread that counted all quads would have to divide 64-bit numbers to find its row.
template <class X, class Out>
__global__ void dropout_add_kernel(DropoutAddArguments<X, Out> arguments) {
  for (std::int64_t quad = threadIdx.x; quad < arguments.quads_per_row; quad += blockDim.x) {
    dropout_add_quad(arguments, blockIdx.x, quad);
  }
}

}  // namespace

template <class X, class Out>
void launch_dropout_add(const DropoutAddArguments<X, Out>& arguments, CUstream_st* stream) {
  constexpr std::int64_t kWarp = 32, kMostThreads = 256;
  const std::int64_t whole_warps = (arguments.quads_per_row + kWarp - 1) / kWarp * kWarp;
  const auto blocks = static_cast<unsigned>(arguments.num_rows);
  const auto threads = static_cast<unsigned>(whole_warps < kMostThreads ? whole_warps : kMostThreads);
  dropout_add_kernel<<<blocks, threads, 0, stream>>>(arguments);
}

#define BERTFT_LAUNCH(X, Out) template void launch_dropout_add(const DropoutAddArguments<X, Out>&, CUstream_st*)
BERTFT_LAUNCH(float, float);
BERTFT_LAUNCH(float, c10::BFloat16);
BERTFT_LAUNCH(c10::BFloat16, float);
BERTFT_LAUNCH(c10::BFloat16, c10::BFloat16);
BERTFT_LAUNCH(float, c10::Half);
BERTFT_LAUNCH(c10::Half, float);
BERTFT_LAUNCH(c10::Half, c10::Half);
#undef BERTFT_LAUNCH

}  // namespace bertft::model
