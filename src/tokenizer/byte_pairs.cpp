#include "tokenizer/byte_pairs.h"

#include <algorithm>
#include <tuple>

namespace bertft::tokenizer {
namespace {

constexpr std::uint32_t kNone = 0xFFFFFFFF;  // before the first symbol, behind the last

std::uint64_t key_of(std::uint32_t left, std::uint32_t right) {
  return std::uint64_t{left} << 32 | right;
}

// Of heaps, which have the greatest first.
constexpr auto kComesLater = [](const auto& a, const auto& b) {
  return std::tie(a.rank, a.at) > std::tie(b.rank, b.at);
};

}  // namespace

BytePairs::BytePairs(const std::array<std::uint32_t, 256>& id_of_byte, const std::vector<Merge>& merges)
    : id_of_byte_(id_of_byte) {
  merges_.reserve(merges.size());
  for (std::uint32_t rank = 0; rank < merges.size(); ++rank) {
    const Merge& merge = merges[rank];
    merges_[key_of(merge.left, merge.right)] = {rank, merge.merged};
  }
}

const BytePairs::RankedMerge* BytePairs::find(std::uint32_t left, std::uint32_t right) const {
  const auto found = merges_.find(key_of(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

// The symbol `at` with the one behind it, if there is a merge of them.
void BytePairs::enqueue(std::uint32_t at, Scratch& scratch) const {
  const Scratch::Symbol& left = scratch.symbols_[at];
  if (left.next == kNone) return;
  const RankedMerge* merge = find(left.id, scratch.symbols_[left.next].id);
  if (merge == nullptr) return;
  scratch.queue_.push_back({merge->rank, at, merge->merged});
  std::ranges::push_heap(scratch.queue_, kComesLater);
}

void BytePairs::split(std::string_view word, Scratch& scratch, std::vector<Piece>& out) const {
  std::vector<Scratch::Symbol>& symbols = scratch.symbols_;
  symbols.clear();
  for (const char byte : word) {
    const auto at = static_cast<std::uint32_t>(symbols.size());
    symbols.push_back({id_of_byte_[static_cast<unsigned char>(byte)], 1, at - 1, at + 1});
  }
  if (symbols.empty()) return;
  symbols.front().previous = symbols.back().next = kNone;
  for (std::uint32_t at = 0; at < symbols.size(); ++at) enqueue(at, scratch);

  while (!scratch.queue_.empty()) {
    std::ranges::pop_heap(scratch.queue_, kComesLater);
    const Scratch::Candidate candidate = scratch.queue_.back();
    scratch.queue_.pop_back();
    Scratch::Symbol& left = symbols[candidate.at];
    if (left.size == 0 || left.next == kNone) continue;
    Scratch::Symbol& right = symbols[left.next];
    const RankedMerge* merge = find(left.id, right.id);
    if (merge == nullptr || merge->merged != candidate.merged) continue;
    left.id = merge->merged;
    left.size += right.size;
    right.size = 0;
    left.next = right.next;
    if (left.next != kNone) symbols[left.next].previous = candidate.at;
    if (left.previous != kNone) enqueue(left.previous, scratch);
    enqueue(candidate.at, scratch);
  }
  for (std::uint32_t at = 0; at != kNone; at = symbols[at].next) out.push_back({symbols[at].id, symbols[at].size});
}

}  // namespace bertft::tokenizer
