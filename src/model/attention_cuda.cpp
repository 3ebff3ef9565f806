#include <ATen/Context.h>
#include <ATen/ops/_efficient_attention_forward.h>
#include <ATen/ops/_flash_attention_forward.h>

#include <mutex>

#include "model/attention.h"

namespace bertft::model {
namespace {

// Philox numbers drawn for one (sequence, head) by flash-attention: 32 lanes' worth.
constexpr std::uint64_t kFlashOffsetPerHead = 32;

// Points CUDA's generator at this site's numbers, moved on by the sequences of the effective
// batch before this slice: a slice's masks equal those of the uncut batch, because both
// kernels' counters are linear in the place of a sequence in its batch.
void seek_generator(const at::Tensor& q, std::uint64_t key, std::uint64_t offset) {
  at::Generator generator = at::globalContext().defaultGenerator(q.device());
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_current_seed(key);
  generator.set_offset(offset);
}

}  // namespace

at::Tensor attention_cuda(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionShape& shape,
                          const DropoutSite& site, const DeviceBatch& batch, bool flash) {
  const std::int64_t tokens = q.size(0);
  const std::int64_t num_heads = shape.num_heads;
  const std::int64_t size = q.size(1) / num_heads;
  const double dropout = site.active() ? site.rate.threshold / 65536.0 : 0.0;
  const auto before = static_cast<std::uint64_t>(batch.first_in_batch * num_heads);
  if (flash) {
    if (site.active()) seek_generator(q, site.key, before * kFlashOffsetPerHead);
    const std::vector<std::int64_t> heads = {tokens, num_heads, size};
    return std::get<0>(at::_flash_attention_forward(q.view(heads), k.view(heads), v.view(heads), batch.cu_seqlens,
                                                    batch.cu_seqlens, batch.max_length, batch.max_length, dropout,
                                                    /*is_causal=*/false,
                                                    /*return_debug_mask=*/false))
        .reshape({tokens, num_heads * size});
  }
  // This kernel counts by the maximal lengths it is told, which therefore must not vary.
  const std::int64_t longest = shape.max_positions;
  if (site.active()) seek_generator(q, site.key, before * static_cast<std::uint64_t>(longest * longest));
  const std::vector<std::int64_t> heads = {1, tokens, num_heads, size};
  return std::get<0>(at::_efficient_attention_forward(q.view(heads), k.view(heads), v.view(heads), /*bias=*/{},
                                                      batch.cu_seqlens, batch.cu_seqlens, longest, longest, dropout,
                                                      /*custom_mask_type=*/0, /*compute_log_sumexp=*/true))
      .reshape({tokens, num_heads * size});
}

}  // namespace bertft::model
