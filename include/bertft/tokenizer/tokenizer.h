#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bertft::tokenizer {

/// One piece of a text. It stands there from code point char_begin to char_end, that one not
/// included, of the text as it was given; CodePointIndex finds the bytes. From one piece of a text to
/// the next char_begin does not fall.
struct Token {
  std::uint32_t id;
  std::uint32_t char_begin, char_end;

  bool operator==(const Token&) const = default;
};

/// What frames a question-answering window, and the id of a word that the vocabulary cannot spell.
struct SpecialIds {
  std::uint32_t cls, sep, unk;
  std::uint32_t seps_between = 1;  // how many [SEP] stand between question and context
  std::int32_t context_type = 1;   // token type of the context; that of the question is 0
};

/// Turns text into pieces. Thread-safe after construction.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Appends the pieces of `text` to `out`, without [CLS] or [SEP] of its own.
  /// `text` must be valid UTF-8 (readers of files check that); at most 4 GiB.
  virtual void encode(std::string_view text, std::vector<Token>& out) const = 0;

  virtual SpecialIds special_ids() const = 0;

  /// One more than the largest id that encode() can return.
  virtual std::size_t vocabulary_size() const = 0;

  /// The piece behind an id, for people who debug. Empty when there is none.
  virtual std::string_view piece(std::uint32_t id) const = 0;

  /// What of the files does not count or is read otherwise than a user may expect; a part of description().
  virtual std::vector<std::string> remarks() const { return {}; }

  /// One line for the start of a run, such as "WordPiece, 30,522 pieces, lower case".
  virtual std::string description() const = 0;
};

/// What of a model has a part in how its tokenizer is read.
struct ModelFacts {
  std::int64_t num_embeddings = 0;  // rows: more tokens than the vocabulary has may be numbered
  bool has_token_types = false;
  // Of its config.json, by which transformers chooses a class where tokenizer_config.json names none.
  std::string model_type = {};
  std::optional<std::string> tokenizer_class = {};
};

/// Reads the tokenizer of a Hugging Face model directory: tokenizer.json, vocab.txt (WordPiece), spiece.model
/// (ALBERT's Unigram), vocab.json with merges.txt (RoBERTa's byte pairs) or sentencepiece.bpe.model (XLM-RoBERTa's
/// Unigram), and tokenizer_config.json; of several it takes the one that transformers 5 takes. `model`: the one that
/// reads the tokens; without it num_embeddings is that of a config.json beside the files.
///
/// throws InputError when a file is missing or unreadable, DataError when one is malformed
///        or the files contradict each other, ConfigError for a tokenizer we do not support
std::unique_ptr<Tokenizer> load_tokenizer(const std::string& directory, const std::optional<ModelFacts>& model = {});

/// tokenizer_config.json of `directory` with what has to be said besides, for transformers 5 and for load_tokenizer(),
/// beside the config.json of `model`: that a model that has token types is given them, and the class where that
/// config.json may suggest another. None where nothing has to be.
/// throws as load_tokenizer()
std::optional<std::string> completed_config(const std::string& directory, const ModelFacts& model);

/// The longest window, in tokens, that tokenizer_config.json of such a directory allows (its
/// model_max_length); none when it says nothing.
///
/// throws InputError when the file cannot be read, DataError when it is malformed
std::optional<double> model_max_length(const std::string& directory);

}  // namespace bertft::tokenizer
