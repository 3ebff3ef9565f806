#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "bertft/memory/planner.h"
#include "bertft/report/rows.h"
#include "bertft/run/inputs.h"
#include "bertft/train/probe_file.h"
#include "run/torch/means.h"

namespace bertft::run {

/// A run's inputs, and what is to work on them.
struct Job {
  Inputs inputs;
  Means means;
  std::set<std::string> savers;  // keys that memory_savers has turned on, in this process or in those before it
  std::optional<memory::SearchResult> probed = {};  // by a process of its own; used once

  const config::Options& options() const { return inputs.options(); }
};

/// Of options that are valid and may not be meant.
void tell_misgivings(const Inputs& in);

/// Finds the means, and takes the savers that memory_savers allows and that the plan, or a probe in a process of its
/// own, shows to be needed. throws as find_means()
Job make_job(Inputs inputs, const Invocation& invocation, std::optional<train::Probed> probed = {});

/// A training step of this run at the longest sequences there can be.
memory::StepShape step_shape(const Job& job);

/// What a run would do, before it does it. `micro_batch_tokens`: the token budget that a probe or a
/// checkpoint has left; that of the options holds without.
report::Rows describe(const Job& job, const std::string& weights_line,
                      const std::optional<std::int64_t>& micro_batch_tokens);

}  // namespace bertft::run
