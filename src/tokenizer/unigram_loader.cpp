#include "tokenizer/unigram_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ranges>
#include <string_view>
#include <utility>
#include <vector>

#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "tokenizer/loading.h"
#include "tokenizer/spiece_model.h"
#include "tokenizer/unigram_tokenizer.h"

namespace bertft::tokenizer {
namespace {

// What the classes of transformers have in their code.
struct ClassFacts {
  TokenizerClass kind;
  const char *family, *file;  // sentencepiece's, null: only tokenizer.json is read
  std::optional<std::string> TokenizerFiles::* content;
  void (*adapt)(std::vector<UnigramPiece>& pieces, const std::string& name);  // of the file
  std::optional<std::uint32_t> unk_id;
  void (*complete)(const TokenizerFiles& files, const NamedTokens& named, UnigramModel& model);
};

// Its ids are fairseq's: four tokens in the place of sentencepiece's three, and one more behind all.
void number_as_fairseq(std::vector<UnigramPiece>& pieces, const std::string& name) {
  constexpr std::array<std::string_view, 3> kReplaced{"<unk>", "<s>", "</s>"};
  if (!std::ranges::equal(kReplaced, pieces | std::views::take(3), {}, {}, &UnigramPiece::text)) {
    throw ConfigError(
        fmt::format("{}: the first pieces are not <unk>, <s> and </s>, as XLM-RoBERTa's are.\n"
                    "Is this the file of another family?",
                    printable(name)));
  }
  pieces.erase(pieces.begin(), pieces.begin() + 3);
  pieces.insert(pieces.begin(), {{"<s>", 0}, {"<pad>", 0}, {"</s>", 0}, {"<unk>", 0}});
  pieces.push_back({"<mask>", 0});
  check_pieces(pieces, name);
}

// `vocab`: [[piece, score], ...], in the order of the ids.
std::vector<UnigramPiece> scored_pieces_of_json(const Json& model, const std::string& name) {
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

// Of a member such as `normalizer`: itself, or what a Sequence has as its `list`. All are objects.
Json steps_of(const Json& tokenizer_json, const char* key, const char* list) {
  const Json member = tokenizer_json.value(key, Json());
  if (!member.is_object()) return Json::array();
  Json steps = member.value(list, Json());
  if (member.value("type", Json()) != "Sequence" || !steps.is_array()) return Json::array({member});
  std::erase_if(steps.get_ref<Json::array_t&>(), [](const Json& step) { return !step.is_object(); });
  return steps;
}

// The first normalizer of type Precompiled has the charsmap, in base64.
std::string charsmap_of_json(const Json& tokenizer_json, const std::string& name) {
  for (const Json& normalizer : steps_of(tokenizer_json, "normalizer", "normalizers")) {
    if (string_member(normalizer, "type", name) != "Precompiled") continue;
    const auto bytes = decode_base64(string_member(normalizer, "precompiled_charsmap", name).value_or(""));
    if (!bytes) throw DataError(fmt::format("{}: 'precompiled_charsmap' is not base64", printable(name)));
    return *bytes;
  }
  return {};
}

SpieceModel model_of_json(const TokenizerFiles& files) {
  const std::string name = files.path(kTokenizerJson);
  const Json& model = object_member(*files.tokenizer_json, "model", name);
  return {.pieces = scored_pieces_of_json(model, name), .charsmap = charsmap_of_json(*files.tokenizer_json, name)};
}

void check_same_pieces(const TokenizerFiles& files, const char* file, const SpieceModel& json,
                       const SpieceModel& spiece) {
  const auto same_text = [](const UnigramPiece& a, const UnigramPiece& b) { return a.text == b.text; };
  const auto [a, b] =
      std::mismatch(json.pieces.begin(), json.pieces.end(), spiece.pieces.begin(), spiece.pieces.end(), same_text);
  if (a == json.pieces.end() && b == spiece.pieces.end()) return;
  throw DataError(
      fmt::format("{}: tokenizer.json and {} differ from piece {} on ({} and {} pieces).\n"
                  "They belong to different models; keep the one that belongs to the weights.",
                  printable(files.directory), file, a - json.pieces.begin(), json.pieces.size(), spiece.pieces.size()));
}

bool same_scores(const SpieceModel& a, const SpieceModel& b) {
  constexpr double kRounding = 1e-4;  // of the single precision that spiece.model has
  return std::ranges::equal(a.pieces, b.pieces, [](const UnigramPiece& x, const UnigramPiece& y) {
    return std::abs(x.score - y.score) <= kRounding;
  });
}

SpieceModel model_of_spiece(const TokenizerFiles& files, const ClassFacts& its) {
  const std::string name = files.path(its.file);
  SpieceModel model = parse_spiece_model(*(files.*its.content), name);
  its.adapt(model.pieces, name);
  return model;
}

// Where sentencepiece's file differs from tokenizer.json, which is the one that is used.
void add_remarks(const TokenizerFiles& files, const ClassFacts& its, const SpieceModel& json,
                 std::vector<std::string>& remarks) {
  std::optional<SpieceModel> spiece;
  try {
    spiece = model_of_spiece(files, its);
  } catch (const Error&) {
    remarks.push_back(fmt::format("{} cannot be read, tokenizer.json counts", its.file));
    return;
  }
  check_same_pieces(files, its.file, json, *spiece);
  if (!same_scores(json, *spiece)) {
    remarks.push_back(fmt::format("the scores are tokenizer.json's, {} has others", its.file));
  }
  if (json.charsmap != spiece->charsmap) {
    remarks.push_back(fmt::format("characters are replaced as tokenizer.json says, {} says otherwise", its.file));
  }
}

SpieceModel read_model(const TokenizerFiles& files, const ClassFacts& its, std::vector<std::string>& remarks) {
  if (!files.tokenizer_json) return model_of_spiece(files, its);
  SpieceModel json = model_of_json(files);
  if (its.file != nullptr && files.*its.content) add_remarks(files, its, json, remarks);
  return json;
}

bool flag(const TokenizerFiles& files, const char* key, bool otherwise) {
  if (!files.tokenizer_config) return otherwise;
  return bool_member(*files.tokenizer_config, key, files.path(kTokenizerConfig)).value_or(otherwise);
}

void check_prefix_space(const TokenizerFiles& files) {
  if (flag(files, "add_prefix_space", true)) return;
  throw ConfigError(
      fmt::format("{}: add_prefix_space is false, which is not supported; words begin with a space.\n"
                  "Set it to true to go on all the same.",
                  printable(files.path(kTokenizerConfig))));
}

// ALBERT's switches of tokenizer_config.json.
void read_switches(const TokenizerFiles& files, UnigramModel& model) {
  model.rules.lowercase = flag(files, "do_lower_case", true);
  model.rules.strips_accents = !flag(files, "keep_accents", false);
  if (!files.tokenizer_config || !files.tokenizer_config->contains("do_lower_case")) {
    model.remarks.push_back("by default: no do_lower_case in tokenizer_config.json");
  }
  if (!flag(files, "remove_space", true)) model.remarks.push_back("remove_space does not count, as in transformers 5");
}

void check_template(const TokenizerFiles& files, const NamedTokens& named) {
  const std::string name = files.path(kTokenizerJson);
  if (!files.tokenizer_json || type_of(*files.tokenizer_json, "post_processor", name) == "none") return;
  if (has_pair_template(*files.tokenizer_json, named, name)) return;
  throw ConfigError(fmt::format("{}: the post_processor is not ALBERT's, [CLS] A [SEP] B [SEP]", printable(name)));
}

void complete_albert(const TokenizerFiles& files, const NamedTokens& named, UnigramModel& model) {
  check_template(files, named);
  read_switches(files, model);
  remark_on_token_types(files, TokenizerClass::kAlbert, model.remarks);
}

void complete_backend(const TokenizerFiles&, const NamedTokens&, UnigramModel& model) {
  model.rules = {.merges_quotes = false, .strips_accents = false, .lowercase = false};
  model.special_ids = framed_as_roberta(model.special_ids);
}

// The class frames windows itself, whatever tokenizer.json says, and by the second pair of these names.
void complete_xlm_roberta(const TokenizerFiles& files, const NamedTokens& named, UnigramModel& model) {
  if (named.cls != named.bos || named.sep != named.eos) {
    throw ConfigError(
        fmt::format("{}: cls_token and sep_token are '{}' and '{}', bos_token and eos_token '{}' and '{}'.\n"
                    "Supported of XLM-RoBERTa are tokenizers in which they are the same.",
                    printable(files.directory), printable(named.cls), printable(named.sep), printable(named.bos),
                    printable(named.eos)));
  }
  complete_backend(files, named, model);
}

// A splitter that puts U+2581 before each word.
bool is_metaspace(const Json& step, const std::string& name) {
  return step.value("type", Json()) == "Metaspace" && step.value("replacement", Json()) == "\u2581" &&
         string_member(step, "prepend_scheme", name).value_or("always") == "always" &&
         bool_member(step, "add_prefix_space", name).value_or(true) && bool_member(step, "split", name).value_or(true);
}

// The token that is part `at` of a pair in a TemplateProcessing; empty when its id is not the vocabulary's.
std::string framing_token(const Json& processor, std::size_t at, const std::vector<UnigramPiece>& pieces) {
  const auto member = [](const Json& json, const std::string& key) {
    return json.is_object() ? json.value(key, Json()) : Json();
  };
  const Json pair = member(processor, "pair");
  if (!pair.is_array() || at >= pair.size()) return {};
  const Json id = member(member(pair[at], "SpecialToken"), "id");
  if (!id.is_string()) return {};
  const std::string token = id;
  const auto piece = std::ranges::find(pieces, token, &UnigramPiece::text);
  const Json ids = member(member(member(processor, "special_tokens"), token), "ids");
  return ids == Json::array({piece - pieces.begin()}) ? token : std::string();
}

// tokenizer.json as it stands, whose steps have to be XLM-RoBERTa's. Its model says which piece is the unknown one, its
// post_processor which tokens frame a pair.
void read_backend(const Json& json, const std::vector<UnigramPiece>& pieces, const std::string& name,
                  NamedTokens& named) {
  const auto require = [&](bool holds, std::string_view what) {
    require_of_backend(
        holds, name, what,
        "of Unigram are Precompiled, WhitespaceSplit with Metaspace and the template <s> A </s> </s> B </s>");
  };
  std::size_t num_charsmaps = 0;
  for (const Json& step : steps_of(json, "normalizer", "normalizers")) {
    const std::string type = string_member(step, "type", name).value_or("none");
    num_charsmaps += type == "Precompiled" ? 1 : 0;
    // Words are cut out at white space, however much of it there is.
    const bool merges_spaces =
        step.value("pattern", Json()) == Json{{"Regex", " {2,}"}} && step.value("content", Json()) == " ";
    require((type == "Precompiled" && num_charsmaps == 1) || (type == "Replace" && merges_spaces),
            fmt::format("the normalizer has '{}'", printable(type)));
  }
  const Json splitters = steps_of(json, "pre_tokenizer", "pretokenizers");
  require(splitters.size() == 2 && splitters[0].value("type", Json()) == "WhitespaceSplit" &&
              is_metaspace(splitters[1], name),
          fmt::format("the pre_tokenizer is '{}'", printable(type_of(json, "pre_tokenizer", name))));
  const Json& model = object_member(json, "model", name);
  require(!bool_member(model, "byte_fallback", name).value_or(false), "Unigram has byte_fallback");
  const auto unk = integer_member(model, "unk_id", name);
  require(unk && *unk >= 0 && std::cmp_less(*unk, pieces.size()), "Unigram has no unk_id");
  named.unk = pieces[static_cast<std::size_t>(*unk)].text;
  const std::string last = type_of(json, "post_processor", name);
  require(last == "TemplateProcessing", fmt::format("the post_processor is '{}'", printable(last)));
  const Json& processor = json["post_processor"];
  named.cls = framing_token(processor, 0, pieces);
  named.sep = framing_token(processor, 2, pieces);
  require(has_roberta_template(json, named, name), "TemplateProcessing has another frame");
}

constexpr ClassFacts kAlbert{
    .kind = TokenizerClass::kAlbert,
    .family = "ALBERT",
    .file = kSpieceModel,
    .content = &TokenizerFiles::spiece_model,
    .adapt = [](std::vector<UnigramPiece>& pieces, const std::string&) { lower_scores_of_digit_and_comma(pieces); },
    .unk_id = 1,
    .complete = complete_albert};
constexpr ClassFacts kXlmRoberta{.kind = TokenizerClass::kXlmRoberta,
                                 .family = "XLM-RoBERTa",
                                 .file = kSentencepieceModel,
                                 .content = &TokenizerFiles::sentencepiece_model,
                                 .adapt = number_as_fairseq,
                                 .unk_id = 3,
                                 .complete = complete_xlm_roberta};
constexpr ClassFacts kBackend{.kind = TokenizerClass::kBackend,
                              .family = "XLM-RoBERTa",
                              .file = nullptr,
                              .content = nullptr,
                              .adapt = nullptr,
                              .unk_id = std::nullopt,
                              .complete = complete_backend};

const ClassFacts& facts_of(TokenizerClass tokenizer_class) {
  if (tokenizer_class == TokenizerClass::kBackend) return kBackend;
  return tokenizer_class == TokenizerClass::kAlbert ? kAlbert : kXlmRoberta;
}

}  // namespace

std::unique_ptr<Tokenizer> load_unigram(const TokenizerFiles& files, TokenizerClass tokenizer_class) {
  const ClassFacts& its = facts_of(tokenizer_class);
  refuse_other_encodings(files, its.kind);
  check_prefix_space(files);
  const std::string source = files.path(files.tokenizer_json ? kTokenizerJson : its.file);
  std::vector<std::string> remarks;
  const SpieceModel read = read_model(files, its, remarks);
  NamedTokens named = read_named_tokens(files, its.kind);
  if (its.kind == TokenizerClass::kBackend) read_backend(*files.tokenizer_json, read.pieces, source, named);

  std::vector<Vocabulary::Piece> pieces;
  for (const UnigramPiece& piece : read.pieces)
    pieces.push_back({piece.text, static_cast<std::uint32_t>(pieces.size())});
  UnigramModel model{.vocabulary = Vocabulary(std::move(pieces), ""),
                     .unigram = Unigram(read.pieces, source),
                     .remarks = std::move(remarks)};
  model.special_ids = required_ids(model.vocabulary, named, source, its.family);
  if (its.unk_id && model.special_ids.unk != its.unk_id) {
    throw ConfigError(fmt::format("{}: '{}' has id {}; {} has {} there.\nIs this the tokenizer of another family?",
                                  printable(source), printable(named.unk), model.special_ids.unk, its.family,
                                  *its.unk_id));
  }
  if (!read.charsmap.empty()) model.charsmap = Charsmap(read.charsmap, source);
  model.added_tokens = read_added_tokens(files, its.kind, named, model.vocabulary);
  its.complete(files, named, model);
  return std::make_unique<UnigramTokenizer>(std::move(model));
}

}  // namespace bertft::tokenizer
