#include "bertft/memory/savers.h"

#include <algorithm>

namespace bertft::memory {
namespace {

constexpr std::int64_t kShortest = 64;  // questions need room beside their context

// Two thirds of it, to a multiple of eight.
std::int64_t shorter(std::int64_t length) {
  return length * 2 / 3 / 8 * 8;
}

}  // namespace

std::vector<Saver> savers_left(const StepShape& shape) {
  std::vector<Saver> left;
  if (!shape.gradient_checkpointing) {
    left.push_back(
        {Saver::Kind::kGradientCheckpointing, "gradient_checkpointing", "true", "about a third more time", true});
  }
  if (!is_half(shape.precision)) {
    const device::Precision half = shape.is_before_ampere ? device::Precision::kFp16 : device::Precision::kBf16;
    left.push_back({Saver::Kind::kHalfPrecision, std::string(name_of(half)), "true", "other rounding", true, half});
  }
  if (shorter(shape.length) >= kShortest) {
    left.push_back({Saver::Kind::kShorterWindows, "max_seq_length", std::to_string(shorter(shape.length)),
                    "other, shorter windows", false});
  }
  return left;
}

StepShape with_saver(StepShape shape, const Saver& saver) {
  switch (saver.kind) {
    case Saver::Kind::kGradientCheckpointing:
      shape.gradient_checkpointing = true;
      break;
    case Saver::Kind::kHalfPrecision:
      shape.precision = *saver.precision;
      break;
    case Saver::Kind::kShorterWindows:
      shape.length = shorter(shape.length);
      break;
  }
  return shape;
}

std::uint64_t saved_bytes(const StepShape& shape, const Saver& saver, std::int64_t num_features) {
  const std::uint64_t before = plan_step(shape, num_features).tensors();
  return before - std::min(before, plan_step(with_saver(shape, saver), num_features).tensors());
}

bool helps_one_feature(const StepShape& shape, const Saver& saver) {
  return saved_bytes(shape, saver, 1) > plan_step(shape, 1).tensors() / 100;
}

std::optional<std::vector<Saver>> savers_needed(StepShape shape, std::uint64_t bytes,
                                                const std::vector<Saver>& savers) {
  std::vector<Saver> taken;
  for (const Saver& saver : savers) {
    if (plan_least(shape).tensors() <= bytes) return taken;
    if (!helps_one_feature(shape, saver)) continue;
    shape = with_saver(shape, saver);
    taken.push_back(saver);
  }
  return plan_least(shape).tensors() <= bytes ? std::optional(taken) : std::nullopt;
}

}  // namespace bertft::memory
