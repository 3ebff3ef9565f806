// What must hold on a GPU, against the same computation on the CPU.

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <ATen/cuda/CUDAContextLight.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "gpu/gpu_fixture.h"
#include "model/attention.h"
#include "model/dropout.h"
#include "model/lookup.h"
#include "model/packed_batch.h"
#include "train/torch/small_run.h"
#include "weights/family_configs.h"

namespace bertft::train {
namespace {

constexpr std::uint64_t kMib = std::uint64_t{1} << 20;

class GpuStep : public Gpu {
 protected:
  const data::Features features_ = seven_windows();
};

TEST_F(Gpu, IsTakenWhereNoDeviceIsNamed) {
  EXPECT_TRUE(device::select_device({}).is_cuda());
}

TEST_F(Gpu, DrawsTheDropoutMasksOfTheCpu) {
  const std::vector<std::int32_t> lengths = {4, 60, 3};
  const model::DropoutSite site{device::dropout_rate(0.3), 5};
  const model::DeviceBatch batch = model::batch_of(lengths, 2);
  const model::DeviceBatch on_gpu = model::to_device(model::packed_batch(lengths, 2), device_.torch_device);
  const at::Tensor ones = at::ones({batch.num_tokens(), 96});
  const at::Tensor expected = model::dropout_add(ones, {}, site, batch);
  const at::Tensor drawn = model::dropout_add(ones.to(device_.torch_device), {}, site, on_gpu);
  EXPECT_TRUE(at::equal(drawn.cpu(), expected));
}

TEST_F(Gpu, AddsGradientsOfATableToTheRowsOfTheCpu) {
  at::manual_seed(1);
  const at::Tensor ids = at::randint(30, {5500}, at::kInt), grad = at::randn({5500, 24}), table = at::randn({40, 24});
  const auto gradient_on = [&](c10::Device device) {
    const at::Tensor leaf = table.to(device).requires_grad_(true);
    // The first of more than ATen's kernel for few ids takes (3,072), as a batch of BERT-base has.
    for (const auto& [first, count] : {std::pair(0, 4000), {4000, 1499}, {5499, 1}}) {
      model::lookup(leaf, ids.narrow(0, first, count).to(device), /*padding=*/3)
          .backward(grad.narrow(0, first, count).to(device));
    }
    return leaf.grad().cpu();
  };
  EXPECT_TRUE(at::allclose(gradient_on(device_.torch_device), gradient_on(c10::kCPU), 1e-5, 1e-4));
}

// A type, whether flash attention may take it (without, a GPU of any age does as those before Ampere), and heads, of
// which each size has kernels of its own.
struct AttentionCase {
  at::ScalarType type;
  bool has_flash;
  std::int64_t head_size;
};
void PrintTo(const AttentionCase& c, std::ostream* out) {
  *out << c.type << (c.has_flash ? "" : "WithoutFlash") << " of " << c.head_size;
}

// Attention of four sequences; with dropout its kernels draw masks of their own.
class GpuAttention : public Gpu, public testing::WithParamInterface<AttentionCase> {
 protected:
  static constexpr std::int64_t kHeads = 3;
  struct Result {
    at::Tensor out;
    model::Qkv grads;
  };

  // Of the sequences from `first` on, with dropout.
  Result attend(std::size_t first) const {
    const std::vector<std::int32_t> rest(lengths_.begin() + static_cast<std::ptrdiff_t>(first), lengths_.end());
    const auto batch = model::to_device(model::packed_batch(rest, static_cast<std::uint32_t>(first)), cuda_);
    return attend(batch, [&](const model::Qkv& leaves) { return attention(leaves, batch); });
  }

  template <class Attention>
  Result attend(const model::DeviceBatch& batch, const Attention& work) const {
    const auto rows = [&](const at::Tensor& x) {
      return last_rows(x, batch.num_tokens()).to(batch.cu_seqlens.device());
    };
    const auto leaf = [&](const at::Tensor& x) { return rows(x).clone().requires_grad_(true); };
    const model::Qkv leaves{leaf(in_.q), leaf(in_.k), leaf(in_.v)};
    const at::Tensor out = work(leaves);
    out.backward(rows(grad_));
    return {out.detach(), {leaves.q.grad(), leaves.k.grad(), leaves.v.grad()}};
  }

  static at::Tensor attention(const model::Qkv& in, const model::DeviceBatch& batch, double dropout = 0.3) {
    return model::attention_cuda(in, {kHeads, {device::dropout_rate(dropout), 5}, batch, GetParam().has_flash});
  }
  static at::Tensor last_rows(const at::Tensor& x, std::int64_t n) { return x.narrow(0, x.size(0) - n, n); }
  at::Tensor random() const {
    const auto num_tokens = std::accumulate(lengths_.begin(), lengths_.end(), std::int64_t{0});
    return at::randn({num_tokens, kHeads * GetParam().head_size}).to(cuda_, GetParam().type);
  }
  bool is_half() const { return GetParam().type != at::kFloat; }

  void SetUp() override {
    Gpu::SetUp();
    if (IsSkipped()) return;
    if (GetParam().type == at::kBFloat16 && !has_bf16()) GTEST_SKIP() << "no bf16";
    if (is_half() && GetParam().has_flash && device_.is_before_ampere) GTEST_SKIP() << "no flash attention";
    at::manual_seed(1);
    for (at::Tensor* x : {&in_.q, &in_.k, &in_.v, &grad_}) *x = random();
  }

  const c10::Device cuda_{c10::kCUDA, 0};
  const std::vector<std::int32_t> lengths_ = {384, 129, 64, 1};  // of several blocks of the kernels, and of one
  model::Qkv in_;
  at::Tensor grad_;
};

TEST_P(GpuAttention, EqualsTheCpusWithoutDropout) {
  const auto batch = model::to_device(model::packed_batch(lengths_), cuda_), on_cpu = model::batch_of(lengths_);
  const Result gpu = attend(batch, [&](const model::Qkv& leaves) { return attention(leaves, batch, 0); });
  const Result cpu =
      attend(on_cpu, [&](const model::Qkv& leaves) { return model::attention(leaves, {kHeads, {}, on_cpu}); });
  const double bound = is_half() ? 0.06 : 1e-4;
  for (const auto& [a, b] : {std::pair(gpu.out, cpu.out), std::pair(gpu.grads.q, cpu.grads.q),
                             std::pair(gpu.grads.k, cpu.grads.k), std::pair(gpu.grads.v, cpu.grads.v)}) {
    EXPECT_LT((a.cpu() - b).abs().max().item<double>(), bound);
  }
}

TEST_P(GpuAttention, GivesASequenceTheSameInAnyMicroBatch) {
  const Result whole = attend(0);
  for (const std::size_t first : {1U, 2U, 3U}) {
    const Result part = attend(first);
    const std::int64_t n = part.out.size(0);
    const double bound = is_half() ? 1e-2 : 1e-5;
    for (const auto& [all, some] : {std::pair(whole.out, part.out), std::pair(whole.grads.q, part.grads.q),
                                    std::pair(whole.grads.k, part.grads.k), std::pair(whole.grads.v, part.grads.v)}) {
      EXPECT_LT((last_rows(all, n) - some).abs().max().item<double>(), bound) << first;
    }
  }
}

// Masks of the backward pass that were not those of the forward pass would show here: the output is linear in v.
TEST_P(GpuAttention, HasTheMasksOfTheForwardPassInTheBackwardPass) {
  const model::Qkv grads = attend(0).grads;
  const auto batch = model::to_device(model::packed_batch(lengths_), cuda_);
  const at::NoGradGuard no_grad;
  const double expected = (grads.v * grads.v).sum(at::kDouble).item<double>();
  const double through_output = (attention({in_.q, in_.k, grads.v}, batch) * grad_).sum(at::kDouble).item<double>();
  EXPECT_NEAR(through_output, expected, 0.02 * expected);
}

TEST_P(GpuAttention, HasTheGradientsOfItsOutput) {
  if (is_half()) GTEST_SKIP() << "differences of half outputs are all rounding";
  const model::Qkv grads = attend(0).grads;
  const auto batch = model::to_device(model::packed_batch(lengths_), cuda_);
  const at::NoGradGuard no_grad;
  for (const auto& part :
       {std::pair("q", &model::Qkv::q), std::pair("k", &model::Qkv::k), std::pair("v", &model::Qkv::v)}) {
    const auto which = part.second;
    const at::Tensor direction = random();
    const auto moved = [&](double by) {
      model::Qkv in = in_;
      in.*which = in.*which + by * direction;
      return (attention(in, batch) * grad_).sum(at::kDouble).item<double>();
    };
    constexpr double kStep = 1e-2;
    const double expected = (grads.*which * direction).sum(at::kDouble).item<double>();
    EXPECT_NEAR((moved(kStep) - moved(-kStep)) / (2 * kStep), expected, 0.02 * std::abs(expected) + 0.02) << part.first;
  }
}

std::vector<AttentionCase> attention_cases() {
  std::vector<AttentionCase> cases;
  for (const std::int64_t head_size : {26, 64}) {  // which is not a multiple of 8, that the kernels take; of BERT-base
    cases.push_back({at::kFloat, true, head_size});
    cases.push_back({at::kBFloat16, true, head_size});
    cases.push_back({at::kHalf, true, head_size});
    cases.push_back({at::kHalf, false, head_size});
  }
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Kernels, GpuAttention, testing::ValuesIn(attention_cases()));

// All but the masks of attention, which the GPU's kernels draw in their own way.
weights::EncoderConfig without_attention_dropout(weights::EncoderConfig config) {
  config.dropout.attention_probs = 0;
  return config;
}

TEST_F(GpuStep, TakesTheStepsOfTheCpuInEveryFamily) {
  for (const weights::ConfigOfSize config : weights::kFamilyConfigs) {
    const model::TinyModel tiny(without_attention_dropout(config(kSizeForWords)));
    TrainedModel cpu(tiny), gpu(tiny, device_);
    for (std::int64_t step = 0; step < 10; ++step) {
      const StepResult expected = cpu.step(features_, {}, step), result = gpu.step(features_, {}, step);
      EXPECT_NEAR(result.loss, expected.loss, 1e-4 * expected.loss) << tiny.config.model_type << " " << step;
      EXPECT_NEAR(result.grad_norm, expected.grad_norm, 1e-3 * expected.grad_norm)
          << tiny.config.model_type << " " << step;
    }
  }
}

TEST_F(GpuStep, StaysCloseToTheCpuInHalfPrecision) {
  const model::TinyModel tiny(without_attention_dropout(bert_for_words().config));
  const StepResult expected = TrainedModel(tiny).step(features_, {});
  for (const Precision precision : precisions()) {
    const StepResult result = TrainedModel(tiny, select(precision)).step(features_, {});
    EXPECT_NEAR(result.loss, expected.loss, 0.02 * expected.loss) << name_of(precision);
    EXPECT_NEAR(result.grad_norm, expected.grad_norm, 0.1 * expected.grad_norm) << name_of(precision);
  }
}

// With dropout: its masks must be the same forwards, backwards and in a recomputed layer.
TEST_F(GpuStep, DoesTheSameStepWhateverTheMicroBatch) {
  for (const Precision precision : precisions()) {
    for (const bool recompute : {false, true}) {
      const device::Device device = select(precision);
      model::ModelOptions options;
      TrainedModel whole(bert_for_words(), device, options);
      options.gradient_checkpointing = recompute;
      TrainedModel cut(bert_for_words(), device, options);
      const StepResult expected = whole.step(features_, {});
      const StepResult result = cut.step(features_, {.features = 2, .tokens = {}});
      const bool half = is_half(precision);
      EXPECT_NEAR(result.loss, expected.loss, (half ? 1e-3 : 1e-5) * expected.loss) << name_of(precision) << recompute;
      EXPECT_NEAR(result.grad_norm, expected.grad_norm, (half ? 1e-2 : 1e-4) * expected.grad_norm)
          << name_of(precision) << recompute;
    }
  }
}

TEST_F(GpuStep, RepeatsStepsToTheSameBitsWhenDeterminismIsAskedFor) {
  for (const Precision precision : precisions()) {
    TrainedModel first(bert_for_words(), select(precision, true)), second(bert_for_words(), select(precision, true));
    for (std::int64_t step = 0; step < 3; ++step) {
      first.step(features_, {.features = 3, .tokens = {}}, step);
      second.step(features_, {.features = 3, .tokens = {}}, step);
    }
    EXPECT_TRUE(at::equal(first.state(), second.state())) << name_of(precision);
  }
}

// One large sequence many times: 20 MiB, the allocator's smallest segment, are soon too little.
TEST_F(GpuStep, RedoesAStepThatDoesNotFitInSmallerPieces) {
  if (!has_bf16()) GTEST_SKIP() << "no bf16";
  for (const bool recompute : {false, true}) {  // which runs a backward pass inside another
    model::ModelOptions options;
    options.gradient_checkpointing = recompute;
    TrainedModel bert(bert_for_words(), select(Precision::kBf16),
                      options);  // in fp32 attention takes a launch for each sequence
    const std::vector<std::uint32_t> windows(20'000, 6U);
    StepEngine roomy = bert.engine(features_, {});
    const double expected = roomy.run(windows, 0, /*learning_rate=*/0).loss;
    memory::release_cached(device_);
    const std::uint64_t of_cublas = 2 * at::cuda::getChosenWorkspaceSize();  // forward and backward thread
    limit(memory::use_of(device_).now + of_cublas + 64 * kMib);
    StepEngine tight = bert.engine(features_, {});
    int shrunk = 0;
    tight.on_shrink([&](const Shrunk&) { ++shrunk; });
    EXPECT_NEAR(tight.run(windows, 0, /*learning_rate=*/0).loss, expected, 1e-3 * expected) << recompute;
    EXPECT_GT(shrunk, 0) << recompute;
    limit(memory::capacity_of(device_).total);
  }
}

}  // namespace
}  // namespace bertft::train
