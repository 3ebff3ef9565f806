#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>

#include <cmath>

#include "model/attention.h"
#include "model/cpu_target.h"

namespace bertft::model {
namespace {

// One head of one sequence: rows [begin, begin + length) and columns [column, column + size).
struct Head {
  std::int64_t begin, length, column, size;
  std::int64_t sequence, head;

  at::Tensor of(const at::Tensor& x) const { return x.narrow(0, begin, length).narrow(1, column, size); }
  // Products run in fp32 whatever the type of the inputs.
  at::Tensor as_float(const at::Tensor& x) const { return of(x).to(at::kFloat); }
};

// Work is numbered head-major, so that each thread gets its share of long sequences.
Head head_of(std::int64_t item, std::int64_t head_size, const DeviceBatch& batch) {
  const std::int64_t n = batch.num_sequences();
  const std::int64_t sequence = item % n;
  const std::int64_t head = item / n;
  const std::int64_t begin = batch.cu_seqlens_host[static_cast<std::size_t>(sequence)];
  const std::int64_t end = batch.cu_seqlens_host[static_cast<std::size_t>(sequence) + 1];
  return {begin, end - begin, head * head_size, head_size, sequence, head};
}

// Calls work(head, square) for every head, where square(0), square(1), ... are the thread's
// `num_squares` fp32 scratch matrices [l, l].
template <class Work>
void for_each_head(const AttentionParams& params, std::int64_t width, std::int64_t num_squares, const Work& work) {
  const DeviceBatch& batch = params.batch;
  const std::int64_t items = batch.num_sequences() * params.num_heads;
  const std::int64_t area = batch.max_length * batch.max_length;
  const std::int64_t grain = (items + at::get_num_threads() - 1) / at::get_num_threads();
  at::parallel_for(0, items, grain, [&](std::int64_t first, std::int64_t last) {
    at::AutoDispatchBelowADInplaceOrView no_autograd;
    const at::Tensor scratch = at::empty({num_squares, area}, at::kFloat);
    for (std::int64_t item = first; item < last; ++item) {
      const Head head = head_of(item, width / params.num_heads, batch);
      const auto square = [&](std::int64_t which) {
        return scratch.select(0, which).narrow(0, 0, head.length * head.length).view({head.length, head.length});
      };
      work(head, square);
    }
  });
}

BERTFT_CPU_CLONES
float row_max(const float* x, std::int64_t n) {
  float largest = x[0];
  for (std::int64_t i = 1; i < n; ++i) largest = x[i] > largest ? x[i] : largest;
  return largest;
}

// x = exp(scale * x - shift); returns the sum.
BERTFT_CPU_CLONES
float exp_row(float* x, std::int64_t n, float scale, float shift) {
  float sum = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    x[i] = expf(scale * x[i] - shift);
    sum += x[i];
  }
  return sum;
}

BERTFT_CPU_CLONES
void scale_row(float* x, std::int64_t n, float factor) {
  for (std::int64_t i = 0; i < n; ++i) x[i] *= factor;
}

BERTFT_CPU_CLONES
void mask_row(const float* x, const float* multipliers, std::int64_t n, float factor, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = x[i] * (multipliers[i] * factor);
}

BERTFT_CPU_CLONES
float dot_row(const float* x, const float* y, std::int64_t n) {
  float sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += x[i] * y[i];
  return sum;
}

// grad = probability * (grad - delta) * scale: the softmax's derivative (and the score's scale).
BERTFT_CPU_CLONES
void softmax_grad_row(const float* probabilities, float* grad, std::int64_t n, float delta, float scale) {
  for (std::int64_t i = 0; i < n; ++i) grad[i] = probabilities[i] * (grad[i] - delta) * scale;
}

// The multipliers of one query's probabilities.
void draw_row(const AttentionParams& params, const Head& head, std::int64_t query, std::vector<float>& multipliers) {
  const std::uint64_t sequence_key =
      device::fold(params.site.key, static_cast<std::uint64_t>(params.batch.first_in_batch + head.sequence));
  dropout_multipliers(sequence_key, static_cast<std::uint64_t>(head.head * head.length + query), head.length,
                      params.site.rate, multipliers.data());
}

float score_scale(const Head& head) {
  return 1.0F / std::sqrt(static_cast<float>(head.size));
}

}  // namespace

AttentionForward attention_forward_cpu(const Qkv& in, const AttentionParams& params) {
  AttentionForward result{at::empty_like(in.q), at::empty({params.num_heads, in.q.size(0)}, at::kFloat)};
  const auto work = [&](const Head& head, const auto& square) {
    const std::int64_t l = head.length;
    at::Tensor scores = square(0);
    at::mm_out(scores, head.as_float(in.q), head.as_float(in.k).t());
    float* log_sums = result.log_sums.mutable_data_ptr<float>() + head.head * in.q.size(0) + head.begin;
    std::vector<float> multipliers(static_cast<std::size_t>(l));
    for (std::int64_t i = 0; i < l; ++i) {
      float* row = scores.mutable_data_ptr<float>() + i * l;
      const float shift = score_scale(head) * row_max(row, l);
      const float sum = exp_row(row, l, score_scale(head), shift);
      log_sums[i] = shift + std::log(sum);
      if (params.site.active()) {
        draw_row(params, head, i, multipliers);
        mask_row(row, multipliers.data(), l, 1.0F / sum, row);
      } else {
        scale_row(row, l, 1.0F / sum);
      }
    }
    at::Tensor out = head.of(result.out);
    if (out.scalar_type() == at::kFloat) {
      at::mm_out(out, scores, head.of(in.v));
    } else {
      out.copy_(at::mm(scores, head.as_float(in.v)));
    }
  };
  for_each_head(params, in.q.size(1), /*num_squares=*/1, work);
  return result;
}

Qkv attention_backward_cpu(const at::Tensor& grad_out, const Qkv& in, const AttentionForward& forward,
                           const AttentionParams& params) {
  Qkv grads{at::empty_like(in.q), at::empty_like(in.k), at::empty_like(in.v)};
  const auto work = [&](const Head& head, const auto& square) {
    const std::int64_t l = head.length;
    at::Tensor probabilities = square(0), grad_scores = square(1), dropped = square(2);
    const at::Tensor q_head = head.as_float(in.q), k_head = head.as_float(in.k);
    const at::Tensor grad_head = head.as_float(grad_out).contiguous();
    const at::Tensor out_head = head.as_float(forward.out).contiguous();
    at::mm_out(probabilities, q_head, k_head.t());
    at::mm_out(grad_scores, grad_head, head.as_float(in.v).t());  // of the dropped probabilities, so far
    const float* log_sums = forward.log_sums.const_data_ptr<float>() + head.head * in.q.size(0) + head.begin;
    std::vector<float> multipliers(static_cast<std::size_t>(l), 1.0F);
    for (std::int64_t i = 0; i < l; ++i) {
      float* p = probabilities.mutable_data_ptr<float>() + i * l;
      float* g = grad_scores.mutable_data_ptr<float>() + i * l;
      exp_row(p, l, score_scale(head), log_sums[i]);
      if (params.site.active()) {
        draw_row(params, head, i, multipliers);
      }
      mask_row(p, multipliers.data(), l, 1.0F, dropped.mutable_data_ptr<float>() + i * l);
      mask_row(g, multipliers.data(), l, 1.0F, g);
      // sum_j p_j g_j = grad_out . out, dropout included
      const float delta = dot_row(grad_head.const_data_ptr<float>() + i * head.size,
                                  out_head.const_data_ptr<float>() + i * head.size, head.size);
      softmax_grad_row(p, g, l, delta, score_scale(head));
    }
    head.of(grads.v).copy_(at::mm(dropped.t(), grad_head));
    head.of(grads.q).copy_(at::mm(grad_scores, k_head));
    head.of(grads.k).copy_(at::mm(grad_scores.t(), q_head));
  };
  for_each_head(params, in.q.size(1), /*num_squares=*/3, work);
  return grads;
}

}  // namespace bertft::model
