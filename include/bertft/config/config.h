#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bertft/data/options.h"
#include "bertft/device/options.h"
#include "bertft/eval/options.h"
#include "bertft/memory/options.h"
#include "bertft/model/options.h"
#include "bertft/optim/options.h"
#include "bertft/train/options.h"

namespace bertft::config {

/// Every option of the program, grouped by the room that declares it.
struct Options {
  model::ModelOptions model;
  data::DataOptions data;
  train::TrainOptions train;
  optim::OptimOptions optim;
  eval::EvalOptions eval;
  device::DeviceOptions device;
  memory::MemoryOptions memory;
};

/// Visits all groups in the order in which they are printed: v.group("Data") before each.
template <class Visitor>
void visit(Visitor& v, Options& o) {
  v.group("Model");
  visit(v, o.model);
  v.group("Data");
  visit(v, o.data);
  v.group("Training");
  visit(v, o.train);
  v.group("Optimizer");
  visit(v, o.optim);
  v.group("Evaluation");
  visit(v, o.eval);
  v.group("Device");
  visit(v, o.device);
  v.group("Memory");
  visit(v, o.memory);
}

/// A value given outside a file. `origin` is shown to the user: "--set, argument 1",
/// "--learning-rate", "BERT_FINETUNE_SEED".
struct Override {
  std::string key, value, origin;
};

/// The origin of a value that nobody has given.
inline constexpr std::string_view kDefaultOrigin = "default";

/// Whether the origin of a value is a flag of the command line.
bool is_flag(std::string_view origin);

/// Where values come from, lowest precedence first: the defaults, the files from left to right, the environment, then
/// the command line in its order.
struct Sources {
  std::vector<std::string> files;
  std::vector<Override> environment;
  std::vector<Override> command_line;
};

/// What was said last of one of run_qa's jobs.
struct JobWish {
  bool is_wished;
  std::string origin;
};

/// The options with the origin of each value, and what the user should be told.
struct Resolved {
  Options options;
  std::map<std::string, std::string, std::less<>> origins;  // key -> "default", "squad.yaml:14", ...
  std::vector<std::string> notices;                         // aliases used, keys noted and passed over
  // do_train, do_eval, do_predict, where they count: on the command line, in the environment or in a file that names
  // the model too. TrainingArguments alone, written out, say do_train: false and do_eval: true of runs that train.
  std::map<std::string, JobWish, std::less<>> jobs;
};

/// Reads, merges and checks everything; relations between options too. Relative paths become absolute,
/// from the working directory, but for resume_from_checkpoint, which is a wish for one start.
/// throws InputError when a file cannot be read or exceeds 1 MiB; ConfigError whose text lists
///        every error found, one a line, sorted by place, and closes with their number when
///        there are several:
///          squad.yaml:14:17: error: max_seq_length: expected an integer of at least 8, got '4'
///          error: unknown key 'learing_rate'  (--set, argument 1); did you mean 'learning_rate'?
///          2 errors
///        A first line without a place comes without its "error: ", which the command line adds.
Resolved resolve(const Sources& sources);

/// What `train` cannot do without: model_name_or_path, train_file, output_dir; as run_qa, validation_file for do_eval.
/// throws ConfigError that names all that are missing, as keys and as flags
void require_for_training(const Resolved& resolved);

inline constexpr std::string_view kEnvironmentPrefix = "BERT_FINETUNE_";

/// BERT_FINETUNE_<KEY> variables of this process, in the form resolve() takes, sorted by name.
std::vector<Override> environment_overrides();

/// One option whose values differ, written as in YAML.
struct Difference {
  std::string key, was, is;
};
/// Differences that change a run's result: not of options that are free to change.
std::vector<Difference> differences(Options was, Options is);

/// Sets back to their defaults the options that stay with the training, where `file`, stored with
/// a model, gave them.
void leave_with_training(Resolved& resolved, const std::string& file);

/// The resolved configuration as YAML: every key, its origin as a comment.
/// Accepted back by resolve(), with equal options.
std::string to_yaml(const Resolved& resolved);

/// One declared option, for the command line's flags and the reference in docs/.
struct OptionInfo {
  std::string group, key;
  std::string type;  // "boolean", "integer", "number", "text", "path", "name", "amount"
  std::string default_value, unit;
  std::string range;       // ">= 8", ">= 0, < 1", "no|steps|epoch"; empty when free
  std::string unset_name;  // "null" or "auto" where the option may be absent; else empty
  std::string help;
  std::vector<std::string> aliases;   // old keys too whose value is translated: warmup_ratio
  std::vector<std::string> switches;  // of key and aliases, those that mean true when given alone
};
std::vector<OptionInfo> list_options();

/// Whether a switch takes `word` as its value, rightly written or not: "false", "Yes", "1".
bool is_boolean_word(std::string_view word);

/// A key of run_qa.py or TrainingArguments that is understood but not an option here: given in an Override it is
/// answered with the reason, so the command line takes it as a hidden flag.
struct ForeignFlag {
  std::string key;
  bool is_switch, is_list;
  bool is_job;  // do_train and the like, which decide what a command does
};
std::vector<ForeignFlag> list_foreign_flags();

/// The key for which people write another word: "lr" -> "learning_rate".
std::optional<std::string_view> key_meant_by(std::string_view word);

/// run_qa's way to ask for no training, and the command that does here what it asks for.
struct OtherJob {
  std::string wish;  // "do_eval without do_train (--do-eval)"
  std::string_view command;
};
std::optional<OtherJob> other_job(const Resolved& resolved);

/// "max_seq_length" -> "--max-seq-length".
std::string flag_of(std::string_view key);

/// All options by group with unit, range, default and old names, in 80 columns, for --help all.
std::string help_for_options();

/// docs/configuration.md, generated.
std::string reference_markdown();

}  // namespace bertft::config
