#include "tokenizer/wordpiece_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "tokenizer/loading.h"
#include "tokenizer/vocab_txt.h"
#include "tokenizer/wordpiece_tokenizer.h"

namespace bertft::tokenizer {
namespace {

NormalizerOptions normalizer_of_config(const TokenizerFiles& files) {
  NormalizerOptions options;
  if (!files.tokenizer_config) return options;
  const std::string name = files.path(kTokenizerConfig);
  options.lowercase = bool_member(*files.tokenizer_config, "do_lower_case", name).value_or(true);
  options.strip_accents = bool_member(*files.tokenizer_config, "strip_accents", name).value_or(options.lowercase);
  options.handle_chinese_chars = bool_member(*files.tokenizer_config, "tokenize_chinese_chars", name).value_or(true);
  return options;
}

// nullopt when it is not the normalizer of BERT.
std::optional<NormalizerOptions> normalizer_of_json(const Json& json, const std::string& name) {
  if (type_of(json, "normalizer", name) != "BertNormalizer") return std::nullopt;
  const Json& normalizer = json["normalizer"];
  NormalizerOptions options;
  options.clean_text = bool_member(normalizer, "clean_text", name).value_or(true);
  options.handle_chinese_chars = bool_member(normalizer, "handle_chinese_chars", name).value_or(true);
  options.lowercase = bool_member(normalizer, "lowercase", name).value_or(true);
  options.strip_accents = bool_member(normalizer, "strip_accents", name).value_or(options.lowercase);
  return options;
}

void check_backend(const Json& json, const NamedTokens& named, const std::string& name) {
  const auto require = [&](bool holds, std::string_view what) {
    require_of_backend(holds, name, what,
                       "are BertNormalizer, BertPreTokenizer, WordPiece and the template [CLS] A [SEP] B [SEP]");
  };
  const std::string normalizer = type_of(json, "normalizer", name);
  const std::string splitter = type_of(json, "pre_tokenizer", name);
  require(normalizer == "BertNormalizer", fmt::format("the normalizer is '{}'", printable(normalizer)));
  require(splitter == "BertPreTokenizer", fmt::format("the pre_tokenizer is '{}'", printable(splitter)));
  require(has_pair_template(json, named, name), "the post_processor is not BERT's");
}

// What of tokenizer.json and vocab.txt does not count and says something else.
void add_remarks(const TokenizerFiles& files, const std::vector<Vocabulary::Piece>& pieces, WordPieceModel& model) {
  if (!files.tokenizer_config || !files.tokenizer_config->contains("do_lower_case")) {
    model.remarks.push_back("by default: no do_lower_case in tokenizer_config.json");
  }
  if (!files.tokenizer_json) return;
  const std::string name = files.path(kTokenizerJson);
  if (const std::string type = type_of(*files.tokenizer_json, "pre_tokenizer", name); type != "BertPreTokenizer") {
    model.remarks.push_back(fmt::format("pre_tokenizer {} of tokenizer.json does not count", printable(type)));
  }
  if (const auto normalizer = normalizer_of_json(*files.tokenizer_json, name); !normalizer) {
    model.remarks.push_back(fmt::format("normalizer {} of tokenizer.json does not count",
                                        printable(type_of(*files.tokenizer_json, "normalizer", name))));
  } else if (*normalizer != model.normalizer) {
    model.remarks.push_back("tokenizer.json normalizes otherwise, tokenizer_config.json counts");
  }
  const Json& json_model = (*files.tokenizer_json)["model"];
  const auto max_chars = integer_member(json_model, "max_input_chars_per_word", name);
  if (max_chars && *max_chars != static_cast<std::int64_t>(model.max_input_chars_per_word)) {
    model.remarks.push_back(fmt::format("max_input_chars_per_word {} of tokenizer.json does not count", *max_chars));
  }
  if (!files.vocab_txt || find_invalid_utf8(*files.vocab_txt)) return;
  const std::vector<std::string> lines = vocabulary_lines(*files.vocab_txt);
  const bool same = lines.size() == pieces.size() && std::all_of(pieces.begin(), pieces.end(), [&](const auto& piece) {
                      return piece.id < lines.size() && piece.text == lines[piece.id];
                    });
  if (!same) model.remarks.push_back("vocab.txt differs from tokenizer.json, which counts");
}

}  // namespace

std::unique_ptr<Tokenizer> load_wordpiece(const TokenizerFiles& files, TokenizerClass tokenizer_class) {
  const std::string json_name = files.path(kTokenizerJson);
  const std::string vocabulary_name = files.tokenizer_json ? json_name : files.path(kVocabTxt);
  refuse_other_encodings(files, tokenizer_class);
  std::vector<Vocabulary::Piece> pieces =
      files.tokenizer_json ? pieces_of_json(vocab_member(*files.tokenizer_json, json_name), json_name)
                           : parse_vocab_txt(*files.vocab_txt, vocabulary_name);
  NamedTokens named = read_named_tokens(files, tokenizer_class);
  std::string prefix = "##";
  NormalizerOptions normalizer = normalizer_of_config(files);
  std::size_t max_chars = 100;
  if (tokenizer_class == TokenizerClass::kBackend) {
    const Json& json_model = (*files.tokenizer_json)["model"];
    check_backend(*files.tokenizer_json, named, json_name);
    normalizer = normalizer_of_json(*files.tokenizer_json, json_name).value();
    prefix = string_member(json_model, "continuing_subword_prefix", json_name).value_or(prefix);
    named.unk = string_member(json_model, "unk_token", json_name).value_or(named.unk);
    max_chars = static_cast<std::size_t>(
        std::max<std::int64_t>(0, integer_member(json_model, "max_input_chars_per_word", json_name).value_or(100)));
  }

  WordPieceModel model{
      .vocabulary = Vocabulary(pieces, prefix), .normalizer = normalizer, .max_input_chars_per_word = max_chars};
  model.special_ids = required_ids(model.vocabulary, named, vocabulary_name, "BERT");
  model.added_tokens = read_added_tokens(files, tokenizer_class, named, model.vocabulary);
  if (tokenizer_class == TokenizerClass::kBert) add_remarks(files, pieces, model);
  remark_on_token_types(files, tokenizer_class, model.remarks);
  return std::make_unique<WordPieceTokenizer>(std::move(model));
}

}  // namespace bertft::tokenizer
