#include "bertft/run/version.h"

#include <fmt/format.h>

namespace bertft::run {

std::string version_line() {
  return "bert-finetune " BERTFT_VERSION;
}

std::string build_info(const std::string& library_versions) {
  return fmt::format("{}\ncompiler GCC {}, {} build\n{}", version_line(), __VERSION__, BERTFT_BUILD_TYPE,
                     library_versions);
}

std::string model_card() {
  return fmt::format(
      "---\nlibrary_name: transformers\npipeline_tag: question-answering\n---\n"
      "Fine-tuned for extractive question answering by {}.\n"
      "The options of the run stand in `bert_finetune_config.yaml`.\n\n"
      "```python\nfrom transformers import AutoModelForQuestionAnswering, AutoTokenizer\n"
      "model = AutoModelForQuestionAnswering.from_pretrained(\"this directory\")\n"
      "tokenizer = AutoTokenizer.from_pretrained(\"this directory\")\n```\n",
      version_line());
}

}  // namespace bertft::run
