#include "bertft/memory/planner.h"

#include <algorithm>

#include "memory/bisect.h"
#include "memory/row_sums.h"

namespace bertft::memory {
namespace {

constexpr std::int64_t kFloatBytes = 4, kHalfBytes = 2;

// An estimate until a GPU has been asked: CUDA's context and libraries.
constexpr std::uint64_t kCudaContext = std::uint64_t{768} << 20;

// What the caching allocator holds beside what was asked of it, in the middle of many shapes (docs/results.md): pages
// begun, of 20 MiB and of 2, and holes.
constexpr std::uint64_t kCudaPages = std::uint64_t{32} << 20;
constexpr double kCudaHoles = 1.02;

// Columns of a bf16 operand of which oneDNN makes a copy in another order, on a CPU with AMX.
constexpr std::int64_t kCopiedColumns = 512;

// Of a micro-batch. No more than what no machine holds, so that no sum overflows, of the widest config.json either.
std::int64_t num_tokens(std::int64_t num_features, std::int64_t length) {
  constexpr std::int64_t kMost = std::int64_t{1} << 27;
  return std::min(num_features * length, kMost);
}

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
        wide(is_half(shape.precision) ? kHalfBytes : kFloatBytes) {
    const weights::EncoderTensors tensors = weights::encoder_tensors(shape.encoder);
    for (const auto& [name, dims] : weights::expected_tensors(shape.encoder)) parameters += num_elements(dims);
    aside = shape.is_cuda ? 0 : shape.encoder.num_rows_aside * e;
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
  std::int64_t parameters = 0;  // all that are trained
  std::int64_t aside = 0;       // rows of the words' table that are only kept; a GPU's lie on the host
  std::int64_t linear;          // weights of linear layers, as often as they are used
  std::int64_t shared;          // weights that several layers share
  std::int64_t projected;       // width of what a projection widens to a layer's, 0: no projection
};

// Attention takes sequences one by one: with dropout, where a GPU has no flash attention for the type.
bool takes_one_by_one(const StepShape& shape) {
  const bool has_flash = is_half(shape.precision) && !shape.is_before_ampere;
  return shape.is_cuda && !has_flash && shape.encoder.dropout.attention_probs > 0;
}

// Bytes a token of one layer keeps for its backward pass. In fp32: the input, q, k, v, the mixed
// values, the sum before and the result after the first norm, the inner layer before and after
// its activation, the sum before the second norm. In half precision what linear layers take is kept as a half
// copy instead, and both sums stay fp32. Besides: log-sum-exp, means, deviations.
// Where attention takes sequences one by one the mixed values are there twice.
std::int64_t layer_bytes_per_token(const Sizes& s, bool one_by_one) {
  const std::int64_t small = kFloatBytes * s.heads + 4 * kFloatBytes;
  const std::int64_t again = one_by_one ? s.wide * s.h : 0;
  if (s.wide == kFloatBytes) return kFloatBytes * (8 * s.h + 2 * s.f) + again + small;
  return kHalfBytes * (s.h + 3 * s.h + s.h + s.h + 2 * s.f) + kFloatBytes * 2 * s.h + again + small;
}

// Of a token outside the layers: ids and places, the embeddings' sum, what a projection takes, the
// last hidden state, the logits and what the loss keeps of them.
std::int64_t outer_bytes_per_token(const Sizes& s) {
  constexpr std::int64_t kBatch = 4 * 4, kLoss = 96;
  return kBatch + kLoss + kFloatBytes * s.e + s.wide * s.projected + kFloatBytes * s.h;
}

// FlashAttention-2 sums the queries' gradients in fp32, heads padded to 32 columns, sequences by a block of 128.
std::int64_t flash_sums(const StepShape& shape, const Sizes& s, std::int64_t num_features) {
  if (!shape.is_cuda || !is_half(shape.precision) || takes_one_by_one(shape)) return 0;
  const std::int64_t head = (s.h / s.heads + 31) / 32 * 32;
  return kFloatBytes * s.heads * head * num_tokens(num_features, shape.length + 128);
}

// Of one moment: what there is besides weights and moments.
struct Moment {
  std::int64_t gradients, activations, workspace;
};

StepBytes bytes_at(const StepShape& shape, const Sizes& s, const Moment& moment) {
  StepBytes bytes;
  bytes.weights = static_cast<std::uint64_t>(kFloatBytes * (s.parameters + s.aside));
  bytes.optimizer = static_cast<std::uint64_t>(2 * kFloatBytes * s.parameters);
  bytes.gradients = static_cast<std::uint64_t>(moment.gradients);
  bytes.activations = static_cast<std::uint64_t>(moment.activations);
  bytes.workspace = static_cast<std::uint64_t>(std::max(moment.workspace, std::int64_t{0}));
  if (shape.is_cuda) {
    bytes.activations = static_cast<std::uint64_t>(kCudaHoles * static_cast<double>(bytes.activations));
    const std::uint64_t num_threads = shape.is_evaluation ? 1 : 2;  // that multiply: the backward pass has its own
    bytes.workspace += kCudaPages + num_threads * shape.cublas_workspace_bytes;
    bytes.context = kCudaContext;
  }
  return bytes;
}

const StepBytes& fuller(const StepBytes& a, const StepBytes& b) {
  return a.total() < b.total() ? b : a;
}

/// A micro-batch, its forward and backward pass.
class MicroBatch {
 public:
  MicroBatch(const StepShape& shape, const Sizes& sizes, std::int64_t num_features)
      : shape_(shape), s_(sizes), tokens_(num_tokens(num_features, shape.length)) {
    const bool half = is_half(shape.precision);
    layer_ = layer_bytes_per_token(s_, takes_one_by_one(shape));
    // A recomputed layer keeps its input only, which in fp32 is among what a whole layer keeps. In the backward pass
    // one is whole, with its result and that one's gradient.
    recomputed_ = kFloatBytes * s_.h * (half ? 2 : 1) + layer_;
    kept_ = shape.gradient_checkpointing ? s_.layers * kFloatBytes * s_.h + recomputed_ : s_.layers * layer_;
    // Half copies of the linear layers' weights live as long as the layer they belong to.
    casts_ = half ? kHalfBytes * s_.linear / (shape.gradient_checkpointing ? s_.layers : 1) : 0;
    // At a layer's inner product, backwards: the gradient of the inner layer and of the weight. On a GPU it may be at
    // the sum of a bias's gradient, of the output or of the inner layer, with the gradients of both: the output's norm
    // has then let go of what it kept, and at the second the inner layer, too.
    const bool copies = shape.precision == device::Precision::kBf16 && !shape.is_cuda && shape.has_amx;
    const std::int64_t copied = copies ? kHalfBytes * std::min(s_.f, kCopiedColumns) : 0;
    const std::int64_t weight = s_.wide * s_.h * s_.f, both = s_.wide * (s_.f + s_.h) * tokens_;
    const std::int64_t of_norm = kFloatBytes * s_.h * tokens_, of_inner = 2 * s_.wide * s_.f * tokens_;
    inner_ = (s_.wide * s_.f + copied) * tokens_ + weight + (half ? kFloatBytes * s_.h * s_.f : 0);
    if (shape.is_cuda) {
      const std::int64_t at_output = row_sum_bytes(tokens_, s_.h, shape.gpu_threads) - of_norm;
      const std::int64_t at_inner = row_sum_bytes(tokens_, s_.f, shape.gpu_threads) - of_norm - of_inner;
      inner_ = std::max(inner_, both + weight + std::max(at_output, at_inner));
    }
    // At its attention: that one's own gradients and scores, with what the layer keeps after it gone. Of each thread:
    // three squares of a head's scores, and copies of its rows in fp32.
    const std::int64_t head_rows = (half ? 5 : 3) * s_.h / s_.heads;
    const std::int64_t scores =
        shape.is_cuda ? 0 : shape.num_threads * kFloatBytes * shape.length * (3 * shape.length + head_rows);
    const std::int64_t after_attention =
        (half ? kHalfBytes * (s_.h + 2 * s_.f) + kFloatBytes * 2 * s_.h : kFloatBytes * (3 * s_.h + 2 * s_.f)) *
        tokens_;
    attention_ = (kFloatBytes * s_.h + 4 * s_.wide * s_.h) * tokens_ + scores + flash_sums(shape, s_, num_features) -
                 std::min(after_attention, kept_ * tokens_);
    // At the embeddings: the gradient of what they have given, twice.
    embedded_ = 2 * kFloatBytes * s_.e * tokens_;
  }

  /// Beside gradients of earlier ones, to which those of the words' table are added in place. The fullest moment is one
  /// of three: at the last layer's inner product, with all activations still there; at the one before, with what shared
  /// weights sum up; at the last attention.
  StepBytes after_others() const {
    // The gradients of weights that layers share are summed until the first layer has added its own; recomputed
    // layers add theirs at once.
    const std::int64_t sums = shape_.gradient_checkpointing ? 0 : kFloatBytes * s_.shared;
    const std::int64_t workspace = std::max({inner_, inner_ + sums - layer_ * tokens_, attention_ + sums});
    return bytes_at(shape_, s_, {kFloatBytes * s_.parameters, activations(), workspace});
  }

  /// Beside none: gradients come layer by layer, as activations go. So the fullest moment is at the last layer, before
  /// all but its own inner gradients, or at the first, or at the embeddings, when all are there.
  StepBytes alone() const {
    const bool is_shared = s_.shared > 0;
    const std::int64_t sums = kFloatBytes * s_.shared;  // recomputed layers add theirs to this, too
    const std::int64_t inner_weights = is_shared ? 0 : kFloatBytes * 2 * s_.h * s_.f;
    const std::int64_t last_layer = shape_.gradient_checkpointing ? kFloatBytes * s_.h : layer_;
    const std::int64_t workspace =
        std::max({inner_, inner_ + sums - last_layer * tokens_, attention_ + sums + inner_weights});
    const std::int64_t first_layer = is_shared ? 0 : 4 * s_.h * s_.h + 2 * s_.h * s_.f;
    const std::int64_t behind_first = s_.parameters - shape_.encoder.vocab_size * s_.e - first_layer;
    const std::int64_t of_one_layer = shape_.gradient_checkpointing ? kFloatBytes * s_.h + recomputed_ : layer_;
    const std::int64_t one_layer = tokens_ * (of_one_layer + outer_bytes_per_token(s_)) + casts_ / s_.layers;
    return fuller(fuller(bytes_at(shape_, s_, {0, activations(), workspace}),
                         bytes_at(shape_, s_, {kFloatBytes * behind_first, one_layer, inner_})),
                  bytes_at(shape_, s_, {kFloatBytes * s_.parameters, 0, embedded_}));
  }

 private:
  std::int64_t activations() const { return tokens_ * (kept_ + outer_bytes_per_token(s_)) + casts_; }

  const StepShape& shape_;
  const Sizes& s_;
  std::int64_t tokens_;
  std::int64_t layer_, recomputed_, kept_;  // of a token
  std::int64_t casts_, inner_, attention_, embedded_;
};

}  // namespace

StepBytes plan_step(const StepShape& shape, std::int64_t num_features) {
  if (shape.is_evaluation) return plan_evaluation(shape, num_features);
  const Sizes sizes(shape);
  const std::int64_t left = shape.effective_batch ? *shape.effective_batch - num_features : num_features;
  const std::int64_t next = std::min(num_features, left);  // the largest that finds gradients there
  const StepBytes alone = MicroBatch(shape, sizes, num_features).alone();
  return next > 0 ? fuller(alone, MicroBatch(shape, sizes, next).after_others()) : alone;
}

StepBytes plan_least(const StepShape& shape) {
  const StepBytes one = plan_step(shape, 1);
  const StepBytes whole = plan_step(shape, shape.effective_batch.value_or(1));
  return whole.total() < one.total() ? whole : one;
}

StepBytes plan_evaluation(const StepShape& shape, std::int64_t num_features) {
  const Sizes s(shape);
  const std::int64_t tokens = num_tokens(num_features, shape.length);
  // The fullest moment is one of two. At a layer's inner product: the layer's input, the first
  // norm before and after, the inner layer before and after its activation; in half precision one
  // of the first three is a half copy. At the attention: input, q, k, v, mixed values, scores.
  const std::int64_t narrow = is_half(shape.precision) ? kHalfBytes : 0;
  const std::int64_t inner =
      tokens * (kFloatBytes * s.h + (s.wide + kFloatBytes) * s.h + narrow * s.h + 2 * s.wide * s.f) +
      narrow * s.h * s.f;
  const std::int64_t row = kFloatBytes * (shape.length + (is_half(shape.precision) ? 3 * s.h / s.heads : 0));
  const std::int64_t scores = shape.is_cuda ? 0 : shape.num_threads * shape.length * row;
  const std::int64_t attention = tokens * (kFloatBytes + 4 * s.wide + narrow) * s.h + scores;
  return bytes_at(shape, s, {0, 0, std::max(inner, attention)});
}

std::int64_t largest_micro_batch(const StepShape& shape, std::uint64_t bytes, std::int64_t at_most) {
  StepShape of_many = shape;
  of_many.effective_batch.reset();
  return largest_size(0, at_most + 1, [&](std::int64_t n) { return plan_step(of_many, n).tensors() <= bytes; });
}

}  // namespace bertft::memory
