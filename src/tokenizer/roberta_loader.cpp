#include "tokenizer/roberta_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "tokenizer/byte_level_tokenizer.h"
#include "tokenizer/loading.h"
#include "tokenizer/vocab_txt.h"

namespace bertft::tokenizer {
namespace {

// Two pieces, by their texts.
using MergeTexts = std::pair<std::string_view, std::string_view>;

// "left right"; none when it is no such line.
std::optional<MergeTexts> split_merge(std::string_view line) {
  const std::size_t space = line.find(' ');
  if (space == line.npos || line.find(' ', space + 1) != line.npos) return std::nullopt;
  return MergeTexts{line.substr(0, space), line.substr(space + 1)};
}

// The lines of a merges.txt as the crate reads them.
std::vector<MergeTexts> merges_of_txt(std::string_view text, const std::string& name) {
  check_lines(text, name, "a merges.txt is UTF-8 text with two pieces a line");
  std::vector<MergeTexts> merges;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("#version")) continue;
    const auto merge = split_merge(line);
    if (!merge) {
      throw DataError(
          fmt::format("{}:{}:1: error: expected two pieces with a space between them, found '{}'.\n"
                      "Take the merges.txt of the model that the weights come from.",
                      printable(name), number, printable(line, 60)));
    }
    merges.push_back(*merge);
  }
  return merges;
}

// `merges`: ["left right", ...] or [["left", "right"], ...]
std::vector<MergeTexts> merges_of_json(const Json& model, const std::string& name) {
  const auto list = model.find("merges");
  if (list == model.end() || !list->is_array()) {
    throw DataError(fmt::format("{}: expected a list 'merges' of pairs of pieces", printable(name)));
  }
  std::vector<MergeTexts> merges;
  merges.reserve(list->size());
  for (const Json& entry : *list) {
    std::optional<MergeTexts> merge;
    if (entry.is_string()) {
      merge = split_merge(entry.get_ref<const std::string&>());
    } else if (entry.is_array() && entry.size() == 2 && entry[0].is_string() && entry[1].is_string()) {
      merge = {entry[0].get_ref<const std::string&>(), entry[1].get_ref<const std::string&>()};
    }
    if (!merge) {
      throw DataError(
          fmt::format("{}: entry {} of 'merges' is not two pieces, such as \"t h\"", printable(name), merges.size()));
    }
    merges.push_back(*merge);
  }
  return merges;
}

std::array<std::uint32_t, 256> ids_of_bytes(const Vocabulary& vocabulary, const std::string& name) {
  std::array<std::uint32_t, 256> ids;
  for (unsigned byte = 0; byte < ids.size(); ++byte) {
    std::string piece;
    append_utf8(piece, char_of_byte(static_cast<unsigned char>(byte)));
    const auto id = vocabulary.id_of(piece);
    if (!id) {
      throw DataError(
          fmt::format("{}: the vocabulary has no '{}', which stands for the byte {}; RoBERTa's has all 256.\n"
                      "Is this the tokenizer of another family?",
                      printable(name), piece, byte));
    }
    ids[byte] = *id;
  }
  return ids;
}

// `name` is the file's that the merges are from.
std::vector<BytePairs::Merge> merges_by_id(const Vocabulary& vocabulary, const std::vector<MergeTexts>& texts,
                                           const std::string& name) {
  const auto id_of = [&](const std::string& piece) {
    if (const auto id = vocabulary.id_of(piece)) return *id;
    throw DataError(fmt::format("{}: '{}' is not in the vocabulary.\nThe tokenizer's files do not belong together.",
                                printable(name), printable(piece)));
  };
  std::vector<BytePairs::Merge> merges;
  merges.reserve(texts.size());
  for (const auto& [left, right] : texts) {
    const std::string left_piece(left), right_piece(right);
    merges.push_back({id_of(left_piece), id_of(right_piece), id_of(left_piece + right_piece)});
  }
  return merges;
}

// Where the class has a setting of its own it stands in tokenizer_config.json.
void check_config(const TokenizerFiles& files) {
  if (!files.tokenizer_config) return;
  const std::string name = files.path(kTokenizerConfig);
  const auto require = [&](const char* key, bool supported, const char* why) {
    if (bool_member(*files.tokenizer_config, key, name).value_or(supported) == supported) return;
    throw ConfigError(fmt::format("{}: {} is {}, which is not supported; {}.\nSet it to {} to go on all the same.",
                                  printable(name), key, !supported, why, supported));
  };
  require("add_prefix_space", false, "texts are read as they stand");
  require("trim_offsets", true, "the space before a word is no part of an answer");
}

// What of tokenizer.json does not count and says something else.
void add_remarks(const TokenizerFiles& files, std::vector<std::string>& remarks) {
  if (!files.tokenizer_json) return;
  const std::string name = files.path(kTokenizerJson);
  const auto splitter = files.tokenizer_json->find("pre_tokenizer");
  const std::string type = type_of(*files.tokenizer_json, "pre_tokenizer", name);
  if (type != "ByteLevel") {
    remarks.push_back(fmt::format("pre_tokenizer {} of tokenizer.json does not count", printable(type)));
  } else if (bool_member(*splitter, "add_prefix_space", name).value_or(true)) {
    remarks.emplace_back("add_prefix_space of tokenizer.json does not count");
  }
  if (const std::string normalizer = type_of(*files.tokenizer_json, "normalizer", name); normalizer != "none") {
    remarks.push_back(fmt::format("normalizer {} of tokenizer.json does not count", printable(normalizer)));
  }
}

// The token that a RobertaProcessing has under `key`, [text, id]; empty when it is not the vocabulary's.
std::string framing_token(const Json& processor, const char* key, const Vocabulary& vocabulary) {
  const Json token = processor.value(key, Json());
  if (!token.is_array() || token.size() != 2 || !token[0].is_string()) return {};
  const auto id = vocabulary.id_of(token[0].get<std::string>());
  return id && token[1] == *id ? token[0].get<std::string>() : std::string();
}

// tokenizer.json as it stands: its post_processor names the tokens of the frame, <s> A </s></s> B </s>.
void read_backend(const Json& json, const Vocabulary& vocabulary, const std::string& name, NamedTokens& named) {
  const auto require = [&](bool holds, std::string_view what) {
    require_of_backend(holds, name, what,
                       "of BPE are no normalizer, ByteLevel without add_prefix_space and RobertaProcessing");
  };
  const std::string normalizer = type_of(json, "normalizer", name);
  require(normalizer == "none", fmt::format("the normalizer is '{}'", printable(normalizer)));
  const std::string splitter = type_of(json, "pre_tokenizer", name);
  require(splitter == "ByteLevel", fmt::format("the pre_tokenizer is '{}'", printable(splitter)));
  const Json& settings = json["pre_tokenizer"];
  require(!bool_member(settings, "add_prefix_space", name).value_or(true), "ByteLevel has add_prefix_space");
  require(bool_member(settings, "use_regex", name).value_or(true), "ByteLevel does not use its pattern");
  const Json& model = json["model"];
  for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) {
    const Json value = model.value(key, Json());
    require(value.is_null() || value == "" || value == 0, fmt::format("BPE has {}", key));
  }
  require(!bool_member(model, "ignore_merges", name).value_or(false), "BPE has ignore_merges");
  const std::string last = type_of(json, "post_processor", name);
  require(last == "RobertaProcessing", fmt::format("the post_processor is '{}'", printable(last)));
  const Json& processor = json["post_processor"];
  named.cls = framing_token(processor, "cls", vocabulary);
  named.sep = framing_token(processor, "sep", vocabulary);
  require(!named.cls.empty() && !named.sep.empty() && bool_member(processor, "trim_offsets", name).value_or(true) &&
              !bool_member(processor, "add_prefix_space", name).value_or(true),
          "RobertaProcessing has other settings");
  if (!vocabulary.id_of(named.unk)) named.unk = named.cls;  // no text comes out as it
}

}  // namespace

std::unique_ptr<Tokenizer> load_roberta(const TokenizerFiles& files, TokenizerClass tokenizer_class) {
  refuse_other_encodings(files, tokenizer_class);
  const std::string json_name = files.path(kTokenizerJson), merges_name = files.path(kMergesTxt);
  if (!files.tokenizer_json && !files.merges_txt) {
    throw InputError(
        fmt::format("{} is missing; vocab.json needs it.\nCopy it from the model that the weights come from.",
                    printable(merges_name)));
  }
  const std::string vocabulary_name = files.tokenizer_json ? json_name : files.path(kVocabJson);
  Vocabulary vocabulary(
      pieces_of_json(files.tokenizer_json ? vocab_member(*files.tokenizer_json, json_name) : *files.vocab_json,
                     vocabulary_name),
      "");
  NamedTokens named = read_named_tokens(files, tokenizer_class);
  if (tokenizer_class == TokenizerClass::kBackend) {
    read_backend(*files.tokenizer_json, vocabulary, json_name, named);
  } else {
    check_config(files);
  }
  const SpecialIds special_ids = framed_as_roberta(required_ids(vocabulary, named, vocabulary_name, "RoBERTa"));
  const auto id_of_byte = ids_of_bytes(vocabulary, vocabulary_name);
  BytePairs pairs(id_of_byte,
                  files.tokenizer_json
                      ? merges_by_id(vocabulary, merges_of_json((*files.tokenizer_json)["model"], json_name), json_name)
                      : merges_by_id(vocabulary, merges_of_txt(*files.merges_txt, merges_name), merges_name));
  ByteLevelModel model{.vocabulary = std::move(vocabulary), .pairs = std::move(pairs), .special_ids = special_ids};
  model.added_tokens = read_added_tokens(files, tokenizer_class, named, model.vocabulary);
  if (tokenizer_class == TokenizerClass::kRoberta) add_remarks(files, model.remarks);
  return std::make_unique<ByteLevelTokenizer>(std::move(model));
}

}  // namespace bertft::tokenizer
