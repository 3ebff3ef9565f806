#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>

#include "bertft/run/trained_model.h"
#include "run/torch/job.h"

namespace bertft::run {

/// What to tell of an exception that means that memory ran out; nothing for any other.
std::optional<std::string> shortage_text(const std::exception& error);

/// Work that was given up for want of memory.
struct GivenUp {
  std::string fact;            // what to tell of it
  bool in_evaluation = false;  // of one feature
};

/// Does `work`; returns how it ended when memory ran out in it. throws what else `work` throws
std::optional<GivenUp> shortage_in(const std::function<void()>& work);

/// Tokens of the longest windows.
struct Longest {
  std::int64_t trained, evaluated;
};

/// The message for a run in which not even one feature fits: the fact, what there is and what is needed by a step, or
/// by the evaluation that was given up, up to three remedies with what they save of it, and a command that is expected
/// to work. `saved`: the checkpoint to go on from.
std::string explain_shortage(const Job& job, const Longest& longest, const GivenUp& given_up, Beginning beginning,
                             const std::optional<std::string>& saved);

/// The same where a trained model only answers `features`.
std::string explain_shortage(const TrainedModel& trained, const data::Features& features, const Means& means,
                             const std::string& fact);

}  // namespace bertft::run
