// Times what stands before and after the model: tokenizer, reader, windows, packing, decoding and metric.
//
//   pipeline_bench --model DIR --data SQUAD.json [--benchmark_filter=REGEX --benchmark_min_time=3 ...]
//
// `encode`, `pack` and `decode_and_score` are one thread; the others use what the program uses.
// `encode_first` runs once, before anything else has used the tokenizer. `memory` tells what file to
// windows took at its peak beyond its result and the file's own pages. pipeline_peers.py runs others
// beside it.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "bertft/data/batch.h"
#include "bertft/data/features.h"
#include "bertft/eval/answers.h"
#include "bertft/eval/decode.h"
#include "bertft/tokenizer/tokenizer.h"

namespace {

using namespace bertft;

struct Loaded {
  std::string path;
  std::unique_ptr<tokenizer::Tokenizer> tokenizer;
  data::Dataset dataset;

  data::Features features(data::Purpose purpose) const { return data::make_features(dataset, *tokenizer, {}, purpose); }
};

using Texts = std::vector<std::string_view>;

std::int64_t num_bytes(const Texts& texts) {
  std::size_t bytes = 0;
  for (const std::string_view text : texts) bytes += text.size();
  return static_cast<std::int64_t>(bytes);
}

// `tokens` keeps its memory from one benchmark to the next.
void encode(benchmark::State& state, const tokenizer::Tokenizer& tokenizer, const Texts& texts,
            std::vector<tokenizer::Token>& tokens) {
  tokens.reserve(static_cast<std::size_t>(num_bytes(texts)) / 4);
  for (auto _ : state) {
    tokens.clear();
    for (const std::string_view text : texts) tokenizer.encode(text, tokens);
    benchmark::DoNotOptimize(tokens.data());
  }
  state.SetBytesProcessed(num_bytes(texts) * state.iterations());
}

void read(benchmark::State& state, const Loaded& loaded) {
  for (auto _ : state) benchmark::DoNotOptimize(data::read_dataset(loaded.path));
}

void make_features(benchmark::State& state, const Loaded& loaded) {
  for (auto _ : state) benchmark::DoNotOptimize(loaded.features(data::Purpose::kTraining));
}

// Without freeing what came out, which a run keeps.
void file_to_features(benchmark::State& state, const Loaded& loaded) {
  for (auto _ : state) {
    auto read = std::make_unique<data::TokenizedDataset>(data::read_and_tokenize(loaded.path, *loaded.tokenizer));
    auto features = std::make_unique<data::Features>(
        data::make_features(read->dataset, std::move(read->tokens), {}, data::Purpose::kTraining));
    benchmark::DoNotOptimize(features->windows.data());
    state.PauseTiming();
    features.reset();
    read.reset();
    state.ResumeTiming();
  }
}

std::size_t heap_bytes(const std::string& text) {
  return text.capacity() > std::string().capacity() ? text.capacity() + 1 : 0;
}

std::size_t bytes_of(const data::Dataset& dataset, const data::Features& features) {
  std::size_t bytes = dataset.contexts.size() * sizeof(std::string) + dataset.questions.size() * sizeof(data::Question);
  for (const std::string& context : dataset.contexts) bytes += heap_bytes(context);
  for (const data::Question& question : dataset.questions) {
    bytes += heap_bytes(question.id) + heap_bytes(question.text) + question.answers.size() * sizeof(data::Answer);
    for (const data::Answer& answer : question.answers) bytes += heap_bytes(answer.text);
  }
  const data::Tokens& tokens = features.tokens;
  for (const std::vector<tokenizer::Token>& arena : tokens.storage) bytes += arena.size() * sizeof(tokenizer::Token);
  return bytes + (tokens.contexts.size() + tokens.questions.size()) * sizeof(tokens.contexts[0]) +
         features.windows.size() * sizeof(data::Window) + features.context_of.size() * sizeof(std::uint32_t);
}

// A figure of /proc/self/status in bytes.
double status_bytes(std::string_view name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return 1024 * std::stod(line.substr(name.size() + 1));
  }
  return std::numeric_limits<double>::quiet_NaN();
}

void memory(benchmark::State& state, const Loaded& loaded) {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << 5;  // the peak begins here
  const double before = status_bytes("VmRSS:");
  for (auto _ : state) {
    auto [dataset, tokens] = data::read_and_tokenize(loaded.path, *loaded.tokenizer);
    const data::Features features = data::make_features(dataset, std::move(tokens), {}, data::Purpose::kTraining);
    const auto result = static_cast<double>(bytes_of(dataset, features));
    const auto file = static_cast<double>(std::filesystem::file_size(loaded.path));
    state.counters["result_MB"] = result / 1e6;
    state.counters["beyond_MB"] = (status_bytes("VmHWM:") - before - result - file) / 1e6;
  }
}

// In batches of 32, in file order.
void pack(benchmark::State& state, const Loaded& loaded) {
  const data::Features features = loaded.features(data::Purpose::kTraining);
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
  const data::Features features = loaded.features(data::Purpose::kEvaluation);
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
  const eval::Task task{loaded.dataset, features, options, 0.0, true};
  for (auto _ : state) {
    std::vector<eval::Prediction> predictions;
    for (std::size_t first = 0; first < features.windows.size();) {
      const std::uint32_t question = features.windows[first].question_idx;
      std::vector<eval::WindowLogits> logits;
      std::size_t last = first;
      for (; last < features.windows.size() && features.windows[last].question_idx == question; ++last) {
        logits.push_back({start[last], end[last]});
      }
      const std::span windows(features.windows.data() + first, last - first);
      predictions.push_back(eval::decode_question(task, windows, logits));
      first = last;
    }
    benchmark::DoNotOptimize(eval::score(task, predictions));
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
  const Texts contexts(loaded.dataset.contexts.begin(), loaded.dataset.contexts.end());
  Texts questions;
  for (const data::Question& question : loaded.dataset.questions) questions.push_back(question.text);
  Texts all = contexts;
  all.insert(all.end(), questions.begin(), questions.end());

  std::vector<tokenizer::Token> tokens;
  const auto add = [](const char* name, auto work) {
    return benchmark::RegisterBenchmark(name, work)->Unit(benchmark::kMillisecond)->UseRealTime();
  };
  add("encode_first/all", [&](benchmark::State& state) {
    encode(state, *loaded.tokenizer, all, tokens);
  })->Iterations(1);
  add("encode/all", [&](benchmark::State& state) { encode(state, *loaded.tokenizer, all, tokens); });
  add("encode/contexts", [&](benchmark::State& state) { encode(state, *loaded.tokenizer, contexts, tokens); });
  add("encode/questions", [&](benchmark::State& state) { encode(state, *loaded.tokenizer, questions, tokens); });
  add("read", [&](benchmark::State& state) { read(state, loaded); });
  add("make_features", [&](benchmark::State& state) { make_features(state, loaded); });
  add("file_to_features", [&](benchmark::State& state) { file_to_features(state, loaded); });
  add("memory", [&](benchmark::State& state) { memory(state, loaded); })->Iterations(1);
  add("pack", [&](benchmark::State& state) { pack(state, loaded); });
  add("decode_and_score", [&](benchmark::State& state) { decode_and_score(state, loaded); });
  benchmark::RunSpecifiedBenchmarks();
}
