#include "bertft/weights/model_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "bertft/util/error.h"
#include "bertft/util/text.h"
#include "weights/dtype.h"
#include "weights/tensor_names.h"
#include "weights/weight_files.h"

namespace bertft::weights {
namespace {

using ExpectedTensors = std::vector<std::pair<std::string, std::vector<std::int64_t>>>;

// What is wrong with a set of tensors, told as the first three and a count.
class Faults {
 public:
  void add(std::string fault) {
    if (count_++ < kShown) text_ += (text_.empty() ? "" : "; ") + std::move(fault);
  }

  void throw_if_any(std::string_view where, std::string_view advice) const {
    if (count_ == 0) return;
    const std::string more = count_ > kShown ? fmt::format("; and {} more", count_ - kShown) : "";
    throw WeightsError(fmt::format("{}: {}{}\n{}", printable(where), text_, more, advice));
  }

 private:
  static constexpr std::size_t kShown = 3;
  std::size_t count_ = 0;
  std::string text_;
};

// Sorts what the files hold into expected tensors and ignored names.
void place_tensors(ModelWeights& weights, const ExpectedTensors& expected, const Family& family,
                   const std::string& directory) {
  std::set<std::string_view> ours;
  for (const auto& [name, shape] : expected) ours.insert(name);
  Faults faults;
  for (const SafetensorsFile& file : weights.files) {
    for (const auto& [name, tensor] : file.tensors()) {
      if (name.starts_with("module.")) {
        throw WeightsError(
            fmt::format("{}: the names begin with 'module.', as in '{}': saved from inside a DataParallel wrapper\n"
                        "Save the wrapped model itself: model.module.save_pretrained(DIR)",
                        printable(directory), printable(name)));
      }
      const std::string canonical = canonical_name(name, family);
      if (ours.contains(canonical)) {
        if (!weights.tensors.emplace(canonical, tensor).second) {
          faults.add(fmt::format("two tensors stand for {}, '{}' one of them", canonical, printable(name)));
        }
      } else if (is_body(canonical, family)) {
        faults.add(fmt::format("'{}' is no part of the model that config.json describes", printable(name)));
      } else {
        weights.ignored.push_back(name);
      }
    }
  }
  faults.throw_if_any(directory, "config.json and the weights do not belong together: take both from one model.");
}

void find_missing(ModelWeights& weights, const ExpectedTensors& expected, const EncoderConfig& config,
                  const std::string& directory, Head head) {
  const Family& family = family_of(config);
  const std::string head_prefix = family.tensors(config).head + ".";
  Faults faults;
  for (const auto& [name, shape] : expected) {
    if (weights.tensors.contains(name)) continue;
    if (name.starts_with(head_prefix)) {
      weights.missing.push_back(name);
    } else {
      faults.add(name + " is missing");
    }
  }
  if (weights.missing.size() == 1) faults.add(weights.missing.front() + " is missing");
  const auto is_of_encoder = [&](const auto& named) { return named.first.starts_with(family.prefix()); };
  if (std::ranges::none_of(weights.tensors, is_of_encoder) && !weights.ignored.empty()) {
    throw WeightsError(
        fmt::format("{}: no tensor has the name of a weight of {}; the first of {} is '{}'\n"
                    "Choose a checkpoint in Hugging Face's naming, of config.json's model_type ({}).",
                    printable(directory), family.architecture(), weights.ignored.size(),
                    printable(weights.ignored.front()), family.model_type));
  }
  faults.throw_if_any(directory, "The weights are incomplete or of another model than config.json: fetch both again.");
  if (head == Head::kRequired && !weights.missing.empty()) {
    throw WeightsError(
        fmt::format("{}: a base model: it has no qa_outputs, so it cannot answer questions before training\n"
                    "Train it first, or give a directory that training has written.",
                    printable(directory)));
  }
}

void check_shapes(const ModelWeights& weights, const ExpectedTensors& expected, const std::string& directory) {
  Faults shapes, dtypes;
  for (const auto& [name, shape] : expected) {
    const auto found = weights.tensors.find(name);
    if (found == weights.tensors.end()) continue;
    const TensorView& tensor = found->second;
    if (!is_floating_point(tensor.dtype)) {
      dtypes.add(fmt::format("{} is of dtype {}, expected F32, F16, BF16 or F64", name, name_of(tensor.dtype)));
    } else if (tensor.shape != shape) {
      shapes.add(fmt::format("{} is {}, expected {}", name, shape_text(tensor.shape), shape_text(shape)));
    }
  }
  dtypes.throw_if_any(directory, "Quantised weights cannot be trained: take the model that they were made from.");
  shapes.throw_if_any(directory,
                      "The shapes follow from config.json (and two outputs of the head): take both from one model.");
}

void check_finite(const ModelWeights& weights, const ExpectedTensors& expected, const std::string& directory) {
  Faults faults;
  for (const auto& [name, shape] : expected) {
    const auto found = weights.tensors.find(name);
    if (found == weights.tensors.end()) continue;
    const std::int64_t count = count_non_finite(found->second);
    if (count > 0) {
      faults.add(fmt::format("{} has {} NaN or infinite of {} values{}", name, with_thousands(count),
                             with_thousands(found->second.num_elements()),
                             found->second.dtype == DType::kF64 ? " (as F32)" : ""));
    }
  }
  faults.throw_if_any(directory, "The training that made them diverged: take an earlier checkpoint.");
}

// "bert.pooler.dense.weight" -> "bert.pooler.*", "cls.predictions.bias" -> "cls.*"
std::string group_of(std::string_view name) {
  std::size_t dot = name.find('.');
  const auto is_body = [&](const Family* family) { return family->body == name.substr(0, dot); };
  if (std::ranges::any_of(families(), is_body) && dot != name.npos) dot = name.find('.', dot + 1);
  return dot == std::string_view::npos ? std::string(name) : fmt::format("{}.*", name.substr(0, dot));
}

// The largest groups first; a group of one by its whole name.
std::string ignored_text(const std::vector<std::string>& ignored) {
  std::map<std::string, std::vector<std::string_view>> groups;
  for (const std::string& name : ignored) groups[group_of(name)].push_back(name);
  std::vector<std::pair<std::string, std::size_t>> sorted;
  for (const auto& [group, names] : groups) {
    sorted.emplace_back(names.size() == 1 ? std::string(names.front()) : group, names.size());
  }
  std::ranges::stable_sort(sorted, std::ranges::greater{}, &std::pair<std::string, std::size_t>::second);

  constexpr std::size_t kShown = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(sorted.size(), kShown); ++i) {
    const auto& [name, count] = sorted[i];
    text += fmt::format("{}{}{}", i == 0 ? "" : ", ", printable(name), count == 1 ? "" : fmt::format(" ({})", count));
  }
  return sorted.size() > kShown ? text + ", ..." : text;
}

}  // namespace

std::string ModelWeights::summary() const {
  std::string text = fmt::format("loaded {}/{} tensors", tensors.size(), tensors.size() + missing.size());
  if (!missing.empty()) text += "; qa_outputs.{weight,bias} newly initialised (expected for a base model)";
  if (!ignored.empty()) text += "; ignored: " + ignored_text(ignored);
  return text;
}

ModelWeights read_weights(const std::string& directory, const EncoderConfig& config, Head head) {
  EncoderConfig of_file = config;
  of_file.vocab_size += config.num_rows_aside;
  const ExpectedTensors expected = expected_tensors(of_file);
  ModelWeights weights;
  weights.files = open_weight_files(directory);
  place_tensors(weights, expected, family_of(config), directory);
  find_missing(weights, expected, config, directory, head);
  check_shapes(weights, expected, directory);
  check_finite(weights, expected, directory);
  return weights;
}

}  // namespace bertft::weights
