// Times attention on the CPU, forward and backward, of one layer and 16 windows: the packed kernel that the model runs
// beside ATen's own, a sequence at a time and padded with a mask as Hugging Face calls it.
//
//   attention_bench [--benchmark_filter=dropout:0.1 --benchmark_min_time=2 ...]
//
// What ATen takes for scaled_dot_product_attention on the CPU depends on dropout: a flash kernel without, the plain
// products with it.
#include <ATen/ATen.h>
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "model/attention.h"

namespace {

using namespace bertft;

struct Shape {
  std::string_view name;
  std::int64_t heads, head_size;
};
constexpr Shape kMiniLm{"MiniLM", 12, 32}, kBertBase{"BERT-base", 12, 64};

struct Lengths {
  std::string_view name;
  std::vector<std::int32_t> values;
};

// Of SQuAD's windows, near enough: half of them between 130 and 190 tokens, few at the greatest length.
const Lengths kSquad{"squad", {84, 102, 118, 131, 140, 147, 153, 159, 166, 173, 181, 190, 205, 232, 290, 384}};
const Lengths kFull{"full", std::vector<std::int32_t>(16, 384)};

struct Problem {
  Shape shape;
  model::DeviceBatch batch;
  model::Qkv in;  // [T, A * D], the gradient is asked for
  at::Tensor grad_out;
  double dropout;

  Problem(const Shape& of, const std::vector<std::int32_t>& lengths, at::ScalarType type, double rate)
      : shape(of), dropout(rate) {
    batch.cu_seqlens_host.assign(lengths.size() + 1, 0);
    std::partial_sum(lengths.begin(), lengths.end(), batch.cu_seqlens_host.begin() + 1);
    batch.max_length = *std::max_element(lengths.begin(), lengths.end());
    const auto values = [&] { return at::randn({batch.num_tokens(), of.heads * of.head_size}).to(type); };
    in = {values().requires_grad_(true), values().requires_grad_(true), values().requires_grad_(true)};
    grad_out = values();
  }

  // [rows, A * D] as [1, A, rows, D]
  at::Tensor split(const at::Tensor& rows) const {
    return rows.view({1, rows.size(0), shape.heads, shape.head_size}).transpose(1, 2);
  }
  at::Tensor joined(const at::Tensor& heads) const {
    return heads.transpose(1, 2).reshape({-1, shape.heads * shape.head_size});
  }
};

at::Tensor packed(const Problem& p) {
  return model::attention(p.in, {p.shape.heads, {device::dropout_rate(p.dropout), /*key=*/1}, p.batch});
}

at::Tensor each_by_aten(const Problem& p) {
  std::vector<at::Tensor> out;
  for (std::int64_t s = 0; s < p.batch.num_sequences(); ++s) {
    const auto i = static_cast<std::size_t>(s);
    const std::int64_t begin = p.batch.cu_seqlens_host[i], length = p.batch.cu_seqlens_host[i + 1] - begin;
    const auto of = [&](const at::Tensor& x) { return p.split(x.narrow(0, begin, length)); };
    out.push_back(p.joined(at::scaled_dot_product_attention(of(p.in.q), of(p.in.k), of(p.in.v), {}, p.dropout)));
  }
  return at::cat(out);
}

// The padded tensors are made beforehand, as in a model that pads throughout.
struct Padded {
  at::Tensor q, k, v, mask, grad_out;

  explicit Padded(const Problem& p) {
    const std::int64_t n = p.batch.num_sequences(), length = p.batch.max_length;
    const auto values = [&] {
      return at::randn({n, p.shape.heads, length, p.shape.head_size}, p.in.q.options().requires_grad(false));
    };
    q = values().requires_grad_(true);
    k = values().requires_grad_(true);
    v = values().requires_grad_(true);
    grad_out = values();
    mask = at::zeros({n, 1, length, length}, at::kBool);
    for (std::int64_t s = 0; s < n; ++s) {
      const auto i = static_cast<std::size_t>(s);
      mask.select(0, s).narrow(2, 0, p.batch.cu_seqlens_host[i + 1] - p.batch.cu_seqlens_host[i]).fill_(true);
    }
  }
};

template <class Attention>
void forward_and_backward(benchmark::State& state, const at::Tensor& grad_out, std::initializer_list<at::Tensor> inputs,
                          const Attention& attention) {
  for (auto _ : state) {
    attention().backward(grad_out);
    for (const at::Tensor& input : inputs) input.mutable_grad().reset();
  }
}

void time_packed_rows(benchmark::State& state, const Problem& p, at::Tensor (*attention)(const Problem&)) {
  forward_and_backward(state, p.grad_out, {p.in.q, p.in.k, p.in.v}, [&] { return attention(p); });
}

void time_padded(benchmark::State& state, const Problem& p) {
  const Padded x(p);
  forward_and_backward(state, x.grad_out, {x.q, x.k, x.v},
                       [&] { return at::scaled_dot_product_attention(x.q, x.k, x.v, x.mask, p.dropout); });
}

void add_all(const Shape& shape, const Lengths& lengths, at::ScalarType type, double rate) {
  const std::string name =
      fmt::format("{}/{}/{}/dropout:{}", shape.name, lengths.name, type == at::kFloat ? "fp32" : "bf16", rate);
  const auto add = [&](std::string_view kernel, auto time) {
    benchmark::RegisterBenchmark((name + "/" + std::string(kernel)).c_str(),
                                 [=, values = lengths.values](benchmark::State& state) {
                                   at::manual_seed(1);
                                   time(state, Problem(shape, values, type, rate));
                                 })
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  };
  add("packed", [](benchmark::State& state, const Problem& p) { time_packed_rows(state, p, packed); });
  add("aten_each", [](benchmark::State& state, const Problem& p) { time_packed_rows(state, p, each_by_aten); });
  add("aten_padded", [](benchmark::State& state, const Problem& p) { time_padded(state, p); });
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 64;
  for (const Shape& shape : {kMiniLm, kBertBase}) {
    for (const Lengths* lengths : {&kSquad, &kFull}) {
      for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
        for (const double rate : {0.0, 0.1}) add_all(shape, *lengths, type, rate);
      }
    }
  }
  benchmark::RunSpecifiedBenchmarks();
}
