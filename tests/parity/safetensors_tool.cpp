// What safetensors_parity.py asks of us:
//   copy IN OUT       reads a safetensors file and writes it again
//   check FILE...     one line per file: "ok", or the first line of the refusal
//   export DIR OUT    reads a model directory and writes config.json and model.safetensors
//                     under BertForQuestionAnswering's names; prints the summary

#include <fstream>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "bertft/util/error.h"
#include "bertft/weights/model_directory.h"
#include "bertft/weights/safetensors.h"

namespace {

using namespace bertft;

void write_all(const std::string& path, const std::map<std::string, weights::TensorView>& tensors,
               const std::map<std::string, std::string>& metadata) {
  std::vector<weights::TensorToWrite> named;
  for (const auto& [name, tensor] : tensors) named.push_back({name, tensor.dtype, tensor.shape, {tensor.bytes}});
  weights::write_safetensors(path, std::move(named), metadata);
}

void copy(const std::string& from, const std::string& to) {
  const weights::SafetensorsFile file(from);
  write_all(to, file.tensors(), file.metadata());
}

void check(std::span<char*> paths) {
  for (const std::string path : paths) {
    try {
      const weights::SafetensorsFile file(path);
      std::cout << "ok\n";
    } catch (const WeightsError& error) {
      const std::string message = error.what();
      std::cout << message.substr(0, message.find('\n')) << '\n';
    }
  }
}

void export_model(const std::string& from, const std::string& to) {
  const weights::EncoderConfig config = weights::read_encoder_config(from);
  const weights::ModelWeights checkpoint = weights::read_weights(from, config, weights::Head::kMayBeMissing);
  std::ofstream(to + "/config.json") << weights::question_answering_config_json(config);
  write_all(to + "/model.safetensors", checkpoint.tensors, {});
  std::cout << checkpoint.summary() << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
  const std::string command = arguments.size() > 1 ? arguments[1] : "";
  try {
    if (command == "check") {
      check(arguments.subspan(2));
    } else if (command == "copy" && arguments.size() == 4) {
      copy(arguments[2], arguments[3]);
    } else if (command == "export" && arguments.size() == 4) {
      export_model(arguments[2], arguments[3]);
    } else {
      std::cerr << "usage: safetensors_tool copy IN OUT | check FILE... | export DIR OUT\n";
      return 2;
    }
  } catch (const Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
  }
}
