#include "bertft/memory/plan_report.h"

#include <fmt/format.h>

#include <array>

#include "bertft/memory/limits.h"
#include "bertft/util/text.h"

namespace bertft::memory {
namespace {

constexpr std::array<std::int64_t, 8> kCards = {8, 11, 12, 16, 24, 40, 80, 141};
constexpr std::uint64_t kGib = std::uint64_t{1} << 30;
constexpr std::int64_t kMostFeatures = 1 << 20;

const char* precision_name(bool bf16) {
  return bf16 ? "bf16" : "fp32";
}

const char* checkpointing_name(bool on) {
  return on ? "on" : "off";
}

StepShape variant(StepShape shape, bool bf16, bool gradient_checkpointing) {
  shape.bf16 = bf16;
  shape.gradient_checkpointing = gradient_checkpointing;
  return shape;
}

template <class Visit>
void for_each_variant(const Visit& visit) {
  for (const bool checkpointing : {false, true}) {
    for (const bool bf16 : {false, true}) visit(bf16, checkpointing);
  }
}

// What a plan may fill of a card: all but the reserve.
std::uint64_t usable_of_card(std::int64_t gigabytes) {
  const std::uint64_t whole = static_cast<std::uint64_t>(gigabytes) * kGib;
  return whole - default_reserve(whole);
}

Json bytes_json(const StepBytes& bytes) {
  return {{"weights", bytes.weights},     {"gradients", bytes.gradients},
          {"optimizer", bytes.optimizer}, {"activations", bytes.activations},
          {"workspace", bytes.workspace}, {"context", bytes.context},
          {"total", bytes.total()}};
}

}  // namespace

PlanReport make_plan_report(const StepShape& shape, std::int64_t effective_batch,
                            std::optional<std::uint64_t> usable_bytes) {
  PlanReport report;
  report.length = shape.length;
  report.num_parameters = static_cast<std::int64_t>(plan_step(shape, 1).weights / sizeof(float));
  report.usable_bytes = usable_bytes;
  std::vector<std::int64_t> sizes;
  for (std::int64_t n = 1; n < effective_batch; n *= 2) sizes.push_back(n);
  sizes.push_back(effective_batch);
  for_each_variant([&](bool bf16, bool checkpointing) {
    const StepShape varied = variant(shape, bf16, checkpointing);
    for (const std::int64_t n : sizes) {
      PlanReport::Row row{bf16, checkpointing, n, plan_step(varied, n), std::nullopt};
      if (usable_bytes) row.fits = row.bytes.tensors() <= *usable_bytes;
      report.rows.push_back(row);
    }
    StepShape on_card = varied;
    on_card.is_cuda = true;
    const std::uint64_t context = plan_step(on_card, 1).context;
    for (const std::int64_t gigabytes : kCards) {
      const std::uint64_t room = usable_of_card(gigabytes) - context;
      report.cards.push_back({gigabytes, bf16, checkpointing, largest_micro_batch(on_card, room, kMostFeatures)});
    }
  });
  return report;
}

std::string PlanReport::to_text() const {
  const StepBytes& first = rows.front().bytes;
  std::string text = fmt::format(
      "{:.1f} M parameters: weights {}, gradients {}, AdamW {}\n"
      "Estimates for features of {} tokens; --probe-memory measures.\n\n"
      "precision  recompute  features  activations  workspace      total{}\n",
      static_cast<double>(num_parameters) / 1e6, memory_text(first.weights), memory_text(first.gradients),
      memory_text(first.optimizer), length, usable_bytes ? "  fits" : "");
  for (const Row& row : rows) {
    text += fmt::format("{:<9}  {:<9}  {:>8}  {:>11}  {:>9}  {:>9}", precision_name(row.bf16),
                        checkpointing_name(row.gradient_checkpointing), row.num_features,
                        memory_text(row.bytes.activations), memory_text(row.bytes.workspace),
                        memory_text(row.bytes.total()));
    text += row.fits ? (*row.fits ? "  yes\n" : "  no\n") : "\n";
  }
  if (usable_bytes) text += fmt::format("fits: within {}, the limit less its reserve\n", memory_text(*usable_bytes));
  text += "\nLargest micro-batch of a GPU with so many GiB, all of them free:\nprecision  recompute";
  for (const std::int64_t card : kCards) text += fmt::format("  {:>5}", card);
  for (std::size_t i = 0; i < cards.size(); ++i) {
    if (i % kCards.size() == 0) {
      text += fmt::format("\n{:<9}  {:<9}", precision_name(cards[i].bf16),
                          checkpointing_name(cards[i].gradient_checkpointing));
    }
    text += fmt::format("  {:>5}", cards[i].largest);
  }
  return text + "\n";
}

Json PlanReport::to_json() const {
  Json json = {{"estimate", true},
               {"length", length},
               {"parameters", num_parameters},
               {"usable_bytes", usable_bytes ? Json(*usable_bytes) : Json(nullptr)},
               {"micro_batches", Json::array()},
               {"cards", Json::array()}};
  for (const Row& row : rows) {
    json["micro_batches"].push_back({{"precision", precision_name(row.bf16)},
                                     {"gradient_checkpointing", row.gradient_checkpointing},
                                     {"features", row.num_features},
                                     {"bytes", bytes_json(row.bytes)},
                                     {"fits", row.fits ? Json(*row.fits) : Json(nullptr)}});
  }
  for (const Card& card : cards) {
    json["cards"].push_back({{"gib", card.gigabytes},
                             {"precision", precision_name(card.bf16)},
                             {"gradient_checkpointing", card.gradient_checkpointing},
                             {"largest_micro_batch", card.largest}});
  }
  return json;
}

}  // namespace bertft::memory
