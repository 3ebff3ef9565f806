#include "tokenizer/albert_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "tokenizer/albert_tokenizer.h"
#include "tokenizer/loading.h"
#include "tokenizer/spiece_model.h"

namespace bertft::tokenizer {
namespace {

constexpr std::uint32_t kUnkId = 1;  // AlbertTokenizer has this number in its code

// `vocab`: [[piece, score], ...], in the order of the ids.
std::vector<UnigramPiece> pieces_of_json(const Json& model, const std::string& name) {
  const auto vocab = model.find("vocab");
  if (vocab == model.end() || !vocab->is_array()) {
    throw DataError(fmt::format("{}: expected a list 'vocab' of pieces and scores", printable(name)));
  }
  std::vector<UnigramPiece> pieces;
  pieces.reserve(vocab->size());
  for (const Json& entry : *vocab) {
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number()) {
      throw DataError(
          fmt::format("{}: entry {} of 'vocab' is not a piece with its score, such as [\"\u2581the\", -3.5]",
                      printable(name), pieces.size()));
    }
    pieces.push_back({entry[0].get<std::string>(), entry[1].get<double>()});
  }
  check_pieces(pieces, name);
  return pieces;
}

// The first normalizer of type Precompiled has the charsmap, in base64.
std::string charsmap_of_json(const Json& tokenizer_json, const std::string& name) {
  const auto found = tokenizer_json.find("normalizer");
  if (found == tokenizer_json.end() || !found->is_object()) return {};
  const auto list = found->find("normalizers");
  const Json normalizers = list != found->end() && list->is_array() ? *list : Json::array({*found});
  for (const Json& normalizer : normalizers) {
    if (!normalizer.is_object() || string_member(normalizer, "type", name) != "Precompiled") continue;
    const auto bytes = decode_base64(string_member(normalizer, "precompiled_charsmap", name).value_or(""));
    if (!bytes) throw DataError(fmt::format("{}: 'precompiled_charsmap' is not base64", printable(name)));
    return *bytes;
  }
  return {};
}

SpieceModel model_of_json(const TokenizerFiles& files) {
  const std::string name = files.path(kTokenizerJson);
  const Json& model = object_member(*files.tokenizer_json, "model", name);
  return {.pieces = pieces_of_json(model, name), .charsmap = charsmap_of_json(*files.tokenizer_json, name)};
}

void check_same_pieces(const TokenizerFiles& files, const SpieceModel& json, const SpieceModel& spiece) {
  const auto same_text = [](const UnigramPiece& a, const UnigramPiece& b) { return a.text == b.text; };
  const auto [a, b] =
      std::mismatch(json.pieces.begin(), json.pieces.end(), spiece.pieces.begin(), spiece.pieces.end(), same_text);
  if (a == json.pieces.end() && b == spiece.pieces.end()) return;
  throw DataError(
      fmt::format("{}: tokenizer.json and spiece.model differ from piece {} on ({} and {} pieces).\n"
                  "They belong to different models; keep the one that belongs to the weights.",
                  printable(files.directory), a - json.pieces.begin(), json.pieces.size(), spiece.pieces.size()));
}

bool same_scores(const SpieceModel& a, const SpieceModel& b) {
  constexpr double kRounding = 1e-4;  // of the single precision that spiece.model has
  return std::ranges::equal(a.pieces, b.pieces, [](const UnigramPiece& x, const UnigramPiece& y) {
    return std::abs(x.score - y.score) <= kRounding;
  });
}

SpieceModel model_of_spiece(const TokenizerFiles& files) {
  SpieceModel model = parse_spiece_model(*files.spiece_model, files.path(kSpieceModel));
  lower_scores_of_digit_and_comma(model.pieces);
  return model;
}

// What spiece.model says otherwise than tokenizer.json, which counts.
void add_remarks(const TokenizerFiles& files, const SpieceModel& json, std::vector<std::string>& remarks) {
  std::optional<SpieceModel> spiece;
  try {
    spiece = model_of_spiece(files);
  } catch (const Error&) {
    remarks.push_back("spiece.model cannot be read, tokenizer.json counts");
    return;
  }
  check_same_pieces(files, json, *spiece);
  if (!same_scores(json, *spiece)) remarks.push_back("the scores are tokenizer.json's, spiece.model has others");
  if (json.charsmap != spiece->charsmap) {
    remarks.push_back("characters are replaced as tokenizer.json says, spiece.model says otherwise");
  }
}

SpieceModel read_model(const TokenizerFiles& files, std::vector<std::string>& remarks) {
  if (!files.tokenizer_json) return model_of_spiece(files);
  SpieceModel json = model_of_json(files);
  if (files.spiece_model) add_remarks(files, json, remarks);
  return json;
}

// Switches of tokenizer_config.json.
void read_switches(const TokenizerFiles& files, AlbertModel& model) {
  const std::string name = files.path(kTokenizerConfig);
  const auto flag = [&](const char* key, bool otherwise) {
    return files.tokenizer_config ? bool_member(*files.tokenizer_config, key, name).value_or(otherwise) : otherwise;
  };
  model.lowercase = flag("do_lower_case", true);
  model.keep_accents = flag("keep_accents", false);
  if (!files.tokenizer_config || !files.tokenizer_config->contains("do_lower_case")) {
    model.remarks.push_back("by default: no do_lower_case in tokenizer_config.json");
  }
  if (!flag("remove_space", true)) model.remarks.push_back("remove_space does not count, as in transformers 5");
  if (!flag("add_prefix_space", true)) {
    throw ConfigError(fmt::format("{}: add_prefix_space is false, which is not supported; words begin with a space",
                                  printable(name)));
  }
}

void check_template(const TokenizerFiles& files, const NamedTokens& named) {
  const std::string name = files.path(kTokenizerJson);
  if (!files.tokenizer_json || type_of(*files.tokenizer_json, "post_processor", name) == "none") return;
  if (has_pair_template(*files.tokenizer_json, named, name)) return;
  throw ConfigError(fmt::format("{}: the post_processor is not ALBERT's, [CLS] A [SEP] B [SEP]", printable(name)));
}

}  // namespace

std::unique_ptr<Tokenizer> load_albert(const TokenizerFiles& files) {
  refuse_other_encodings(files);
  const std::string source = files.path(files.tokenizer_json ? kTokenizerJson : kSpieceModel);
  std::vector<std::string> remarks;
  const SpieceModel read = read_model(files, remarks);
  const NamedTokens named = read_named_tokens(files, TokenizerClass::kAlbert);
  check_template(files, named);

  std::vector<Vocabulary::Piece> pieces;
  for (const UnigramPiece& piece : read.pieces)
    pieces.push_back({piece.text, static_cast<std::uint32_t>(pieces.size())});
  AlbertModel model{.vocabulary = Vocabulary(std::move(pieces), ""),
                    .unigram = Unigram(read.pieces, source),
                    .remarks = std::move(remarks)};
  model.special_ids = required_ids(files, model.vocabulary, named, "ALBERT");
  if (model.special_ids.unk != kUnkId) {
    throw ConfigError(fmt::format("{}: '{}' has id {}; ALBERT has {} there.\nIs this the tokenizer of another family?",
                                  printable(source), printable(named.unk), model.special_ids.unk, kUnkId));
  }
  if (!read.charsmap.empty()) model.charsmap = Charsmap(read.charsmap, source);
  model.added_tokens = read_added_tokens(files, TokenizerClass::kAlbert, named, model.vocabulary);
  read_switches(files, model);
  remark_on_token_types(files, TokenizerClass::kAlbert, model.remarks);
  return std::make_unique<AlbertTokenizer>(std::move(model));
}

}  // namespace bertft::tokenizer
