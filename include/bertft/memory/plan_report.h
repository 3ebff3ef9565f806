#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bertft/memory/planner.h"
#include "bertft/memory/savers.h"
#include "bertft/util/json.h"

namespace bertft::memory {

/// What training would take, before any device is asked (`--plan-memory`).
struct PlanReport {
  struct Row {
    device::Precision precision;
    bool gradient_checkpointing;
    std::int64_t num_features;  // of a micro-batch
    StepBytes bytes;
    std::optional<bool> fits;    // within the limit, where there is one
    bool is_configured = false;  // what the options ask for
  };
  struct Card {
    std::int64_t gigabytes;  // GiB of the whole card
    device::Precision precision;
    bool gradient_checkpointing;
    std::int64_t largest;  // micro-batch; 0: not even one feature
  };

  struct Saving {  // of a micro-batch as configured, and of one feature
    Saver saver;
    std::uint64_t of_all, of_one;
  };

  std::int64_t length = 0, micro_batch = 0;
  std::int64_t num_parameters = 0, num_trained = 0;   // of the model; of them, those that are trained
  std::int64_t num_words = 0, num_trained_words = 0;  // rows of the words' table, the same
  std::optional<std::uint64_t> usable_bytes;          // of the limit, less the reserve
  std::vector<Row> rows;
  std::vector<Card> cards;
  std::vector<Saving> savings;  // of an fp32 step that keeps everything
  std::int64_t eval_batch = 0;
  device::Precision evaluation_precision = device::Precision::kFp32;  // as configured
  StepBytes evaluation, evaluation_of_one;                            // of a batch of that size, and of one feature

  /// Three tables of at most 80 columns.
  std::string to_text() const;
  Json to_json() const;
};

/// The features of a step, of its micro-batches as configured, and of an evaluation batch.
struct PlanBatches {
  std::int64_t effective = 1, micro = 1, eval = 1;
};

/// Micro-batches 1, 2, 4, ... up to the effective batch or data::kMostSequences, the largest one of cards
/// from 8 to 141 GiB, and what each saver saves. Precision (fp32 and a half one: fp16 if that is configured, else bf16)
/// and checkpointing are varied; those of `shape` are the configured ones.
PlanReport make_plan_report(const StepShape& shape, const PlanBatches& batches,
                            std::optional<std::uint64_t> usable_bytes);

}  // namespace bertft::memory
