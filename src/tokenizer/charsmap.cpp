#include "tokenizer/charsmap.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "bertft/util/error.h"
#include "bertft/util/text.h"

namespace bertft::tokenizer {
namespace {

using Char = AlignedText::Char;

constexpr std::size_t kMaxKeyBytes = 256;       // nmt_nfkc: 8
constexpr std::size_t kMaxNodes = 1'000'000;    // nmt_nfkc: 1,038, with 6,872 keys
constexpr std::size_t kGraphemeLimitBytes = 6;  // from here on the crate goes character by character

[[noreturn]] void refuse_charsmap(std::string_view name, const char* reason) {
  throw DataError(
      fmt::format("{}: the table of replaced characters (precompiled_charsmap) is damaged: {}.\n"
                  "Copy the file again from the model that the weights come from.",
                  printable(name), reason));
}

// Lists what a trie of darts-clone holds, whatever its units say: none is followed out of the
// array, and neither depth nor number of nodes goes beyond a limit (several may share their children).
class TrieLister {
 public:
  struct Entry {
    std::string key;
    std::size_t value;
  };

  TrieLister(std::string_view units, std::string_view name) : units_(units), name_(name) {}

  std::vector<Entry> list() {
    if (units_.size() < kUnitBytes) refuse("it has no trie");
    descend(offset_of(unit_at(0)));
    return std::move(entries_);
  }

 private:
  static constexpr std::size_t kUnitBytes = 4;
  static constexpr std::uint32_t kLeaf = 1U << 31;

  [[noreturn]] void refuse(const char* reason) const { refuse_charsmap(name_, reason); }

  std::uint32_t unit_at(std::size_t node) const {
    if (node >= units_.size() / kUnitBytes) refuse("its trie leads out of itself");
    std::uint32_t unit = 0;
    std::memcpy(&unit, units_.data() + node * kUnitBytes, kUnitBytes);
    return unit;
  }

  static std::size_t offset_of(std::uint32_t unit) { return std::size_t{unit >> 10} << ((unit & 1U << 9) >> 6); }

  void count_node() {
    if (++num_nodes_ > kMaxNodes) refuse("its trie has too many nodes");
  }

  // The children of a node stand at `base` XOR their byte, which is their label. Byte 0 is the leaf.
  void descend(std::size_t base) {
    if (key_.size() > kMaxKeyBytes) refuse("a key is endless");
    count_node();
    for (unsigned byte = 1; byte < 256; ++byte) {
      const std::size_t node = base ^ byte;
      if (node >= units_.size() / kUnitBytes) continue;
      const std::uint32_t unit = unit_at(node);
      if ((unit & (kLeaf | 0xFF)) != byte) continue;
      key_ += static_cast<char>(byte);
      const std::size_t children = node ^ offset_of(unit);
      const bool ends_here = (unit & 1U << 8) != 0;
      // The crate takes the shortest key of those that match: longer ones are never asked for.
      if (ends_here) {
        count_node();
        entries_.push_back({key_, unit_at(children) & ~kLeaf});
      } else {
        descend(children);
      }
      key_.pop_back();
    }
  }

  std::string_view units_, name_;
  std::string key_;
  std::size_t num_nodes_ = 0;
  std::vector<Entry> entries_;
};

// A character and how many of the old ones it stands for beside its own: 1 when it is an addition,
// -n when n behind it go. As the crate's NormalizedString counts.
struct Change {
  char32_t code_point;
  int change;
};

class Changes {
 public:
  void keep(char32_t code_point) { list_.push_back({code_point, 0}); }

  void replace(std::size_t num_old, std::string_view replacement) {
    const std::size_t num_before = list_.size();
    for (std::size_t pos = 0; pos < replacement.size();) list_.push_back({next_code_point(replacement, pos), 0});
    const std::size_t num_new = list_.size() - num_before;
    for (std::size_t i = num_before + num_old; i < list_.size(); ++i) list_[i].change = 1;
    if (num_new >= num_old) return;
    const auto num_gone = static_cast<int>(num_old - num_new);
    if (list_.empty()) {
      num_gone_at_front_ += static_cast<std::size_t>(num_gone);
    } else {
      list_.back().change -= num_gone;
    }
  }

  void apply(std::span<const Char> chars, std::vector<Char>& out) const {
    std::size_t at = num_gone_at_front_;
    for (const Change& c : list_) {
      const std::size_t source = c.change <= 0 ? at : at - 1;
      out.push_back({c.code_point, chars[source].source, false});
      if (c.change <= 0) at += 1 + static_cast<std::size_t>(-c.change);
    }
  }

 private:
  std::vector<Change> list_;
  // The crate forgets these, so that all places behind are too early; ours are right.
  std::size_t num_gone_at_front_ = 0;
};

// Until utf8proc 2.9 without rule GB9c of Unicode 15.1, which the crate has (docs/differences.md).
std::size_t grapheme_end(std::span<const Char> chars, std::size_t begin) {
  const auto code_point = [&](std::size_t i) { return static_cast<utf8proc_int32_t>(chars[i].code_point); };
  utf8proc_int32_t state = 0;
  std::size_t end = begin + 1;
  while (end < chars.size() && !utf8proc_grapheme_break_stateful(code_point(end - 1), code_point(end), &state)) ++end;
  return end;
}

}  // namespace

Charsmap::Charsmap(std::string_view blob, std::string_view name) {
  const auto refuse = [&](const char* reason) { refuse_charsmap(name, reason); };
  std::uint32_t trie_bytes = 0;
  if (blob.size() < sizeof trie_bytes) refuse("it is cut short");
  std::memcpy(&trie_bytes, blob.data(), sizeof trie_bytes);
  blob.remove_prefix(sizeof trie_bytes);
  if (trie_bytes > blob.size() || trie_bytes % 4 != 0) refuse("it is cut short");
  const std::string_view texts = blob.substr(trie_bytes);

  std::vector<TrieLister::Entry> listed = TrieLister(blob.substr(0, trie_bytes), name).list();
  std::sort(listed.begin(), listed.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  std::vector<DoubleArray::Entry> entries;
  for (const TrieLister::Entry& entry : listed) {
    const std::size_t end = entry.value < texts.size() ? texts.find('\0', entry.value) : std::string_view::npos;
    if (end == std::string_view::npos) refuse("a replacement lies outside");
    std::string text(texts.substr(entry.value, end - entry.value));
    if (find_invalid_utf8(text)) refuse("a replacement is not valid UTF-8");
    entries.emplace_back(entry.key, static_cast<std::uint32_t>(replacements_.size()));
    replacements_.push_back(std::move(text));
  }
  trie_ = DoubleArray(entries);
}

std::optional<std::string_view> Charsmap::replacement(std::string_view part) const {
  DoubleArray::Node node = DoubleArray::kRoot;
  for (std::size_t i = 0; i < part.size(); ++i) {
    node = trie_.walk(node, part.substr(i, 1));
    if (node == DoubleArray::kNone) break;
    if (trie_.value(node) != DoubleArray::kNone) return replacements_[trie_.value(node)];
  }
  return std::nullopt;
}

void Charsmap::apply(std::span<const Char> chars, std::vector<Char>& out) const {
  Changes changes;
  std::string part;
  for (std::size_t begin = 0; begin < chars.size();) {
    const std::size_t end = grapheme_end(chars, begin);
    part.clear();
    for (const Char& c : chars.subspan(begin, end - begin)) append_utf8(part, c.code_point);
    const auto whole = part.size() < kGraphemeLimitBytes ? replacement(part) : std::nullopt;
    if (whole) {
      changes.replace(end - begin, *whole);
      begin = end;
      continue;
    }
    for (; begin < end; ++begin) {
      part.clear();
      append_utf8(part, chars[begin].code_point);
      const auto single = replacement(part);
      single ? changes.replace(1, *single) : changes.keep(chars[begin].code_point);
    }
  }
  out.clear();
  changes.apply(chars, out);
}

std::optional<std::string> decode_base64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 != 0) return std::nullopt;
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  std::string bytes;
  std::uint32_t bits = 0;
  int num_bits = 0;
  for (const char c : text) {
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    num_bits += 6;
    if (num_bits < 8) continue;
    num_bits -= 8;
    bytes += static_cast<char>(bits >> num_bits & 0xFF);
  }
  return bytes;
}

}  // namespace bertft::tokenizer
