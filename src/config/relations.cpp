#include "config/relations.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>

#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "config/foreign_keys.h"
#include "config/scalar.h"
#include "config/schema.h"

namespace bertft::config {
namespace {

using train::IntervalStrategy;

class Checker {
 public:
  Checker(const Resolved& resolved, const std::set<std::string, std::less<>>& doubtful, Place place, Problems& problems)
      : options_(resolved.options),
        resolved_(resolved),
        doubtful_(doubtful),
        place_(std::move(place)),
        problems_(problems),
        fields_(fields_of(options_)) {}

  const Options& options() const { return options_; }

  /// "doc_stride: 128 (squad.yaml:5)"
  std::string said(std::string_view key) const {
    const auto field = std::find_if(fields_.begin(), fields_.end(), [&](const Field& f) { return f.key == key; });
    const auto origin = resolved_.origins.find(key);
    return fmt::format("{}: {} ({})", key, printable(written(*field, field->get())),
                       origin == resolved_.origins.end() ? std::string(kDefaultOrigin) : origin->second);
  }

  void require(bool holds, std::initializer_list<std::string_view> keys, std::string fact, std::string hint) {
    const bool is_doubtful = std::any_of(keys.begin(), keys.end(), [&](auto key) { return doubtful_.contains(key); });
    if (!holds && !is_doubtful) problems_.add(place_, std::move(fact), std::move(hint));
  }

 private:
  Options options_;
  const Resolved& resolved_;
  const std::set<std::string, std::less<>>& doubtful_;
  Place place_;
  Problems& problems_;
  std::vector<Field> fields_;  // bound to options_
};

void check_precision(Checker& c) {
  const auto& device = c.options().device;
  c.require(!(device.fp16.value_or(false) && device.bf16.value_or(false)), {"fp16", "bf16"},
            fmt::format("{} and {} exclude each other", c.said("fp16"), c.said("bf16")),
            "; fp16 is for GPUs before Ampere, bf16 for all others");
}

void check_batches(Checker& c) {
  const auto& [model, data, train, optim, eval, device, memory] = c.options();
  c.require(!(train.micro_batch_features && train.micro_batch_tokens), {"micro_batch_features", "micro_batch_tokens"},
            fmt::format("{} and {} exclude each other", c.said("micro_batch_features"), c.said("micro_batch_tokens")),
            "; set one of them to null");
  c.require(data::windows_advance(data), {"doc_stride", "max_seq_length"},
            fmt::format("{} must be below max_seq_length - {}, with {}", c.said("doc_stride"), data::kNumSpecialTokens,
                        c.said("max_seq_length")),
            "; lower doc_stride or raise max_seq_length");
}

// A count of steps may be a share of all steps below 1; above, it is a count.
void check_step_counts(Checker& c) {
  const auto require_whole = [&](std::string_view key, double value) {
    c.require(value <= 1 || value == std::trunc(value), {key}, fmt::format("{} is not a whole number", c.said(key)),
              "; above 1 it counts steps, below 1 it is a share of all steps");
  };
  const auto& train = c.options().train;
  require_whole("warmup_steps", c.options().optim.warmup_steps);
  require_whole("logging_steps", train.logging_steps);
  require_whole("save_steps", train.save_steps);
  if (train.eval_steps) require_whole("eval_steps", *train.eval_steps);
}

void check_evaluation(Checker& c) {
  const auto& train = c.options().train;
  const bool evaluates = train.eval_strategy != IntervalStrategy::kNo;
  c.require(!evaluates || c.options().data.validation_file, {"eval_strategy", "validation_file"},
            fmt::format("{} needs validation_file, which is not set", c.said("eval_strategy")),
            "; set it, or eval_strategy: no");
  c.require(!train.eval_on_start || c.options().data.validation_file, {"eval_on_start", "validation_file"},
            fmt::format("{} needs validation_file, which is not set", c.said("eval_on_start")),
            "; set it, or eval_on_start: false");
  c.require(!train.early_stopping_patience || train.load_best_model_at_end,
            {"early_stopping_patience", "load_best_model_at_end"},
            c.said("early_stopping_patience") + " needs load_best_model_at_end: true",
            "; set it, or remove the patience");
}

// Beside what save_strategy asks for, every new best model is saved.
void check_best_model(Checker& c) {
  const auto& train = c.options().train;
  if (!train.load_best_model_at_end) return;
  c.require(train.eval_strategy != IntervalStrategy::kNo, {"load_best_model_at_end", "eval_strategy"},
            fmt::format("{} needs evaluations, and {}", c.said("load_best_model_at_end"), c.said("eval_strategy")),
            "; set eval_strategy to steps or epoch");
  c.require(train.save_strategy != IntervalStrategy::kNo, {"load_best_model_at_end", "save_strategy"},
            fmt::format("{} needs checkpoints, and {}", c.said("load_best_model_at_end"), c.said("save_strategy")),
            "; set save_strategy to steps or epoch");
}

}  // namespace

void check_relations(const Resolved& resolved, const std::set<std::string, std::less<>>& doubtful, Place place,
                     Problems& problems) {
  Checker checker(resolved, doubtful, std::move(place), problems);
  check_precision(checker);
  check_batches(checker);
  check_step_counts(checker);
  check_evaluation(checker);
  check_best_model(checker);
}

void require_for_training(const Resolved& resolved) {
  struct Need {
    std::string_view key, flag;
    bool is_met;
  };
  const Options& o = resolved.options;
  const std::array<Need, 4> needs = {{
      {"model_name_or_path", "--model-name-or-path DIR", o.model.model_name_or_path.has_value()},
      {"train_file", "--train-file FILE", o.data.train_file.has_value()},
      {"output_dir", "--output-dir DIR", o.train.output_dir.has_value()},
      {"validation_file", "--validation-file FILE", o.data.validation_file || !is_wished(resolved, "do_eval")},
  }};
  std::vector<std::string_view> keys, flags;
  for (const Need& need : needs) {
    if (need.is_met) continue;
    keys.push_back(need.key);
    flags.push_back(need.flag);
  }
  if (keys.empty()) return;
  throw ConfigError(
      fmt::format("training needs {}, not set so far\n       add '{}: ...' to the file given with --config, or {}",
                  fmt::join(keys, ", "), fmt::join(keys, ": ...', '"), fmt::join(flags, " ")));
}

}  // namespace bertft::config
