#include "report/throughput.h"

#include <chrono>

namespace bertft::report {
namespace {

constexpr std::int64_t kWarmUpSteps = 2;
constexpr double kDecay = 0.95;

}  // namespace

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void Throughput::step_finished(double now_s, std::int64_t num_features) {
  const double took_s = now_s - last_s_;
  last_s_ = now_s;
  if (++num_steps_ <= kWarmUpSteps) return;
  const auto blend = [](double& average, double value) { average += (1 - kDecay) * (value - average); };
  blend(steps_, 1);
  blend(features_, static_cast<double>(num_features));
  blend(seconds_, took_s);
}

std::optional<double> Throughput::features_per_s() const {
  if (seconds_ <= 0) return std::nullopt;
  return features_ / seconds_;
}

std::optional<double> Throughput::seconds_per_step() const {
  if (seconds_ <= 0) return std::nullopt;
  return seconds_ / steps_;
}

}  // namespace bertft::report
