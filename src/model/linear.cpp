#include "model/linear.h"

#include <ATen/Functions.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

// ATen's own for half types: result = alpha * a b + beta * result by oneDNN. Its header, native/mkldnn/Matmul.h, is not
// among those of the wheel.
namespace at::native {
void mkldnn_matmul(const Tensor& a, const Tensor& b, const Tensor& result, float beta, float alpha);
}  // namespace at::native

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

// Whether oneDNN multiplies float32 faster than MKL, which ATen uses: MKL takes AVX2 on any processor of AMD's. Zen 5
// is the first of these whose units are as wide as AVX-512's registers; with earlier ones nobody has tried.
// For fewer rows, or narrower weights, oneDNN 3.10 takes another kernel, which points the stack pointer into the heap
// (its issue 4845). SignalGuard's handlers bear that, but whoever else handles signals would overwrite what is there.
bool is_faster_by_onednn([[maybe_unused]] const at::Tensor& x, [[maybe_unused]] const at::Tensor& weight) {
#if defined(__x86_64__)
  static const bool is_zen5 = __builtin_cpu_is("amd") && __builtin_cpu_supports("avx512vp2intersect");
  constexpr std::int64_t kLeastRows = 128, kLeastWidth = 384;
  return is_zen5 && x.size(0) >= kLeastRows && std::min(weight.size(0), weight.size(1)) >= kLeastWidth;
#else
  return false;
#endif
}

// Calls work(first, count) for blocks of rows, whose float32 copies are small beside a micro-batch.
template <class Work>
void for_each_block(std::int64_t num_rows, const Work& work) {
  constexpr std::int64_t kRows = 512;
  for (std::int64_t first = 0; first < num_rows; first += kRows) work(first, std::min(kRows, num_rows - first));
}

struct LinearThroughFp32 : torch::autograd::Function<LinearThroughFp32> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias) {
    ctx->save_for_backward({x, weight});
    const at::Tensor wide_weight = weight.to(at::kFloat), wide_bias = bias.to(at::kFloat);
    const at::Tensor out = at::empty({x.size(0), weight.size(0)}, x.options());
    for_each_block(x.size(0), [&](std::int64_t first, std::int64_t count) {
      const at::Tensor rows = x.narrow(0, first, count).to(at::kFloat);
      out.narrow(0, first, count).copy_(at::addmm(wide_bias, rows, wide_weight.t()));
    });
    return out;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &grad = grads[0];
    const at::Tensor grad_x = at::empty_like(x);
    const at::Tensor grad_weight = at::zeros(weight.sizes(), weight.options().dtype(at::kFloat));
    const at::Tensor wide_weight = weight.to(at::kFloat);
    for_each_block(grad.size(0), [&](std::int64_t first, std::int64_t count) {
      const at::Tensor rows = grad.narrow(0, first, count).to(at::kFloat);
      grad_x.narrow(0, first, count).copy_(at::mm(rows, wide_weight));
      grad_weight.addmm_(rows.t(), x.narrow(0, first, count).to(at::kFloat));
    });
    return {grad_x, grad_weight.to(weight.scalar_type()), grad.sum(0)};
  }
};

at::Tensor product(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor result = at::empty({a.size(0), b.size(1)}, a.options());
  at::native::mkldnn_matmul(a, b, result, /*beta=*/0, /*alpha=*/1);
  return result;
}

struct LinearByOneDnn : torch::autograd::Function<LinearByOneDnn> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias) {
    ctx->save_for_backward({x, weight});
    const at::Tensor out = at::empty({x.size(0), weight.size(0)}, x.options()).copy_(bias);
    at::native::mkldnn_matmul(x, weight.t(), out, /*beta=*/1, /*alpha=*/1);
    return out;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1];
    const at::Tensor grad = grads[0].contiguous();
    return {product(grad, weight), product(grad.t(), x), grad.sum(0)};
  }
};

}  // namespace

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, at::ScalarType type) {
  const at::Tensor input = x.to(type), rounded_weight = weight.to(type), rounded_bias = bias.to(type);
  if (x.is_cpu() && type != at::kFloat && !has_fast_products(type)) {
    return linear_through_fp32(input, rounded_weight, rounded_bias);
  }
  if (x.is_cpu() && type == at::kFloat && is_faster_by_onednn(x, weight)) return linear_by_onednn(input, weight, bias);
  return at::linear(input, rounded_weight, rounded_bias);
}

at::Tensor linear_through_fp32(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return LinearThroughFp32::apply(x, weight, bias);
}

at::Tensor linear_by_onednn(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return LinearByOneDnn::apply(x, weight, bias);
}

}  // namespace bertft::model
