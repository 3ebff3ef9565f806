#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bertft/memory/planner.h"
#include "bertft/util/json.h"

namespace bertft::memory {

/// What training would take, before any device is asked (`--plan-memory`).
struct PlanReport {
  struct Row {
    bool bf16, gradient_checkpointing;
    std::int64_t num_features;  // of a micro-batch
    StepBytes bytes;
    std::optional<bool> fits;  // within the limit, where there is one
  };
  struct Card {
    std::int64_t gigabytes;  // GiB of the whole card
    bool bf16, gradient_checkpointing;
    std::int64_t largest;  // micro-batch; 0: not even one feature
  };

  std::int64_t length = 0, num_parameters = 0;
  std::optional<std::uint64_t> usable_bytes;  // of the limit, less the reserve
  std::vector<Row> rows;
  std::vector<Card> cards;

  /// Two tables of at most 80 columns.
  std::string to_text() const;
  Json to_json() const;
};

/// Micro-batches 1, 2, 4, ... up to `effective_batch`, and the largest one of cards from 8 to
/// 141 GiB. `shape` gives model and length; precision and checkpointing are varied.
PlanReport make_plan_report(const StepShape& shape, std::int64_t effective_batch,
                            std::optional<std::uint64_t> usable_bytes);

}  // namespace bertft::memory
