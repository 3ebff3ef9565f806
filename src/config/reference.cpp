#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bertft/config/config.h"
#include "config/foreign_keys.h"

namespace bertft::config {
namespace {

constexpr std::string_view kIntroduction = R"(# Configuration reference

Generated from the declarations in `include/bertft/*/options.h`; do not edit. After a change
run `BERTFT_UPDATE_DOCS=1 build/tests/config_tests --gtest_filter='Reference.*'`.

## Where a value comes from

Later wins: the default, the `--config` files from left to right, the environment, the command
line in its order.

| source | form |
|---|---|
| file | `learning_rate: 3e-5`, one flat YAML map |
| environment | `BERT_FINETUNE_LEARNING_RATE=3e-5` |
| command line | `--learning-rate 3e-5`, `--learning_rate 3e-5` or `--set learning_rate=3e-5` |

A boolean's flag means true when it stands alone, `--no-X` means false, and `--X False` is read too.
`--dump-config` prints every value with its origin; the same text stands in the run directory as
`bert_finetune_config.yaml` and is accepted by `--config`, and by Python's YAML. Relative paths count
from the working directory, wherever they were written; nothing expands `~` or `${NAME}` in a file.

## How a value is read

The option decides, not the look of the value: `eval_strategy: no` is the name *no*,
`learning_rate: 3e-5` and `learning_rate: "3e-5"` are the same number, and `max_steps: 1e3` or
`1000.0` is a whole one. Booleans are true/false, yes/no, on/off or 1/0. Where *no* or *off* is a name
`false` is read as it, since Python's YAML makes that of it. `null` or `~` leaves an option unset where
that is one of its values; nothing at all behind the colon is an error.
Refused, because YAML readers disagree about them: `1_000`, `017`, `.nan`, anchors and aliases
(`&`, `*`), tags (`!`), duplicate keys, several documents in a file, files over 1 MiB. All errors
are reported at once, each with its place.
)";

constexpr std::string_view kOfTwoNames = R"(
Of two names in one source that ask for different things the error names both; but as in TrainingArguments
`warmup_steps` counts for more than `warmup_ratio`, unless it is 0. `metric_for_best_model: exact_match` is `exact`,
and its names may begin with `eval_`.
)";

std::string cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, 1, '\\');
  return text;
}

std::string value_cell(const OptionInfo& option) {
  const std::string what = option.type == "name"  ? option.range
                           : option.range.empty() ? option.type
                                                  : option.type + " " + option.range;
  return what + (option.unit.empty() ? "" : ", " + option.unit) +
         (option.unset_name.empty() ? "" : " or " + option.unset_name);
}

void append_options(std::string& out) {
  std::string group;
  for (const OptionInfo& option : list_options()) {
    if (option.group != group) {
      group = option.group;
      out += fmt::format("\n### {}\n\n| key | value | default | meaning |\n|---|---|---|---|\n", group);
    }
    out += fmt::format("| `{}` | {} | `{}` | {} |\n", option.key, cell(value_cell(option)), option.default_value,
                       cell(option.help));
  }
}

void append_old_names(std::string& out) {
  out += "\n## Other names\n\nAccepted; old ones with a notice that gives today's key.\n\n| name | key |\n|---|---|\n";
  for (const OptionInfo& option : list_options()) {
    for (const std::string& alias : option.aliases) {
      out += fmt::format("| `{}` | `{}` |\n", alias, option.key);
    }
  }
  out += kOfTwoNames;
}

void append_foreign_keys(std::string& out, ForeignKey::Answer answer) {
  out += "| key | why |\n|---|---|\n";
  for (const ForeignKey& foreign : foreign_keys()) {
    if (foreign.answer != answer || foreign.is_job) continue;
    out += fmt::format("| `{}` | {}", foreign.key, foreign.reason);
    if (answer == ForeignKey::Answer::kRefuse && !foreign.harmless.empty()) {
      out += fmt::format(" (accepted: {})", fmt::join(foreign.harmless, ", "));
    }
    out += " |\n";
  }
}

void append_jobs(std::string& out) {
  out +=
      "\n## What run_qa is told to do\n\n"
      "These count on the command line, in the environment, and in a file that names the model too.\n\n"
      "| key | meaning |\n|---|---|\n";
  for (const ForeignKey& foreign : foreign_keys()) {
    if (foreign.is_job) out += fmt::format("| `{}` | {} |\n", foreign.key, foreign.reason);
  }
}

}  // namespace

std::string reference_markdown() {
  std::string out(kIntroduction);
  out += "\n## Options\n";
  append_options(out);
  append_old_names(out);
  append_jobs(out);
  out += "\n## Hugging Face keys without an effect here\n\nNoted and passed over.\n\n";
  append_foreign_keys(out, ForeignKey::Answer::kPassOver);
  out +=
      "\n## Hugging Face keys, and planned ones, that are refused\n\n"
      "An error with the reason, unless the value asks for nothing (false, null, 0).\n\n";
  append_foreign_keys(out, ForeignKey::Answer::kRefuse);
  return out;
}

}  // namespace bertft::config
