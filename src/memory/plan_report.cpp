#include "bertft/memory/plan_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "bertft/data/batch.h"
#include "bertft/memory/limits.h"
#include "bertft/util/text.h"

namespace bertft::memory {
namespace {

using device::Precision;

constexpr std::array<std::int64_t, 8> kCards = {8, 11, 12, 16, 24, 40, 80, 141};
constexpr std::uint64_t kGib = std::uint64_t{1} << 30;

const char* checkpointing_name(bool on) {
  return on ? "on" : "off";
}

StepShape variant(StepShape shape, Precision precision, bool gradient_checkpointing) {
  shape.precision = precision;
  shape.gradient_checkpointing = gradient_checkpointing;
  return shape;
}

template <class Visit>
void for_each_variant(const StepShape& shape, const Visit& visit) {
  const Precision half = is_half(shape.precision) ? shape.precision : Precision::kBf16;
  for (const bool checkpointing : {false, true}) {
    for (const Precision precision : {Precision::kFp32, half}) visit(variant(shape, precision, checkpointing));
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

std::string rows_text(const PlanReport& plan) {
  std::string text = fmt::format("type  recompute  features  gradients  activations  workspace      total{}\n",
                                 plan.usable_bytes ? "  fits" : "");
  for (const PlanReport::Row& row : plan.rows) {
    text += fmt::format("{:<4}  {:<9}  {:>8}  {:>9}  {:>11}  {:>9}  {:>9}", name_of(row.precision),
                        checkpointing_name(row.gradient_checkpointing), row.num_features,
                        row.bytes.gradients == 0 ? "-" : memory_text(row.bytes.gradients),
                        memory_text(row.bytes.activations), memory_text(row.bytes.workspace),
                        memory_text(row.bytes.total()));
    if (row.fits) text += *row.fits ? "  yes" : "  no";
    text += row.is_configured ? "  <\n" : "\n";
  }
  if (std::ranges::any_of(plan.rows, &PlanReport::Row::is_configured)) text += "< as configured\n";
  text += "Bytes at the fullest moment; where one batch is the whole step, gradients\ncome only as activations go.\n";
  if (plan.usable_bytes) {
    text += fmt::format("\"fits\" is within {}, the limit less its reserve{}\n", memory_text(*plan.usable_bytes),
                        plan.rows.front().bytes.context > 0 ? "; CUDA's context is outside a limit" : "");
    if (std::none_of(plan.rows.begin(), plan.rows.end(), [](const auto& row) { return *row.fits; })) {
      text +=
          "Nothing fits, not even one feature: raise memory_limit, lower memory_reserve, or\ntake a smaller model.\n";
    }
  }
  return text;
}

std::string savings_text(const PlanReport& plan) {
  std::string text = fmt::format(
      "\nWhat saves memory of an fp32 step, in the order of memory_savers: auto\n"
      "{:<28}{:>10}{:>10}  cost\n",
      "features of a micro-batch", plan.micro_batch, 1);
  for (const PlanReport::Saving& saving : plan.savings) {
    text += fmt::format("{:<28}{:>10}{:>10}  {}{}\n", saving.saver.setting(), memory_text(saving.of_all),
                        memory_text(saving.of_one), saving.saver.cost, saving.saver.is_automatic ? "" : " *");
  }
  return text + fmt::format(
                    "* never automatic\n"
                    "An evaluation batch of {} takes {} in {}, of one {}; it gets\n"
                    "smaller by itself when memory runs out, with the same result.\n",
                    plan.eval_batch, memory_text(plan.evaluation.total()), name_of(plan.evaluation_precision),
                    memory_text(plan.evaluation_of_one.total()));
}

std::string cards_text(const PlanReport& plan) {
  std::string text = "\nLargest micro-batch of a GPU with so many GiB, all of them free:\nprecision  recompute";
  for (const std::int64_t card : kCards) text += fmt::format("  {:>5}", card);
  for (std::size_t i = 0; i < plan.cards.size(); ++i) {
    if (i % kCards.size() == 0) {
      text += fmt::format("\n{:<9}  {:<9}", name_of(plan.cards[i].precision),
                          checkpointing_name(plan.cards[i].gradient_checkpointing));
    }
    text += fmt::format("  {:>5}", plan.cards[i].largest);
  }
  return text + (plan.evaluation_precision == Precision::kFp16 ? "\nfp16 as GPUs before Ampere compute it.\n" : "\n");
}

}  // namespace

PlanReport make_plan_report(const StepShape& shape, const PlanBatches& batches,
                            std::optional<std::uint64_t> usable_bytes) {
  PlanReport report;
  report.length = shape.length;
  report.num_trained = static_cast<std::int64_t>(plan_step(shape, 1).optimizer / (2 * sizeof(float)));
  report.num_parameters = report.num_trained + shape.encoder.num_rows_aside * shape.encoder.embedding_size;
  report.num_trained_words = shape.encoder.vocab_size;
  report.num_words = report.num_trained_words + shape.encoder.num_rows_aside;
  report.usable_bytes = usable_bytes;
  report.micro_batch = batches.micro;
  report.eval_batch = std::min(batches.eval, data::kMostSequences);
  StepShape step = shape;
  step.effective_batch = batches.effective;
  const StepShape plain = variant(step, Precision::kFp32, false);
  report.evaluation_precision = shape.precision;
  report.evaluation = plan_evaluation(step, report.eval_batch);
  report.evaluation_of_one = plan_evaluation(step, 1);
  for (const Saver& saver : savers_left(plain)) {
    report.savings.push_back({saver, saved_bytes(plain, saver, batches.micro), saved_bytes(plain, saver, 1)});
  }
  std::vector<std::int64_t> sizes;
  const std::int64_t most = std::min(batches.effective, data::kMostSequences);
  for (std::int64_t n = 1; n < most; n *= 2) sizes.push_back(n);
  sizes.push_back(most);
  const auto place = std::ranges::lower_bound(sizes, batches.micro);
  if (*place != batches.micro) sizes.insert(place, batches.micro);
  for_each_variant(step, [&](const StepShape& varied) {
    const bool is_configured =
        varied.precision == shape.precision && varied.gradient_checkpointing == shape.gradient_checkpointing;
    for (const std::int64_t n : sizes) {
      PlanReport::Row row{varied.precision, varied.gradient_checkpointing, n, plan_step(varied, n), std::nullopt};
      if (usable_bytes) row.fits = row.bytes.tensors() <= *usable_bytes;
      row.is_configured = is_configured && n == batches.micro;
      report.rows.push_back(row);
    }
    StepShape on_card = varied;
    on_card.is_cuda = true;
    const std::uint64_t context = plan_step(on_card, 1).context;
    for (const std::int64_t gigabytes : kCards) {
      const std::uint64_t room = usable_of_card(gigabytes) - context;
      report.cards.push_back({gigabytes, varied.precision, varied.gradient_checkpointing,
                              largest_micro_batch(on_card, room, data::kMostSequences)});
    }
  });
  return report;
}

std::string PlanReport::to_text() const {
  const StepBytes& first = rows.front().bytes;
  std::string parameters = fmt::format("{:.1f} M parameters", static_cast<double>(num_parameters) / 1e6);
  if (num_trained < num_parameters) {
    parameters +=
        fmt::format(", {:.1f} M of them trained ({} of {} words in use)", static_cast<double>(num_trained) / 1e6,
                    with_thousands(num_trained_words), with_thousands(num_words));
  }
  return fmt::format(
             "{}:{}weights {}, gradients {}, AdamW {}\n"
             "Estimates at {} tokens on {}; --probe-memory measures.\n\n",
             parameters, num_trained < num_parameters ? "\n" : " ", memory_text(first.weights),
             memory_text(first.optimizer / 2), memory_text(first.optimizer), length,
             first.context > 0 ? fmt::format("a GPU, CUDA context {}\n(--device cpu: on this machine's CPU)",
                                             memory_text(first.context))
                               : "this CPU") +
         rows_text(*this) + savings_text(*this) + cards_text(*this);
}

Json PlanReport::to_json() const {
  Json json = {{"estimate", true},
               {"device", rows.front().bytes.context > 0 ? "cuda" : "cpu"},
               {"length", length},
               {"parameters", num_parameters},
               {"trained_parameters", num_trained},
               {"usable_bytes", or_null(usable_bytes)},
               {"micro_batches", Json::array()},
               {"cards", Json::array()},
               {"savers", Json::array()},
               {"evaluation",
                {{"features", eval_batch},
                 {"precision", name_of(evaluation_precision)},
                 {"bytes", evaluation.total()},
                 {"bytes_of_one", evaluation_of_one.total()}}}};
  for (const Row& row : rows) {
    json["micro_batches"].push_back({{"precision", name_of(row.precision)},
                                     {"gradient_checkpointing", row.gradient_checkpointing},
                                     {"features", row.num_features},
                                     {"bytes", bytes_json(row.bytes)},
                                     {"fits", or_null(row.fits)},
                                     {"configured", row.is_configured}});
  }
  for (const Card& card : cards) {
    json["cards"].push_back({{"gib", card.gigabytes},
                             {"precision", name_of(card.precision)},
                             {"gradient_checkpointing", card.gradient_checkpointing},
                             {"largest_micro_batch", card.largest}});
  }
  for (const Saving& saving : savings) {
    json["savers"].push_back({{"key", saving.saver.key},
                              {"value", saving.saver.value},
                              {"features", micro_batch},
                              {"saved_bytes", saving.of_all},
                              {"saved_bytes_of_one", saving.of_one},
                              {"cost", saving.saver.cost},
                              {"automatic", saving.saver.is_automatic}});
  }
  return json;
}

}  // namespace bertft::memory
