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

std::int64_t search_limit(const config::Options& options, std::int64_t otherwise) {
  return std::min(options.memory.probe_up_to.value_or(otherwise), data::kMostSequences);
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
          .at_most = search_limit(o, at_most)};
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

// What `find` finds, with as many savers as it takes and as may be taken.
memory::SearchResult with_savers(Job& job, const std::function<memory::SearchResult()>& find) {
  while (true) {
    memory::SearchResult result = find();
    const bool may_fit = result.num_features == 0 && !fails_in_evaluation(result);  // savers help a step alone
    if (!may_fit || !take_saver(job, "not even one feature fitted")) return result;
  }
}

// The micro-batch. throws OutOfMemoryError when there is none
std::int64_t fitting(const memory::SearchResult& result, const Job& job) {
  if (result.num_features > 0) return result.num_features;
  const std::string fact =
      fmt::format("not even one feature of {} tokens fits in memory", job.options().data.max_seq_length);
  if (fails_in_evaluation(result)) throw memory::EvaluationOutOfMemoryError(fact + " in an evaluation.");
  throw OutOfMemoryError(fact + ".");
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
  write_file_atomically(
      probe_file(job.inputs),
      python_json(train::probe_json(task.scope(), {result, job.savers}, key_of(job, task)), 2) + "\n");
  return result;
}

// For this run, from a probe.json that still holds, or found now.
memory::SearchResult find_micro_batch(const Job& job, const weights::ModelWeights& weights) {
  const train::ProbeTask task = task_of(job, weights, job.inputs.plan.largest_step());
  const std::string file = probe_file(job.inputs);
  const auto kept = train::reusable_probe(file, task.scope(), key_of(job, task));
  if (!kept || kept->num_features == 0) return probe_here(job, task, note);  // that nothing fitted then says nothing
  log::info(fmt::format("probe     {} still holds", file));
  return *kept;
}

}  // namespace

bool probes_in_child(const config::Options& options) {
  const memory::MemoryOptions& o = options.memory;
  if (o.probe_memory != memory::ProbeMemory::kAuto || o.probe_process == memory::ProbeProcess::kSame) return false;
  return device::chooses_gpu(options.device) || o.probe_process == memory::ProbeProcess::kChild;
}

train::Probed probe_in_child(const Inputs& in, const Invocation& invocation) {
  invocation.probe(config::to_yaml(in.resolved));
  auto probed = train::read_probe(probe_file(in));
  if (!probed) throw Error(fmt::format("the probe left no result in {}.", probe_file(in)));
  std::int64_t& found = probed->result.num_features;  // an earlier probe, which still holds, may have looked further
  found = std::min(found, search_limit(in.options(), in.plan.largest_step()));
  return *std::move(probed);
}

void probe_for_parent(Job& job, const weights::ModelWeights& weights) {
  with_savers(job, [&] { return find_micro_batch(job, weights); });
}

void probe_memory(Job& job, const weights::ModelWeights& weights) {
  const auto print = [](const std::string& line) { std::cout << line << std::endl; };
  const auto find = [&] { return probe_here(job, task_of(job, weights, size_of_data(job)), print); };
  const checkpoint::RunDirectory directory(*job.options().train.output_dir, checkpoint::Existing::kContinue);
  std::int64_t found = 0;
  const std::int64_t longest = job.options().data.max_seq_length;
  const auto shortage = shortage_in([&] { found = fitting(with_savers(job, find), job); });
  if (shortage)
    throw OutOfMemoryError(explain_shortage(job, {longest, longest}, *shortage, Beginning::kAsTold, std::nullopt));
  std::cout << fmt::format("largest: {} ({} tokens)\n", counted(found, "feature"), with_thousands(found * longest))
            << "use: " << use_line(job.inputs, found) << "\nkept in " << probe_file(job.inputs) << std::endl;
}

std::optional<std::int64_t> find_token_budget(Job& job, const weights::ModelWeights& weights) {
  const auto find = [&] {
    auto probed = std::exchange(job.probed, std::nullopt);
    return probed ? *std::move(probed) : find_micro_batch(job, weights);
  };
  const std::int64_t found = fitting(with_savers(job, find), job);
  log::info("probe     " + use_line(job.inputs, found));
  if (found >= job.inputs.plan.largest_step()) return std::nullopt;
  return found * job.options().data.max_seq_length;
}

}  // namespace bertft::run
