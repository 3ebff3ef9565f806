#include "tokenizer/double_array.h"

#include <algorithm>

namespace bertft::tokenizer {

class DoubleArrayBuilder {
 public:
  using Entry = DoubleArray::Entry;
  using Node = DoubleArray::Node;
  using Unit = DoubleArray::Unit;

  DoubleArrayBuilder(const std::vector<Entry>& entries, std::vector<Unit>& units) : entries_(entries), units_(units) {
    grow();
    units_[DoubleArray::kRoot].parent = DoubleArray::kRoot;
    if (!entries.empty()) pending_.push_back({DoubleArray::kRoot, 0, entries.size(), 0});
    while (!pending_.empty()) {
      const Work work = pending_.back();
      pending_.pop_back();
      place_children(work);
    }
    // The root is its own parent only while places are handed out: no byte leads back to it.
    units_[DoubleArray::kRoot].parent = DoubleArray::kNone;
  }

 private:
  static constexpr std::size_t kBlock = 256;
  // Only the newest blocks are searched for room; the older ones are nearly full.
  static constexpr std::size_t kSearchedBlocks = 16;

  // The entries [begin, end) share their first `depth` bytes, which lead to `node`.
  struct Work {
    Node node;
    std::size_t begin, end, depth;
  };
  struct Child {
    unsigned char label;
    std::size_t begin, end;
  };

  void place_children(Work work) {
    if (entries_[work.begin].first.size() == work.depth) {
      units_[work.node].value = entries_[work.begin].second;
      ++work.begin;
    }
    collect_children(work);
    if (children_.empty()) return;
    const std::uint32_t base = find_base();
    units_[work.node].base = base;
    for (const Child& child : children_) {
      const Node node = base ^ child.label;
      units_[node].parent = work.node;
      pending_.push_back({node, child.begin, child.end, work.depth + 1});
    }
  }

  void collect_children(const Work& work) {
    children_.clear();
    for (std::size_t i = work.begin; i < work.end; ++i) {
      const auto label = static_cast<unsigned char>(entries_[i].first[work.depth]);
      if (children_.empty() || children_.back().label != label) children_.push_back({label, i, i});
      children_.back().end = i + 1;
    }
  }

  bool is_free(std::size_t at) const { return units_[at].parent == DoubleArray::kNone; }

  // The first free place from `at` on. Taken places point ahead; the pointers are shortened on
  // the way (union-find).
  std::size_t next_free(std::size_t at) {
    while (at < units_.size() && !is_free(at)) {
      const std::size_t ahead = ahead_[at];
      if (ahead < units_.size() && !is_free(ahead)) ahead_[at] = ahead_[ahead];
      at = ahead;
    }
    return at;
  }

  std::uint32_t find_base() {
    const std::size_t window = kSearchedBlocks * kBlock;
    std::size_t at = next_free(units_.size() - std::min(units_.size(), window));
    for (;; at = next_free(at + 1)) {
      if (at == units_.size()) grow();
      const auto base = static_cast<std::uint32_t>(at ^ children_.front().label);
      if (std::all_of(children_.begin(), children_.end(), [&](const Child& c) { return is_free(base ^ c.label); })) {
        return base;
      }
    }
  }

  void grow() {
    units_.resize(units_.size() + kBlock);
    while (ahead_.size() < units_.size()) ahead_.push_back(ahead_.size() + 1);
  }

  const std::vector<Entry>& entries_;
  std::vector<Unit>& units_;
  std::vector<Work> pending_;
  std::vector<Child> children_;
  std::vector<std::size_t> ahead_;
};

DoubleArray::DoubleArray(const std::vector<Entry>& entries) {
  DoubleArrayBuilder(entries, units_);
}

}  // namespace bertft::tokenizer
