#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bertft::tokenizer {

/// A piece of a Unigram model and the logarithm of its probability.
struct UnigramPiece {
  std::string text;
  double score;

  bool operator==(const UnigramPiece&) const = default;
};

/// Splits words into the most probable sequence of pieces (Kudo 2018). The sentencepiece library
/// does the search; nothing else of it is used, and nobody else uses it.
class Unigram {
 public:
  /// `pieces` are distinct, valid UTF-8 without NUL and not empty; scores are finite.
  /// throws DataError when the library refuses them, with its reason and `name` as the place
  Unigram(const std::vector<UnigramPiece>& pieces, std::string_view name);
  ~Unigram();
  Unigram(Unigram&&) noexcept;

  /// The pieces of `word` (valid UTF-8) into `out`, from the left; together they are the word. What
  /// no piece covers comes out as one part however long, as in Hugging Face's `fuse_unk`.
  void split(std::string_view word, std::vector<std::string>& out) const;

 private:
  void split_known(std::string_view part, std::vector<std::string>& out) const;

  std::vector<bool> is_known_;  // by code point: some piece has it
  struct Library;
  std::unique_ptr<Library> library_;
};

}  // namespace bertft::tokenizer
