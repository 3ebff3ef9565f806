// Times what stands before and after the model: tokenizer, reader, windows, packing, decoding and metric.
//
//   pipeline_bench --model DIR --data SQUAD.json [--benchmark_min_time=3 --benchmark_repetitions=5 ...]
//
// `encode`, `pack` and `decode_and_score` are one thread; the others use what the program uses.
#include <benchmark/benchmark.h>

#include <CLI/CLI.hpp>
#include <numeric>
#include <random>

#include "bertft/data/batch.h"
#include "bertft/data/features.h"
#include "bertft/eval/decode.h"
#include "bertft/eval/metric.h"
#include "bertft/tokenizer/tokenizer.h"

namespace {

using namespace bertft;

struct Loaded {
  std::string path;
  std::unique_ptr<tokenizer::Tokenizer> tokenizer;
  data::Dataset dataset;
  data::Features features;
};

void encode(benchmark::State& state, const tokenizer::Tokenizer& tokenizer,
            const std::vector<std::string_view>& texts) {
  std::size_t bytes = 0;
  for (const std::string_view text : texts) bytes += text.size();
  std::vector<tokenizer::Token> tokens;
  for (auto _ : state) {
    tokens.clear();
    for (const std::string_view text : texts) tokenizer.encode(text, tokens);
    benchmark::DoNotOptimize(tokens.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * state.iterations());
}

void read(benchmark::State& state, const Loaded& loaded) {
  for (auto _ : state) benchmark::DoNotOptimize(data::read_dataset(loaded.path));
}

void make_features(benchmark::State& state, const Loaded& loaded) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(data::make_features(loaded.dataset, *loaded.tokenizer, {}, data::Purpose::kTraining));
  }
}

void file_to_features(benchmark::State& state, const Loaded& loaded) {
  for (auto _ : state) {
    const data::Dataset dataset = data::read_dataset(loaded.path);
    benchmark::DoNotOptimize(data::make_features(dataset, *loaded.tokenizer, {}, data::Purpose::kTraining));
  }
}

// In batches of 32, in file order.
void pack(benchmark::State& state, const data::Features& features) {
  constexpr std::size_t kBatch = 32;
  std::vector<std::uint32_t> order(features.windows.size());
  std::iota(order.begin(), order.end(), 0U);
  for (auto _ : state) {
    for (std::size_t i = 0; i < order.size(); i += kBatch) {
      const std::span batch = std::span(order).subspan(i, std::min(kBatch, order.size() - i));
      benchmark::DoNotOptimize(data::pack(features, batch, 0));
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(order.size()) * state.iterations());
}

// Logits of all windows, random and the same in each run.
void decode_and_score(benchmark::State& state, const Loaded& loaded) {
  const data::Features features =
      data::make_features(loaded.dataset, *loaded.tokenizer, {}, data::Purpose::kEvaluation);
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<std::vector<float>> start, end;
  for (const data::Window& window : features.windows) {
    for (auto* logits : {&start, &end}) {
      logits->emplace_back(features.length(window));
      for (float& logit : logits->back()) logit = normal(random);
    }
  }
  const eval::EvalOptions options;
  for (auto _ : state) {
    eval::Predictions texts;
    eval::NullOdds odds;
    for (std::size_t first = 0; first < features.windows.size();) {
      const std::uint32_t question = features.windows[first].question_idx;
      std::vector<eval::WindowLogits> logits;
      std::size_t last = first;
      for (; last < features.windows.size() && features.windows[last].question_idx == question; ++last) {
        logits.push_back({start[last], end[last]});
      }
      const std::span windows(features.windows.data() + first, last - first);
      const eval::Prediction prediction =
          eval::decode_question(loaded.dataset, features, windows, logits, options, 0.0, true);
      const std::string& id = loaded.dataset.questions[question].id;
      texts.emplace(id, prediction.text);
      odds.emplace_back(id, prediction.null_odds);
      first = last;
    }
    benchmark::DoNotOptimize(
        eval::evaluate(loaded.dataset, texts, odds, eval::MissingPredictions::kError, std::nullopt));
  }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  CLI::App app("Times the data pipeline.");
  std::string model;
  Loaded loaded;
  app.add_option("--model", model, "directory with the tokenizer's files")->required();
  app.add_option("--data", loaded.path, "SQuAD JSON file")->required();
  CLI11_PARSE(app, argc, argv);
  loaded.tokenizer = tokenizer::load_tokenizer(model);
  loaded.dataset = data::read_dataset(loaded.path);
  loaded.features = data::make_features(loaded.dataset, *loaded.tokenizer, {}, data::Purpose::kTraining);
  const std::vector<std::string_view> contexts(loaded.dataset.contexts.begin(), loaded.dataset.contexts.end());
  std::vector<std::string_view> questions;
  for (const data::Question& question : loaded.dataset.questions) questions.push_back(question.text);

  const auto add = [](const char* name, auto work) {
    benchmark::RegisterBenchmark(name, work)->Unit(benchmark::kMillisecond)->UseRealTime();
  };
  add("encode/contexts", [&](benchmark::State& state) { encode(state, *loaded.tokenizer, contexts); });
  add("encode/questions", [&](benchmark::State& state) { encode(state, *loaded.tokenizer, questions); });
  add("read", [&](benchmark::State& state) { read(state, loaded); });
  add("make_features", [&](benchmark::State& state) { make_features(state, loaded); });
  add("file_to_features", [&](benchmark::State& state) { file_to_features(state, loaded); });
  add("pack", [&](benchmark::State& state) { pack(state, loaded.features); });
  add("decode_and_score", [&](benchmark::State& state) { decode_and_score(state, loaded); });
  benchmark::RunSpecifiedBenchmarks();
}
