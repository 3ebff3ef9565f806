#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bertft/data/check.h"
#include "bertft/data/feature_json.h"
#include "bertft/run/model_files.h"
#include "bertft/run/notices.h"
#include "bertft/util/file.h"
#include "bertft/util/json.h"
#include "bertft/weights/encoder_config.h"
#include "cli/command_files.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/option_flags.h"

namespace bertft::cli {
namespace {

const std::vector<std::string> kDataGroups = {"Data"};

struct DataFlags {
  std::string file, model;
  bool json = false, training = false;
};

// Of any model with a tokenizer that is read here; only training needs one that can be trained.
// Its files may lower max_seq_length.
std::unique_ptr<tokenizer::Tokenizer> load_tokenizer_of(const DataFlags& flags, config::Resolved& resolved) {
  const config::Options& options = resolved.options;
  const std::string directory = run::resolve_model_directory(flags.model);
  const std::string tokenizer_directory = options.model.tokenizer_name.value_or(directory);
  run::keep_to_model_max_length(resolved, tokenizer_directory);
  const std::string path = (std::filesystem::path(directory) / "config.json").string();
  std::optional<tokenizer::ModelFacts> other_model;  // than the one beside the tokenizer's files
  if (is_there(path)) {
    const Json config = read_json(path);
    if (const auto longest = weights::longest_sequence(config, path)) run::check_length(options.data, *longest);
    const auto rows = integer_member(config, "vocab_size", path);
    if (rows && options.model.tokenizer_name) other_model = {.num_embeddings = *rows};
  }
  return tokenizer::load_tokenizer(tokenizer_directory, other_model);
}

int check(const CLI::App& command, const DataFlags& flags) {
  config::Resolved resolved = run::resolve_and_tell(sources_of(command));
  refuse_other_groups(resolved, kDataGroups, "data check", "tokenizer_name");
  refuse_flags(resolved,
               {"train_file", "validation_file", "test_file", "max_train_samples", "max_eval_samples",
                "version_2_with_negative", "fix_last_token_label"},
               "data check, which looks at all of FILE");
  if (flags.model.empty()) {
    refuse_flags(resolved, {"max_seq_length", "doc_stride", "on_misaligned", "tokenizer_name"},
                 "data check without --model");
  }
  const auto result = [&] {
    if (flags.model.empty()) return data::check_data(data::read_dataset(flags.file));
    auto [dataset, tokens] = data::read_and_tokenize(flags.file, *load_tokenizer_of(flags, resolved));
    return data::check_data(dataset, std::move(tokens), resolved.options.data);
  }();
  std::cout << (flags.json ? python_json(result.to_json(), 2) + "\n" : result.to_text()) << std::flush;
  return kOk;
}

int print_features(const CLI::App& command, const DataFlags& flags) {
  config::Resolved resolved = run::resolve_and_tell(sources_of(command));
  refuse_other_groups(resolved, kDataGroups, "data features", "tokenizer_name");
  refuse_flags(resolved, {"train_file", "validation_file", "test_file", "version_2_with_negative"},
               "data features, which takes FILE as it is");
  if (flags.training) {
    refuse_flags(resolved, {"max_eval_samples"}, "data features --training");
  } else {
    refuse_flags(resolved, {"max_train_samples"}, "data features without --training");
  }
  const auto tokenizer = load_tokenizer_of(flags, resolved);
  const data::DataOptions& options = resolved.options.data;
  const auto at_most = flags.training ? options.max_train_samples : options.max_eval_samples;
  auto [dataset, tokens] = data::read_and_tokenize(flags.file, *tokenizer, at_most);
  const auto purpose = flags.training ? data::Purpose::kTraining : data::Purpose::kEvaluation;
  data::Features features = data::make_features(dataset, std::move(tokens), options, purpose);
  if (flags.training) features.keep_first(at_most);  // as training does
  for (const data::Window& window : features.windows) {
    std::cout << python_json(data::feature_json(dataset, features, window), -1) << '\n';
    if (!std::cout) break;  // full, or nobody reads it: run() says so
  }
  std::cout << std::flush;
  return kOk;
}

}  // namespace

void add_data_command(CLI::App& app, int& exit_code) {
  CLI::App* data = app.add_subcommand("data", "look at a data file before training on it");
  data->require_subcommand(1);

  auto flags = std::make_shared<DataFlags>();
  CLI::App* checking = data->add_subcommand("check", "count, and report what is wrong");
  add_path(*checking, "FILE", flags->file, "SQuAD file")->required();
  add_path(*checking, "--model", flags->model, "also count the windows of this model's tokenizer", "DIR");
  checking->add_flag("--json", flags->json, "one JSON object on stdout");
  add_option_flags(*checking, kDataGroups);
  checking->callback([checking, flags, &exit_code] { exit_code = check(*checking, *flags); });

  CLI::App* features = data->add_subcommand("features", "write the windows as JSON lines");
  add_path(*features, "FILE", flags->file, "SQuAD file")->required();
  add_path(*features, "--model", flags->model, "whose tokenizer to use", "DIR")->required();
  features->add_flag("--training", flags->training, "as training sees them: misaligned ones left out");
  add_option_flags(*features, kDataGroups);
  features->callback([features, flags, &exit_code] { exit_code = print_features(*features, *flags); });
}

}  // namespace bertft::cli
