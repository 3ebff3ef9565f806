#include "tokenizer/loading.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <unordered_set>
#include <vector>

#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "tokenizer/vocab_txt.h"

namespace bertft::tokenizer {
namespace {

// Of several names for one the first is its own. Those of kBert transformers 5 loads as BertTokenizer, or as a subclass
// that changes nothing. Each may have "Fast" behind it.
struct ClassName {
  TokenizerClass kind;
  std::string_view name;
};
constexpr ClassName kClassNames[] = {{TokenizerClass::kBert, "BertTokenizer"},
                                     {TokenizerClass::kBert, "DistilBertTokenizer"},
                                     {TokenizerClass::kBert, "ElectraTokenizer"},
                                     {TokenizerClass::kBert, "MobileBertTokenizer"},
                                     {TokenizerClass::kAlbert, "AlbertTokenizer"},
                                     {TokenizerClass::kRoberta, "RobertaTokenizer"},
                                     {TokenizerClass::kXlmRoberta, "XLMRobertaTokenizer"},
                                     {TokenizerClass::kBackend, "PreTrainedTokenizerFast"},
                                     {TokenizerClass::kBackend, "TokenizersBackend"}};

// tokenizer_config.json names a side by `key`. Where it does not, tokenizer.json may, as the direction of its
// `setting`.
void require_right_side(const TokenizerFiles& files, const char* key, const char* setting) {
  std::string name = files.path(kTokenizerConfig), what = key;
  std::optional<std::string> side;
  if (files.tokenizer_config) side = string_member(*files.tokenizer_config, key, name);
  if (!side && files.tokenizer_json) {
    name = files.path(kTokenizerJson);
    what = fmt::format("the direction of {}", setting);
    const Json object = files.tokenizer_json->value(setting, Json());
    if (object.is_object()) side = string_member(object, "direction", name);
  }
  if (side.value_or("right") == "right" || side == "Right") return;
  throw ConfigError(
      fmt::format("{}: {} is supported as \"right\" alone: windows are the question, then the context from its "
                  "beginning.\nSet \"{}\": \"right\" in tokenizer_config.json to go on all the same.",
                  printable(name), what, key));
}

// Parts of a TemplateProcessing.
Json special_part(const std::string& token, int type_id) {
  return {{"SpecialToken", {{"id", token}, {"type_id", type_id}}}};
}

Json sequence_part(const char* id, int type_id) {
  return {{"Sequence", {{"id", id}, {"type_id", type_id}}}};
}

// Compared without the order of keys.
bool frames_pair_as(const Json& processor, const Json::array_t& parts) {
  return nlohmann::json(processor.value("pair", Json())) == nlohmann::json(Json(parts));
}

}  // namespace

std::optional<NamedClass> named_class(const TokenizerFiles& files) {
  std::optional<std::string> name;
  const char* file = kTokenizerConfig;
  if (files.tokenizer_config) name = string_member(*files.tokenizer_config, "tokenizer_class", files.path(file));
  if (!name && files.model_config) {
    file = kModelConfig;
    name = string_member(*files.model_config, "tokenizer_class", files.path(file));
  }
  if (!name) return std::nullopt;
  std::string_view plain = *name;
  if (plain.ends_with("Fast")) plain.remove_suffix(4);
  const auto is_this = [&](const ClassName& known) { return known.name == *name || known.name == plain; };
  const auto* found = std::ranges::find_if(kClassNames, is_this);
  if (found != std::end(kClassNames)) return NamedClass{found->kind, *name, file};
  std::vector<std::string_view> names;
  for (const ClassName& known : kClassNames) {
    if (known.kind != TokenizerClass::kBackend) names.push_back(known.name);
  }
  throw ConfigError(fmt::format(
      "{}: tokenizer_class '{}' is not supported.\n"
      "Supported are {} and, with a tokenizer.json, {}.",
      printable(files.directory), printable(*name), fmt::join(names, ", "), name_of(TokenizerClass::kBackend)));
}

std::string_view name_of(TokenizerClass tokenizer_class) {
  return std::ranges::find(kClassNames, tokenizer_class, &ClassName::kind)->name;
}

void refuse_other_encodings(const TokenizerFiles& files, TokenizerClass tokenizer_class) {
  const std::string name = files.path(kTokenizerConfig);
  const bool splits =
      files.tokenizer_config && bool_member(*files.tokenizer_config, "split_special_tokens", name).value_or(false);
  if (splits) {
    throw ConfigError(
        fmt::format("{}: split_special_tokens is not supported; special tokens are kept whole", printable(name)));
  }
  require_right_side(files, "truncation_side", "truncation");
  require_right_side(files, "padding_side", "padding");
  if (tokenizer_class != TokenizerClass::kBackend || !files.tokenizer_config) return;
  // Either of these, also as false, takes the place of tokenizer.json's post_processor in transformers 5.
  for (const char* key : {"add_bos_token", "add_eos_token"}) {
    if (!files.tokenizer_config->contains(key)) continue;
    throw ConfigError(
        fmt::format("{}: {} is not supported; windows are framed as tokenizer.json says.\n"
                    "Take it out to go on all the same.",
                    printable(name), key));
  }
}

bool gives_token_types(const TokenizerFiles& files, TokenizerClass tokenizer_class) {
  using enum TokenizerClass;
  if (tokenizer_class == kRoberta || tokenizer_class == kXlmRoberta) return true;
  if (tokenizer_class == kBackend && files.tokenizer_json && json_model_type(files) != "WordPiece") return true;
  if (files.tokenizer_config) {
    const Json inputs = files.tokenizer_config->value("model_input_names", Json());
    if (inputs.is_array()) return std::ranges::find(inputs, "token_type_ids") != inputs.end();
  }
  const std::optional<NamedClass> named = named_class(files);
  return tokenizer_class == kBert && !(named && named->name.starts_with("DistilBert"));
}

void remark_on_token_types(const TokenizerFiles& files, TokenizerClass tokenizer_class,
                           std::vector<std::string>& remarks) {
  if (!files.has_token_types || gives_token_types(files, tokenizer_class)) return;
  remarks.emplace_back("token types 0 and 1, where transformers 5 gives the model 0 alone");
}

const Json& object_member(const Json& object, const char* key, const std::string& name) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_object()) {
    throw DataError(fmt::format("{}: expected an object '{}'", printable(name), key));
  }
  return *found;
}

void require_of_backend(bool holds, const std::string& name, std::string_view what, std::string_view supported) {
  if (holds) return;
  throw ConfigError(fmt::format("{}: {}; PreTrainedTokenizerFast uses tokenizer.json as it stands.\nSupported {}.",
                                printable(name), what, supported));
}

std::string json_model_type(const TokenizerFiles& files) {
  const std::string name = files.path(kTokenizerJson);
  const auto model = files.tokenizer_json->find("model");
  if (model == files.tokenizer_json->end() || !model->is_object()) {
    throw DataError(
        fmt::format("{}: expected an object 'model'; is this the tokenizer.json of a model?", printable(name)));
  }
  if (const auto type = string_member(*model, "type", name)) return *type;
  if (model->contains("merges")) return "BPE";
  if (model->contains("max_input_chars_per_word")) return "WordPiece";
  return model->contains("unk_id") ? "Unigram" : "not named";
}

const Json& vocab_member(const Json& tokenizer_json, const std::string& name) {
  return object_member(object_member(tokenizer_json, "model", name), "vocab", name);
}

std::vector<Vocabulary::Piece> pieces_of_json(const Json& vocab, const std::string& name) {
  std::vector<Vocabulary::Piece> pieces;
  std::unordered_set<std::uint64_t> ids;
  pieces.reserve(vocab.size());
  for (const auto& [text, id] : vocab.items()) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= kMaxVocabularySize) {
      throw DataError(fmt::format("{}: the piece '{}' has no usable id; expected an integer from 0", printable(name),
                                  printable(text)));
    }
    if (!ids.insert(id.get<std::uint64_t>()).second) {
      throw DataError(
          fmt::format("{}: the piece '{}' has an id that another piece has too", printable(name), printable(text)));
    }
    if (text.size() > kMaxPieceBytes) {
      throw DataError(fmt::format("{}: a piece of {} bytes; at most {} are accepted", printable(name), text.size(),
                                  kMaxPieceBytes));
    }
    pieces.push_back({text, id.get<std::uint32_t>()});
  }
  if (pieces.empty()) throw DataError(fmt::format("{}: the vocabulary is empty", printable(name)));
  return pieces;
}

std::string type_of(const Json& object, const char* key, const std::string& name) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return "none";
  return string_member(*found, "type", name).value_or("none");
}

bool has_pair_template(const Json& json, const NamedTokens& named, const std::string& name) {
  const std::string type = type_of(json, "post_processor", name);
  if (type == "BertProcessing") return true;
  return type == "TemplateProcessing" &&
         frames_pair_as(json["post_processor"],
                        {special_part(named.cls, 0), sequence_part("A", 0), special_part(named.sep, 0),
                         sequence_part("B", 1), special_part(named.sep, 1)});
}

bool has_roberta_template(const Json& json, const NamedTokens& named, const std::string& name) {
  return type_of(json, "post_processor", name) == "TemplateProcessing" &&
         frames_pair_as(json["post_processor"],
                        {special_part(named.cls, 0), sequence_part("A", 0), special_part(named.sep, 0),
                         special_part(named.sep, 0), sequence_part("B", 0), special_part(named.sep, 0)});
}

SpecialIds required_ids(const Vocabulary& vocabulary, const NamedTokens& named, const std::string& name,
                        const char* family) {
  const auto required = [&](const char* key, const std::string& token) {
    if (const auto id = vocabulary.id_of(token)) return *id;
    throw DataError(fmt::format(
        "{}: the vocabulary has no '{}'; {} needs it as {}.\n"
        "Take the vocabulary that belongs to the model, or name a piece of this one as {} in tokenizer_config.json.",
        printable(name), printable(token), family, key, key));
  };
  return {.cls = required("cls_token", named.cls),
          .sep = required("sep_token", named.sep),
          .unk = required("unk_token", named.unk)};
}

SpecialIds framed_as_roberta(SpecialIds ids) {
  ids.seps_between = 2;
  ids.context_type = 0;
  return ids;
}

void check_size(const TokenizerFiles& files, std::size_t size) {
  const auto rows = files.num_embeddings;
  if (!rows || static_cast<std::int64_t>(size) <= *rows) return;
  throw DataError(
      fmt::format("{}: the tokenizer has {} pieces, the model's config.json says vocab_size {}.\n"
                  "Pieces beyond it have no embedding; take the tokenizer that belongs to the model (tokenizer_name).",
                  printable(files.directory), with_thousands(size), with_thousands(*rows)));
}

}  // namespace bertft::tokenizer
