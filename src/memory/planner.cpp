#include "bertft/memory/planner.h"

#include <algorithm>

#include "memory/bisect.h"

namespace bertft::memory {
namespace {

constexpr std::int64_t kFloatBytes = 4, kHalfBytes = 2;

// Estimates of MEMORY §2.8 until a GPU has been asked: CUDA's context and libraries, two
// cuBLAS workspaces (forward and backward thread), and the rounding of the caching allocator.
constexpr std::uint64_t kCudaContext = std::uint64_t{768} << 20;
constexpr std::uint64_t kCublasWorkspaces = std::uint64_t{64} << 20;
constexpr double kCudaRounding = 1.03;

// Columns of a bf16 operand of which oneDNN makes a copy in another order, on a CPU with AMX.
constexpr std::int64_t kCopiedColumns = 512;

std::int64_t num_elements(const std::vector<std::int64_t>& shape) {
  std::int64_t n = 1;
  for (const std::int64_t size : shape) n *= size;
  return n;
}

struct Sizes {
  explicit Sizes(const StepShape& shape)
      : h(shape.encoder.hidden_size),
        f(shape.encoder.intermediate_size),
        e(shape.encoder.embedding_size),
        heads(shape.encoder.num_attention_heads),
        wide(shape.bf16 ? kHalfBytes : kFloatBytes) {
    const weights::EncoderTensors tensors = weights::encoder_tensors(shape.encoder);
    for (const auto& [name, dims] : weights::expected_tensors(shape.encoder)) parameters += num_elements(dims);
    layers = static_cast<std::int64_t>(tensors.order.size());
    const auto distinct = static_cast<std::int64_t>(tensors.layers.size());
    projected = tensors.embedding_projection ? e : 0;
    linear = layers * (4 * h * h + 2 * h * f) + 2 * h + projected * h;
    shared = distinct < layers ? distinct * (4 * h * h + 2 * h * f) : 0;
  }
  std::int64_t h, f;
  std::int64_t e;  // width of the tables
  std::int64_t heads;
  std::int64_t layers;          // as they run
  std::int64_t wide;            // bytes of a number between linear layers
  std::int64_t parameters = 0;  // all
  std::int64_t linear;          // weights of linear layers, as often as they are used
  std::int64_t shared;          // weights that several layers share
  std::int64_t projected;       // width of what a projection widens to a layer's, 0: no projection
};

// Bytes a token of one layer keeps for its backward pass. In fp32: the input, q, k, v, the mixed
// values, the sum before and the result after the first norm, the inner layer before and after
// its activation, the sum before the second norm. Under autocast what linear layers take is kept as a half
// copy instead, and both sums stay fp32. Besides: log-sum-exp, means, deviations.
// Where attention takes sequences one by one (fp32 on CUDA, with dropout) the mixed values are there twice.
std::int64_t layer_bytes_per_token(const Sizes& s, bool one_by_one) {
  const std::int64_t small = kFloatBytes * s.heads + 4 * kFloatBytes;
  if (s.wide == kFloatBytes) return kFloatBytes * ((one_by_one ? 9 : 8) * s.h + 2 * s.f) + small;
  return kHalfBytes * (s.h + 3 * s.h + s.h + s.h + 2 * s.f) + kFloatBytes * 2 * s.h + small;
}

// Of a token outside the layers: ids and places, the embeddings' sum, what a projection takes, the
// last hidden state, the logits and what the loss keeps of them.
std::int64_t outer_bytes_per_token(const Sizes& s) {
  constexpr std::int64_t kBatch = 4 * 4, kLoss = 96;
  return kBatch + kLoss + kFloatBytes * s.e + s.wide * s.projected + kFloatBytes * s.h;
}

// FlashAttention-2 sums the queries' gradients in fp32, heads padded to 32 columns, sequences by a block of 128.
std::int64_t flash_sums(const StepShape& shape, const Sizes& s, std::int64_t num_features) {
  if (!shape.is_cuda || !shape.bf16) return 0;
  const std::int64_t head = (s.h / s.heads + 31) / 32 * 32;
  return kFloatBytes * s.heads * head * num_features * (shape.length + 128);
}

}  // namespace

StepBytes plan_step(const StepShape& shape, std::int64_t num_features) {
  const Sizes s(shape);
  const std::int64_t tokens = num_features * shape.length;
  const bool one_by_one = shape.is_cuda && !shape.bf16 && shape.encoder.dropout.attention_probs > 0;
  const std::int64_t layer = layer_bytes_per_token(s, one_by_one);
  // A recomputed layer keeps its input only, and in the backward pass one layer is whole, its result too.
  const std::int64_t kept =
      shape.gradient_checkpointing ? (s.layers + 1) * kFloatBytes * s.h + layer : s.layers * layer;
  // bf16 copies of the linear layers' weights live as long as the layer they belong to.
  const std::int64_t casts = shape.bf16 ? kHalfBytes * s.linear / (shape.gradient_checkpointing ? s.layers : 1) : 0;

  // The fullest moment is one of four. At the last layer's inner product, backwards: the
  // gradient of the inner layer and of the weight, with all activations still there. At the same
  // place one layer earlier: that layer's activations are gone, what shared weights sum up is there. At
  // the last attention: its own gradients and scores, with what the layer keeps after it gone. At the
  // embeddings: a gradient of the whole table beside the sum of the earlier micro-batches.
  const std::int64_t copied =
      shape.bf16 && !shape.is_cuda && shape.has_amx ? kHalfBytes * std::min(s.f, kCopiedColumns) : 0;
  const std::int64_t inner = (s.wide * s.f + copied) * tokens + (s.wide + (shape.bf16 ? kFloatBytes : 0)) * s.h * s.f;
  // Of each thread: three squares of a head's scores, and copies of its rows in fp32.
  const std::int64_t head_rows = (shape.bf16 ? 5 : 3) * s.h / s.heads;
  const std::int64_t scores =
      shape.is_cuda ? 0 : shape.num_threads * kFloatBytes * shape.length * (3 * shape.length + head_rows);
  const std::int64_t after_attention =
      (shape.bf16 ? kHalfBytes * (s.h + 2 * s.f) + kFloatBytes * 2 * s.h : kFloatBytes * (3 * s.h + 2 * s.f)) * tokens;
  // The gradients of weights that layers share are summed beside the earlier ones until the first
  // layer has added its own; recomputed layers add theirs at once.
  const std::int64_t sums = shape.gradient_checkpointing ? 0 : kFloatBytes * s.shared;
  const std::int64_t next_inner = inner + sums - layer * tokens;
  const std::int64_t attention = (kFloatBytes * s.h + 4 * s.wide * s.h) * tokens + scores +
                                 flash_sums(shape, s, num_features) + sums - std::min(after_attention, kept * tokens);
  const std::int64_t activations = tokens * (kept + outer_bytes_per_token(s)) + casts;
  const std::int64_t table =
      kFloatBytes * shape.encoder.vocab_size * s.e + 2 * kFloatBytes * s.e * tokens - activations;

  StepBytes bytes;
  bytes.weights = bytes.gradients = static_cast<std::uint64_t>(kFloatBytes * s.parameters);
  bytes.optimizer = static_cast<std::uint64_t>(2 * kFloatBytes * s.parameters);
  bytes.activations = static_cast<std::uint64_t>(activations);
  bytes.workspace = static_cast<std::uint64_t>(std::max({inner, next_inner, attention, table, std::int64_t{0}}));
  if (shape.is_cuda) {
    bytes.activations = static_cast<std::uint64_t>(kCudaRounding * static_cast<double>(bytes.activations));
    bytes.workspace += kCublasWorkspaces;
    bytes.context = kCudaContext;
  }
  return bytes;
}

StepBytes plan_evaluation(const StepShape& shape, std::int64_t num_features) {
  const Sizes s(shape);
  const std::int64_t tokens = num_features * shape.length;
  // The fullest moment is one of two. At a layer's inner product: the layer's input, the first
  // norm before and after, the inner layer before and after its activation; under autocast one
  // of the first three is a half copy. At the attention: input, q, k, v, mixed values, scores.
  const std::int64_t narrow = shape.bf16 ? kHalfBytes : 0;
  const std::int64_t inner =
      tokens * (kFloatBytes * s.h + (s.wide + kFloatBytes) * s.h + narrow * s.h + 2 * s.wide * s.f) +
      narrow * s.h * s.f;
  const std::int64_t row = kFloatBytes * (shape.length + (shape.bf16 ? 3 * s.h / s.heads : 0));
  const std::int64_t scores = shape.is_cuda ? 0 : shape.num_threads * shape.length * row;
  const std::int64_t attention = tokens * (kFloatBytes + 4 * s.wide + narrow) * s.h + scores;
  StepBytes bytes = plan_step(shape, num_features);
  bytes.activations = 0;
  bytes.workspace = static_cast<std::uint64_t>(std::max(inner, attention)) + (shape.is_cuda ? kCublasWorkspaces : 0);
  return bytes;
}

std::int64_t largest_micro_batch(const StepShape& shape, std::uint64_t bytes, std::int64_t at_most) {
  return largest_size(0, at_most + 1, [&](std::int64_t n) { return plan_step(shape, n).tensors() <= bytes; });
}

}  // namespace bertft::memory
