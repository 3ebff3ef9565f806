// The planner's bytes beside those that real steps take.

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bertft/memory/planner.h"
#include "memory/cpu_allocator.h"
#include "train/small_run.h"

namespace bertft::train {
namespace {

using memory::CpuAllocator;

struct Case {
  const char* name;
  std::int64_t vocabulary, hidden, layers, heads;
  std::int64_t length, num_features;
  bool bf16, gradient_checkpointing;
};

model::TinyBert bert_of(const Case& c) {
  return model::TinyBert({.vocabulary = c.vocabulary,
                          .hidden = c.hidden,
                          .layers = c.layers,
                          .heads = c.heads,
                          .inner = 4 * c.hidden,
                          .positions = 512});
}

// One window of exactly `length` tokens.
data::Features window_of(std::int64_t length) {
  std::string context = "aa";
  for (std::int64_t i = 5; i < length; ++i) context += " b";
  const std::string text =
      R"({"id":"1","question":"qqq","context":")" + context + R"(","answers":[{"text":"aa","answer_start":0}]})";
  data::DataOptions options;
  options.max_seq_length = length;
  options.doc_stride = 0;
  return make_features(data::read(text), data::WordTokenizer(), options, data::Purpose::kTraining);
}

// The most bytes in use over two steps of two micro-batches each.
std::uint64_t measured_bytes(const Case& c) {
  const model::TinyBert bert = bert_of(c);
  const data::Features features = window_of(c.length);
  CpuAllocator& allocator = CpuAllocator::instance();
  const std::uint64_t before = allocator.in_use();
  allocator.reset_peak();
  device::Device device;
  device.bf16 = c.bf16;
  model::QaModel model = bert.make(device, {.model_name_or_path = {},
                                            .config_name = {},
                                            .tokenizer_name = {},
                                            .gradient_checkpointing = c.gradient_checkpointing});
  optim::AdamW optimizer(parameters_of(model), {});
  StepEngine engine({model, optimizer, device, features}, {.features = c.num_features, .tokens = {}}, kSeed);
  const std::vector<std::uint32_t> windows(static_cast<std::size_t>(2 * c.num_features), 0U);
  for (std::int64_t step = 0; step < 2; ++step) engine.run(windows, step, kLearningRate);
  return allocator.peak() - before;
}

class MemoryPlan : public testing::TestWithParam<Case> {};

TEST_P(MemoryPlan, IsWithinTenPercentOfRealSteps) {
  const Case& c = GetParam();
  const memory::StepShape shape{.encoder = bert_of(c).config,
                                .length = c.length,
                                .bf16 = c.bf16,
                                .gradient_checkpointing = c.gradient_checkpointing,
                                .is_cuda = false,
                                .num_threads = at::get_num_threads()};
  const memory::StepBytes plan = memory::plan_step(shape, c.num_features);
  const auto planned = static_cast<double>(plan.tensors());
  const auto measured = static_cast<double>(measured_bytes(c));
  RecordProperty("planned_over_measured", fmt::format("{:.4f}", planned / measured));
  EXPECT_NEAR(planned / measured, 1, 0.1) << fmt::format(
      "planned {:.1f} MiB (activations {:.1f}, workspace {:.1f}), measured {:.1f} MiB", planned / 0x1p20,
      static_cast<double>(plan.activations) / 0x1p20, static_cast<double>(plan.workspace) / 0x1p20, measured / 0x1p20);
}

constexpr Case tiny(const char* name, std::int64_t length, std::int64_t n, bool bf16, bool checkpointing) {
  return {name, 1100, 64, 2, 2, length, n, bf16, checkpointing};
}
constexpr Case minilm(const char* name, std::int64_t length, std::int64_t n, bool bf16, bool checkpointing) {
  return {name, 30522, 384, 6, 12, length, n, bf16, checkpointing};
}
constexpr Case base(const char* name, std::int64_t length, std::int64_t n, bool bf16, bool checkpointing) {
  return {name, 30522, 768, 12, 12, length, n, bf16, checkpointing};
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, MemoryPlan,
    testing::Values(tiny("TinyShort", 64, 8, false, false), tiny("Tiny", 384, 4, false, false),
                    tiny("TinyLongHalf", 512, 4, true, false), tiny("TinyRecomputed", 512, 8, false, true),
                    tiny("TinyRecomputedHalf", 256, 8, true, true), minilm("MiniLmOne", 64, 1, false, false),
                    minilm("MiniLm", 384, 4, false, false), minilm("MiniLmHalf", 384, 4, true, false),
                    minilm("MiniLmRecomputed", 512, 4, false, true), minilm("MiniLmRecomputedHalf", 384, 4, true, true),
                    base("Base", 384, 2, false, false), base("BaseHalf", 256, 2, true, false),
                    base("BaseRecomputed", 128, 2, false, true)),
    [](const auto& shape) { return shape.param.name; });

}  // namespace
}  // namespace bertft::train
