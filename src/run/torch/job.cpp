#include "run/torch/job.h"

#include <fmt/format.h>

#include <utility>

#include "bertft/optim/schedule.h"
#include "bertft/run/startup.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"
#include "run/torch/savers.h"

namespace bertft::run {
namespace {

std::string count_line(const data::Dataset& dataset, const data::Features& features) {
  std::string line = fmt::format("{} ({} with answer) -> {}", counted(dataset.questions.size(), "question"),
                                 with_thousands(dataset.num_answerable()), counted(features.windows.size(), "window"));
  if (features.num_skipped_questions > 0) {
    line += fmt::format("; {} misaligned left out (data check lists them)", features.num_skipped_questions);
  }
  if (features.num_unlabelled_questions > 0) {
    line += fmt::format("; {} misaligned, not in the loss", features.num_unlabelled_questions);
  }
  if (features.num_windows_left_out > 0) {
    line += fmt::format("; {} more left out (max_train_samples)", with_thousands(features.num_windows_left_out));
  }
  return line;
}

std::string words_line(const Inputs& in) {
  return fmt::format("{} of {} rows of the word table are in use; the others stay as they are",
                     with_thousands(in.rows.config().vocab_size), with_thousands(in.files.config.vocab_size));
}

std::int64_t warmup_of(const Inputs& in) {
  return optim::warmup_step_count(in.options().optim, in.plan.total_steps);
}

// `auto` is for eval and predict; while training nothing is tuned yet.
void tell_threshold(const Inputs& in) {
  if (in.options().eval.null_score_diff_threshold || !in.validation_set || !in.with_negative) return;
  log::info(
      "threshold null_score_diff_threshold: auto is for eval and predict; training scores at 0 and keeps the best one");
}

}  // namespace

void tell_misgivings(const Inputs& in) {
  if (warmup_of(in) >= in.plan.total_steps) {
    log::warn(fmt::format("warm-up takes {} and the run has {}: learning_rate is reached at its end at best",
                          counted(warmup_of(in), "step"), with_thousands(in.plan.total_steps)));
  }
  tell_threshold(in);
}

Job make_job(Inputs inputs, const Invocation& invocation, std::optional<train::Probed> probed) {
  std::set<std::string> savers;
  if (probed) savers = adopt_savers(inputs.resolved, probed->savers);
  Means means = find_means(inputs.options(), invocation);
  Job job{std::move(inputs), std::move(means), std::move(savers)};
  if (probed) job.probed = std::move(probed->result);
  take_expected_savers(job);
  note_startup("device");
  return job;
}

memory::StepShape step_shape(const Job& job) {
  return memory::step_shape(job.inputs.rows.config(), job.options().model, job.means.device,
                            job.options().data.max_seq_length, job.inputs.plan.largest_step());
}

report::Rows describe(const Job& job, const std::string& weights_line,
                      const std::optional<std::int64_t>& micro_batch_tokens) {
  const config::Options& o = job.options();
  report::Rows rows;
  rows.push_back({"train", count_line(job.inputs.train_set, job.inputs.train_features)});
  if (job.inputs.validation_set)
    rows.push_back({"validate", count_line(*job.inputs.validation_set, *job.inputs.validation_features)});
  rows.push_back({"windows", fmt::format("{} tokens at most, overlap {}; {}", o.data.max_seq_length, o.data.doc_stride,
                                         job.inputs.files.tokenizer->description())});
  rows.push_back({"model", fmt::format("{}; {}", job.inputs.files.directory, weights_line)});
  if (!job.inputs.rows.are_all()) rows.push_back({"words", words_line(job.inputs)});
  rows.push_back({"plan", fmt::format("{}, effective batch {}, lr {:g}, warm-up {}, seed {}",
                                      counted(job.inputs.plan.total_steps, "step"), job.inputs.plan.effective_batch,
                                      o.optim.learning_rate, warmup_of(job.inputs), o.train.seed)});
  rows.push_back({"device", job.means.device.description});
  const std::int64_t micro_batch =
      train::micro_batch(o.train, job.inputs.plan.largest_step(), o.data.max_seq_length, micro_batch_tokens);
  const memory::StepShape shape = step_shape(job);
  const std::uint64_t planned = memory::plan_step(shape, micro_batch).tensors();
  const std::uint64_t least = memory::plan_least(shape).tensors();
  const char* doubt = least > job.means.budget.usable     ? ": not even one may fit"
                      : planned > job.means.budget.usable ? ": may be cut smaller"
                                                          : "";
  rows.push_back({"memory", fmt::format("{}; {} at once take{} about {} at most{}", budget_text(job.means.budget),
                                        counted(micro_batch, "feature"), micro_batch == 1 ? "s" : "",
                                        memory_text(planned), doubt)});
  rows.push_back({"output", *o.train.output_dir});
  return rows;
}

}  // namespace bertft::run
