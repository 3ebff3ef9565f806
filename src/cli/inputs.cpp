#include "cli/inputs.h"

#include <fmt/format.h>

#include <algorithm>

#include "bertft/optim/schedule.h"
#include "bertft/train/probe.h"
#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "cli/savers.h"
#include "cli/startup.h"

namespace bertft::cli {
namespace {

std::string count_line(const data::Dataset& dataset, const data::Features& features) {
  const auto answerable = std::count_if(dataset.questions.begin(), dataset.questions.end(),
                                        [](const data::Question& q) { return !q.answers.empty(); });
  std::string line =
      fmt::format("{} questions ({} with answer) -> {} windows",
                  with_thousands(static_cast<std::int64_t>(dataset.questions.size())), with_thousands(answerable),
                  with_thousands(static_cast<std::int64_t>(features.windows.size())));
  if (features.num_skipped_questions > 0) {
    line += fmt::format("; {} misaligned left out (data check lists them)", features.num_skipped_questions);
  }
  return line;
}

}  // namespace

Inputs read_inputs(config::Resolved resolved) {
  Inputs in;
  in.resolved = std::move(resolved);
  const config::Options& options = in.options();
  in.device = device::select_device(options.device);
  note_startup("device");
  in.files = load_model_files(options, *options.model.model_name_or_path);
  note_startup("tokenizer");
  in.train_set = load_dataset(*options.data.train_file, options.data.max_train_samples);
  note_startup("training file");
  in.train_features = data::make_features(in.train_set, *in.files.tokenizer, options.data, data::Purpose::kTraining);
  note_startup("training windows");
  in.with_negative = with_negative(options.data, in.train_set);
  if (options.data.validation_file) {
    in.validation_set = load_dataset(*options.data.validation_file, options.data.max_eval_samples);
    in.validation_features =
        data::make_features(*in.validation_set, *in.files.tokenizer, options.data, data::Purpose::kEvaluation);
    in.with_negative = in.with_negative || with_negative(options.data, *in.validation_set);
    if (!in.with_negative && options.train.metric_for_best_model.starts_with("best_")) {
      throw ConfigError(
          fmt::format("metric_for_best_model is {}, but {} has no unanswerable questions.\n"
                      "Without them no threshold is searched; use f1 or exact.",
                      options.train.metric_for_best_model, *options.data.validation_file));
    }
    note_startup("validation windows");
  }
  in.plan = train::make_plan(static_cast<std::int64_t>(in.train_features.windows.size()), options.train);
  in.budget = limit_memory(options.memory, in.device);
  take_expected_savers(in);
  return in;
}

memory::StepShape step_shape(const Inputs& in) {
  return train::step_shape(in.files.config, in.options().model, in.device, in.options().data.max_seq_length);
}

Rows describe(const Inputs& in, const std::string& weights_line,
              const std::optional<std::int64_t>& micro_batch_tokens) {
  const config::Options& o = in.options();
  Rows rows;
  rows.emplace_back("train", count_line(in.train_set, in.train_features));
  if (in.validation_set) rows.emplace_back("validate", count_line(*in.validation_set, *in.validation_features));
  rows.emplace_back(
      "windows", fmt::format("{} tokens at most, overlap {} (Google's doc_stride is a step); {}", o.data.max_seq_length,
                             o.data.doc_stride, in.files.tokenizer->description()));
  rows.emplace_back("model", fmt::format("{}; {}", in.files.directory, weights_line));
  rows.emplace_back("plan",
                    fmt::format("{} steps, effective batch {}, lr {:g}, warm-up {}, seed {}",
                                with_thousands(in.plan.total_steps), in.plan.effective_batch, o.optim.learning_rate,
                                optim::warmup_step_count(o.optim.warmup_steps, in.plan.total_steps), o.train.seed));
  rows.emplace_back("device", in.device.description);
  std::int64_t micro_batch =
      std::min(in.plan.effective_batch, o.train.micro_batch_features.value_or(in.plan.effective_batch));
  if (const auto tokens = micro_batch_tokens ? micro_batch_tokens : o.train.micro_batch_tokens) {
    micro_batch = std::clamp<std::int64_t>(*tokens / o.data.max_seq_length, 1, micro_batch);
  }
  rows.emplace_back(
      "memory",
      fmt::format("{} for tensors ({}); {} at once take{} about {} at most", memory_text(in.budget.limit),
                  in.budget.source, micro_batch == 1 ? "1 feature" : fmt::format("{} features", micro_batch),
                  micro_batch == 1 ? "s" : "", memory_text(memory::plan_step(step_shape(in), micro_batch).tensors())));
  rows.emplace_back("output", *o.train.output_dir);
  return rows;
}

}  // namespace bertft::cli
