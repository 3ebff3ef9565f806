#include "bertft/train/step_batches.h"

#include <exception>

#include "bertft/memory/shortage.h"

namespace bertft::train {

StepBatches make_batches(const data::Features& features, std::span<const std::uint32_t> windows,
                         const data::MicroBatchLimit& limit, c10::Device device) {
  StepBatches batches{{windows.begin(), windows.end()}, limit, {}};
  const auto borders = data::slice_batch(features, windows, limit);
  for (std::size_t i = 0; i + 1 < borders.size(); ++i) {
    const auto slice = windows.subspan(borders[i], borders[i + 1] - borders[i]);
    batches.micro_batches.push_back(
        model::stage(data::pack(features, slice, static_cast<std::uint32_t>(borders[i])), device));
  }
  return batches;
}

BatchesAhead::BatchesAhead(const data::Features& features, const Plan& plan, std::uint64_t data_seed,
                           c10::Device device)
    : features_(features), num_steps_(plan.total_steps), order_(plan, data_seed), device_(device) {}

StepBatches BatchesAhead::take(std::int64_t step, const data::MicroBatchLimit& limit) {
  StepBatches batches;
  try {
    batches = ahead_.take({step, limit});
  } catch (const std::exception& error) {
    if (!memory::is_out_of_memory(error)) throw;
    const auto windows = order_.windows(step);
    batches = {{windows.begin(), windows.end()}, limit, {}};
  }
  if (step + 1 < num_steps_) ahead_.begin({step + 1, limit});
  return batches;
}

StepBatches BatchesAhead::make(const Wanted& wanted) {
  return make_batches(features_, order_.windows(wanted.first), wanted.second, device_);
}

}  // namespace bertft::train
