#include <ATen/Context.h>
#include <ATen/ops/_efficient_attention_forward.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>

#include <cmath>
#include <mutex>

#include "model/attention.h"

namespace bertft::model {
namespace {

constexpr std::int64_t kHeadSizeUnit = 8;  // both kernels load so many columns at once

// Philox numbers drawn for one (sequence, head) by flash-attention: 32 lanes' worth.
constexpr std::uint64_t kFlashOffsetPerHead = 32;

struct Heads {
  at::Tensor q, k, v;  // [T, A, D'], D' being D or, with columns of zeros, the next multiple of the unit
  double scale;        // 1 / sqrt(D)
  double dropout;
};

// Points CUDA's generator at the numbers of a dropout site from `offset` on.
void seek_generator(const at::Tensor& q, std::uint64_t key, std::uint64_t offset) {
  at::Generator generator = at::globalContext().defaultGenerator(q.device());
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_current_seed(key);
  generator.set_offset(offset);
}

// [T, A * D] -> [T, A, D']
at::Tensor split_heads(const at::Tensor& x, std::int64_t num_heads) {
  const std::int64_t size = x.size(1) / num_heads;
  const at::Tensor heads = x.view({x.size(0), num_heads, size});
  const std::int64_t missing = (kHeadSizeUnit - size % kHeadSizeUnit) % kHeadSizeUnit;
  return missing == 0 ? heads : at::constant_pad_nd(heads, {0, missing});
}

// The kernel's counter is linear in a sequence's place in its batch. Moved on by the sequences of
// the effective batch before this slice, it gives a slice the masks of the uncut batch.
at::Tensor flash(const Heads& in, const DropoutSite& site, const DeviceBatch& batch) {
  const auto heads_before = static_cast<std::uint64_t>(batch.first_in_batch * in.q.size(1));
  if (site.active()) seek_generator(in.q, site.key, heads_before * kFlashOffsetPerHead);
  return std::get<0>(at::_flash_attention_forward(in.q, in.k, in.v, batch.cu_seqlens, batch.cu_seqlens,
                                                  batch.max_length, batch.max_length, in.dropout, /*is_causal=*/false,
                                                  /*return_debug_mask=*/false, in.scale));
}

at::Tensor efficient(const Heads& in, const std::optional<at::Tensor>& cu_seqlens,
                     const std::optional<std::int64_t>& max_length) {
  return std::get<0>(at::_efficient_attention_forward(in.q.unsqueeze(0), in.k.unsqueeze(0), in.v.unsqueeze(0),
                                                      /*bias=*/{}, cu_seqlens, cu_seqlens, max_length, max_length,
                                                      in.dropout, /*custom_mask_type=*/0, /*compute_log_sumexp=*/true,
                                                      in.scale))
      .squeeze(0);
}

// Over packed sequences this kernel draws other masks in the backward than in the forward pass
// (pytorch#115590: num_keys is 0 where the forward's counter is set), so it gets them one by one.
at::Tensor efficient_with_dropout(const Heads& in, const DropoutSite& site, const DeviceBatch& batch) {
  std::vector<std::int64_t> lengths;
  for (std::size_t i = 1; i < batch.cu_seqlens_host.size(); ++i) {
    lengths.push_back(batch.cu_seqlens_host[i] - batch.cu_seqlens_host[i - 1]);
  }
  const auto q = in.q.split_with_sizes(lengths), k = in.k.split_with_sizes(lengths), v = in.v.split_with_sizes(lengths);
  std::vector<at::Tensor> rows;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    seek_generator(in.q, device::fold(site.key, static_cast<std::uint64_t>(batch.first_in_batch) + i), 0);
    rows.push_back(efficient({q[i], k[i], v[i], in.scale, in.dropout}, std::nullopt, std::nullopt));
  }
  return at::cat(rows);
}

}  // namespace

at::Tensor attention_cuda(const Qkv& in, const AttentionParams& params) {
  const auto& [q, k, v] = in;
  const auto& [num_heads, site, batch, has_flash] = params;
  const std::int64_t size = q.size(1) / num_heads;
  const Heads heads{split_heads(q, num_heads), split_heads(k, num_heads), split_heads(v, num_heads),
                    1.0 / std::sqrt(static_cast<double>(size)), site.active() ? site.rate.threshold / 65536.0 : 0.0};
  const bool is_half = q.scalar_type() != at::kFloat;
  const at::Tensor out = is_half && has_flash ? flash(heads, site, batch)
                         : site.active()      ? efficient_with_dropout(heads, site, batch)
                                              : efficient(heads, batch.cu_seqlens, batch.max_length);
  const at::Tensor unpadded = out.size(2) == size ? out : out.narrow(2, 0, size);
  return unpadded.reshape({q.size(0), num_heads * size});
}

}  // namespace bertft::model
