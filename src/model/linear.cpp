#include "model/linear.h"

#include <ATen/Functions.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

namespace bertft::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// What oneDNN requires of an x86 for products of bfloat16; AVX-NE-CONVERT without AVX-512 would do too, which
// today's compilers cannot ask for. Other processors are untested and use ATen's products. Of float16 a CPU that has
// fast ones is rare, and none was there to try.
bool has_fast_products(at::ScalarType half) {
  if (half != at::kBFloat16) return false;
#if defined(__x86_64__)
  static const bool has =
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  return has;
#else
  return true;
#endif
}

// Calls work(first, count) for blocks of rows, whose float32 copies are small beside a micro-batch.
template <class Work>
void for_each_block(std::int64_t num_rows, const Work& work) {
  constexpr std::int64_t kRows = 512;
  for (std::int64_t first = 0; first < num_rows; first += kRows) work(first, std::min(kRows, num_rows - first));
}

struct LinearThroughFp32 : torch::autograd::Function<LinearThroughFp32> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            at::ScalarType half) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const at::Tensor half_x = x.to(half);
    const at::Tensor half_weight = weight.to(half);
    ctx->save_for_backward({half_x, half_weight});
    ctx->saved_data["x_type"] = static_cast<std::int64_t>(x.scalar_type());
    const at::Tensor rounded_weight = half_weight.to(at::kFloat);
    const at::Tensor rounded_bias = bias.to(half).to(at::kFloat);
    const at::Tensor out = at::empty({x.size(0), weight.size(0)}, half_x.options());
    for_each_block(x.size(0), [&](std::int64_t first, std::int64_t count) {
      out.narrow(0, first, count)
          .copy_(at::addmm(rounded_bias, half_x.narrow(0, first, count).to(at::kFloat), rounded_weight.t()));
    });
    return out;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &half_x = saved[0], &half_weight = saved[1], &grad = grads[0];
    const auto x_type = static_cast<at::ScalarType>(ctx->saved_data["x_type"].toInt());
    const at::Tensor grad_x = at::empty(half_x.sizes(), half_x.options().dtype(x_type));
    const at::Tensor grad_weight = at::zeros(half_weight.sizes(), half_weight.options().dtype(at::kFloat));
    {
      const at::Tensor rounded_weight = half_weight.to(at::kFloat);
      for_each_block(grad.size(0), [&](std::int64_t first, std::int64_t count) {
        const at::Tensor rows = grad.narrow(0, first, count).to(at::kFloat);
        grad_x.narrow(0, first, count).copy_(at::mm(rows, rounded_weight));
        grad_weight.addmm_(rows.t(), half_x.narrow(0, first, count).to(at::kFloat));
      });
    }
    return {grad_x, grad_weight, grad.sum(0, /*keepdim=*/false, at::kFloat), {}};
  }
};

struct AsCastOf : torch::autograd::Function<AsCastOf> {
  static at::Tensor forward(AutogradContext*, const at::Tensor& /*x*/, const at::Tensor& half) { return half.detach(); }
  static variable_list backward(AutogradContext*, const variable_list& grads) { return {grads[0].to(at::kFloat), {}}; }
};

}  // namespace

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (x.is_cpu() && at::autocast::is_autocast_enabled(at::kCPU)) {
    const at::ScalarType half = at::autocast::get_autocast_dtype(at::kCPU);
    if (!has_fast_products(half)) return linear_through_fp32(x, weight, bias, half);
  }
  return at::linear(x, weight, bias);
}

at::Tensor as_cast_of(const at::Tensor& x, const at::Tensor& half) {
  return AsCastOf::apply(x, half);
}

at::Tensor linear_through_fp32(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                               at::ScalarType half) {
  return LinearThroughFp32::apply(x, weight, bias, half);
}

}  // namespace bertft::model
