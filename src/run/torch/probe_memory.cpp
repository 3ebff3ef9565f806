#include "run/torch/probe_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iostream>
#include <limits>
#include <optional>
#include <utility>

#include "bertft/checkpoint/run_directory.h"
#include "bertft/data/batch.h"
#include "bertft/memory/shortage.h"
#include "bertft/run/version.h"
#include "bertft/train/probe.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/util/json.h"
#include "bertft/util/log.h"
#include "bertft/util/text.h"
#include "run/torch/savers.h"
#include "run/torch/shortage.h"

namespace bertft::run {
namespace {

namespace fs = std::filesystem;

std::string probe_file(const Inputs& in) {
  return (fs::path(*in.options().train.output_dir) / checkpoint::kProbeName).string();
}

train::ProbeTask task_of(const Job& job, const weights::ModelWeights& weights, std::int64_t at_most) {
  const config::Options& o = job.options();
  return {.config = job.inputs.rows.config(),
          .weights = weights,
          .model = o.model,
          .optim = o.optim,
          .device = job.means.device,
          .budget = job.means.budget,
          .length = o.data.max_seq_length,
          .effective_batch = job.inputs.plan.largest_step(),
          .eval_batch = o.eval.per_device_eval_batch_size,
          .at_most = std::min(o.memory.probe_up_to.value_or(at_most), data::kMostSequences)};
}

std::int64_t size_of_data(const Job& job) {
  return static_cast<std::int64_t>(job.inputs.train_features.windows.size());
}

Json key_of(const Job& job, const train::ProbeTask& task) {
  return train::probe_key(task, version_line() + " " + source_revision(), job.options().memory.memory_limit);
}

constexpr const char* kTrialHead = "features    tokens  peak      features/s  fits  reached";

std::string trial_line(const memory::Trial& trial, std::int64_t length) {
  const std::string rate = trial.features_per_s > 0 ? fmt::format("{:.1f}", trial.features_per_s) : "-";
  return fmt::format("{:>8}  {:>8}  {:<8}  {:>10}  {:<4}  {}", with_thousands(trial.num_features),
                     with_thousands(trial.num_features * length), memory_text(trial.peak_bytes), rate,
                     trial.fits ? "yes" : "no", trial.phase);
}

// "micro_batch_tokens 3072 (8 features of 384): 2 micro-batches make the effective batch of 16".
std::string use_line(const Inputs& in, std::int64_t num_features) {
  const std::int64_t length = in.options().data.max_seq_length;
  const std::int64_t effective = in.plan.largest_step();
  if (num_features >= effective) return fmt::format("the whole effective batch of {} fits at once", effective);
  return fmt::format("micro_batch_tokens {} ({} of {}): {} micro-batches make the effective batch of {}",
                     num_features * length, counted(num_features, "feature"), length,
                     (effective + num_features - 1) / num_features, effective);
}

// The last trial of a probe that found nothing is that of one feature.
bool fails_in_evaluation(const memory::SearchResult& nothing) {
  return !nothing.trials.empty() && nothing.trials.back().phase == train::kEvaluationPhase;
}

// The micro-batch that `find` finds, with as many savers as it takes and as may be taken.
std::int64_t with_savers(Job& job, const std::function<memory::SearchResult()>& find) {
  while (true) {
    const memory::SearchResult result = find();
    if (result.num_features > 0) return result.num_features;
    const std::string fact =
        fmt::format("not even one feature of {} tokens fits in memory", job.options().data.max_seq_length);
    if (fails_in_evaluation(result)) throw memory::EvaluationOutOfMemoryError(fact + " in an evaluation.");
    if (!take_saver(job, "not even one feature fitted")) throw OutOfMemoryError(fact + ".");
  }
}

void note(const std::string& line) {
  log::info("probe     " + line);
}

memory::SearchResult probe_here(const Job& job, const train::ProbeTask& task,
                                const std::function<void(const std::string&)>& say) {
  say(kTrialHead);
  const auto begin = [&](std::int64_t num_features) {
    const std::string line = fmt::format("trying {} of {} tokens", counted(num_features, "feature"), task.length);
    if (log::stderr_is_terminal()) {
      log::set_status_line(line);
    } else {
      note(line);
    }
  };
  const auto tell = [&](const memory::Trial& trial) {
    log::set_status_line("");
    say(trial_line(trial, task.length));
  };
  const memory::SearchResult result = train::probe(task, tell, begin);
  write_file_atomically(probe_file(job.inputs),
                        python_json(train::probe_json(task.scope(), result, key_of(job, task)), 2) + "\n");
  return result;
}

// A process that has run out of a GPU's memory has left marks on it: the training starts in a clean one.
void probe_in_child(const Job& job, const train::ProbeTask& task) {
  std::vector<std::string> settings = {
      fmt::format("probe_up_to={}", task.at_most), "memory_savers=off",
      fmt::format("gradient_checkpointing={}", task.model.gradient_checkpointing.value_or(false)),
      fmt::format("bf16={}", task.device.precision == device::Precision::kBf16),
      fmt::format("fp16={}", task.device.precision == device::Precision::kFp16)};
  if (job.resumes_itself) settings.emplace_back("resume_from_checkpoint=auto");
  job.means.invocation.probe(config::to_yaml(job.inputs.resolved), settings);
}

// The micro-batch that fits.
memory::SearchResult find_micro_batch(const Job& job, const weights::ModelWeights& weights) {
  const train::ProbeTask task = task_of(job, weights, job.inputs.plan.largest_step());
  const Json key = key_of(job, task);
  std::optional<memory::SearchResult> found = train::reusable_probe(probe_file(job.inputs), task.scope(), key);
  if (found && found->num_features > 0) {  // that nothing fitted then says nothing of now
    log::info(fmt::format("probe     {} still holds", probe_file(job.inputs)));
  } else {
    const auto where = job.options().memory.probe_process;
    const bool in_child =
        where == memory::ProbeProcess::kChild || (where == memory::ProbeProcess::kAuto && job.means.device.is_cuda());
    if (in_child) {
      probe_in_child(job, task);
      train::ProbeScope probed = task.scope();  // with whatever was free when the child looked
      probed.usable_bytes = std::numeric_limits<std::uint64_t>::max();
      found = train::reusable_probe(probe_file(job.inputs), probed, key);
      if (!found) throw Error(fmt::format("the probe left no result in {}.", probe_file(job.inputs)));
    } else {
      found = probe_here(job, task, note);
    }
  }
  return *std::move(found);
}

}  // namespace

void probe_for_parent(const Job& job, const weights::ModelWeights& weights) {
  probe_here(job, task_of(job, weights, size_of_data(job)), note);
}

void probe_memory(Job& job, const weights::ModelWeights& weights) {
  const auto print = [](const std::string& line) { std::cout << line << std::endl; };
  const auto find = [&] { return probe_here(job, task_of(job, weights, size_of_data(job)), print); };
  const checkpoint::RunDirectory directory(*job.options().train.output_dir, checkpoint::Existing::kContinue);
  std::int64_t found = 0;
  const std::int64_t longest = job.options().data.max_seq_length;
  const auto shortage = shortage_in([&] { found = with_savers(job, find); });
  if (shortage)
    throw OutOfMemoryError(explain_shortage(job, {longest, longest}, *shortage, Beginning::kAsTold, std::nullopt));
  std::cout << fmt::format("largest: {} ({} tokens)\n", counted(found, "feature"), with_thousands(found * longest))
            << "use: " << use_line(job.inputs, found) << "\nkept in " << probe_file(job.inputs) << std::endl;
}

std::optional<std::int64_t> find_token_budget(Job& job, const weights::ModelWeights& weights) {
  const std::int64_t found = with_savers(job, [&] { return find_micro_batch(job, weights); });
  log::info("probe     " + use_line(job.inputs, found));
  if (found >= job.inputs.plan.largest_step()) return std::nullopt;
  return found * job.options().data.max_seq_length;
}

}  // namespace bertft::run
