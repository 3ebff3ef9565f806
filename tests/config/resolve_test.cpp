// Keys, sources and their precedence.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "bertft/config/config.h"
#include "config/foreign_keys.h"
#include "config/helpers.h"
#include "message_of.h"
#include "temporary_directory.h"

namespace bertft::config {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Resolve, UnknownKeyNamesTheNearestOne) {
  EXPECT_EQ(refusal_of_yaml("seed: 1\nlearing_rate: 3e-5\n"),
            "a.yaml:2:1: error: unknown key 'learing_rate'; did you mean 'learning_rate'?");
  EXPECT_EQ(refusal_of_yaml("max-seq-length: 1"),
            "a.yaml:1:1: error: unknown key 'max-seq-length'; did you mean 'max_seq_length'?");
  EXPECT_EQ(refusal_of_yaml("Warmup_Ration: 1"),
            "a.yaml:1:1: error: unknown key 'Warmup_Ration'; did you mean 'warmup_ratio'?");
  EXPECT_EQ(refusal_of_yaml("colour: 1"),
            "a.yaml:1:1: error: unknown key 'colour'; 'bert-finetune --help all' lists all keys");
}

TEST(Resolve, UnknownKeyOfTheCommandLineNamesTheArgument) {
  EXPECT_EQ(refusal_of_set("learing_rate", "3e-5"),
            "unknown key 'learing_rate'  (--set, argument 1); did you mean 'learning_rate'?");
}

TEST(Resolve, NestedSectionsAreExplained) {
  EXPECT_EQ(refusal_of_yaml("training:\n  seed: 1\n"),
            "a.yaml:1:1: error: unknown key 'training'; keys are not nested, they all stand in the first column");
}

TEST(Resolve, AllErrorsAreToldAtOnceInTheOrderOfTheirPlaces) {
  const std::string text = message_of<ConfigError>([] {
    resolve_texts({{"a.yaml", "seed: x\nlearing_rate: 1\nseed: 2\n"}, {"b.yaml", "tf32: 3\n"}},
                  {{"sed", "1", "BERT_FINETUNE_SED"}},
                  {{"bf16", "x", "--bf16"}, {"doc_stride", "400", "--doc-stride"}});
  });
  EXPECT_EQ(
      text,
      "a.yaml:1:7: error: seed: expected a non-negative integer, got 'x'\n"
      "a.yaml:2:1: error: unknown key 'learing_rate'; did you mean 'learning_rate'?\n"
      "a.yaml:3:1: error: duplicate key 'seed' (first on line 1); keep one\n"
      "b.yaml:1:7: error: tf32: expected true or false, got '3'\n"
      "error: unknown key 'sed'  (BERT_FINETUNE_SED); did you mean 'seed'?\n"
      "error: bf16: expected true, false or auto, got 'x'  (--bf16)\n"
      "error: doc_stride: 400 (--doc-stride) must be below max_seq_length - 3, with max_seq_length: 384 (default); "
      "lower doc_stride or raise max_seq_length\n"
      "7 errors");
}

TEST(Resolve, ALongListOfErrorsIsCutAndCounted) {
  std::string yaml;
  for (int i = 0; i < 200; ++i) yaml += "colour" + std::to_string(i) + ": 1\n";
  const std::string refusal = refusal_of_yaml(yaml);
  EXPECT_THAT(refusal, testing::EndsWith("\n200 errors, the first 50 shown"));
  EXPECT_EQ(std::count(refusal.begin(), refusal.end(), '\n'), 50);
}

TEST(Resolve, LaterSourcesWin) {
  const Resolved r = resolve_texts(
      {{"a.yaml", "seed: 1\nmax_steps: 1\ndata_seed: 1\nlogging_steps: 1\n"},
       {"b.yaml", "\nmax_steps: 2\ndata_seed: 2\nlogging_steps: 2\n"}},
      {{"data_seed", "3", "BERT_FINETUNE_DATA_SEED"}, {"logging_steps", "3", "BERT_FINETUNE_LOGGING_STEPS"}},
      {{"logging_steps", "4", "--set, argument 1"}, {"logging_steps", "5", "--logging-steps"}});
  EXPECT_EQ(r.options.train.seed, 1);
  EXPECT_EQ(r.options.train.max_steps, 2);
  EXPECT_EQ(r.options.train.data_seed, 3);
  EXPECT_EQ(r.options.train.logging_steps, 5);
  EXPECT_EQ(r.origins.at("tf32"), "default");
  EXPECT_EQ(r.origins.at("seed"), "a.yaml:1");
  EXPECT_EQ(r.origins.at("max_steps"), "b.yaml:2");
  EXPECT_EQ(r.origins.at("data_seed"), "BERT_FINETUNE_DATA_SEED");
  EXPECT_EQ(r.origins.at("logging_steps"), "--logging-steps");
}

TEST(Resolve, ALaterSourceCanUnset) {
  const Resolved r = resolve_texts({{"a.yaml", "max_steps: 10"}}, {}, {{"max_steps", "null", "--set, argument 1"}});
  EXPECT_FALSE(r.options.train.max_steps);
}

TEST(Resolve, OtherNamesGiveOneNoticeEach) {
  const Resolved r = resolve_yaml("evaluation_strategy: no\nbatch_size: 16\nwarmup_ratio: 0.1\n");
  EXPECT_EQ(r.options.train.per_device_train_batch_size, 16);
  EXPECT_EQ(r.options.optim.warmup_steps, 0.1);
  EXPECT_EQ(r.origins.at("warmup_steps"), "a.yaml:3");
  EXPECT_THAT(r.notices, ElementsAre("a.yaml:1:1: note: 'evaluation_strategy' is read as eval_strategy: no",
                                     "a.yaml:2:1: note: 'batch_size' is read as per_device_train_batch_size: 16",
                                     "a.yaml:3:1: note: 'warmup_ratio' is read as warmup_steps: 0.1"));
}

TEST(Resolve, NoticesOfTheCommandLineNameTheArgument) {
  EXPECT_THAT(resolve_set("warmup_ratio", "0.07").notices,
              ElementsAre("note: 'warmup_ratio' is read as warmup_steps: 0.07  (--set, argument 1)"));
}

TEST(Resolve, TheShortNameResumeIsNoOldName) {
  const Resolved r = resolve_set("resume", "auto");
  EXPECT_EQ(r.options.train.resume_from_checkpoint, "auto");
  EXPECT_THAT(r.notices, IsEmpty());
}

TEST(Resolve, AWishForTheCpuBecomesTheDevice) {
  EXPECT_EQ(resolve_yaml("use_cpu: true").options.device.device, device::DeviceChoice::kCpu);
  EXPECT_EQ(resolve_yaml("no_cuda: True").options.device.device, device::DeviceChoice::kCpu);
  EXPECT_EQ(resolve_yaml("no_cuda: false").options.device.device, device::DeviceChoice::kAuto);
  EXPECT_THAT(resolve_yaml("use_cpu: true").notices, ElementsAre("a.yaml:1:1: note: 'use_cpu' is read as device: cpu"));
}

TEST(Resolve, TwoNamesInOneSourceThatDisagreeAreRefused) {
  EXPECT_EQ(refusal_of_yaml("device: cuda\nno_cuda: true\n"),
            "a.yaml:2:1: error: 'no_cuda' and 'device' (line 1) set the same option; keep one, best as device");
  EXPECT_EQ(
      message_of<ConfigError>([] {
        resolve_texts({}, {},
                      {{"batch_size", "1", "--set, argument 1"}, {"train_batch_size", "2", "--set, argument 2"}});
      }),
      "'train_batch_size' and 'batch_size' (--set, argument 1) set the same option  (--set, argument 2); keep one, "
      "best as per_device_train_batch_size");
}

// As TrainingArguments writes itself out.
TEST(Resolve, AnOldNameThatAsksForNothingGivesWayToTheNewOne) {
  EXPECT_EQ(resolve_yaml("warmup_ratio: 0.0\nwarmup_steps: 500\n").options.optim.warmup_steps, 500);
  EXPECT_EQ(resolve_yaml("warmup_steps: 500\nwarmup_ratio: 0.0\n").options.optim.warmup_steps, 500);
  EXPECT_EQ(resolve_yaml("warmup_ratio: null\n").options.optim.warmup_steps, 0);
  EXPECT_EQ(resolve_yaml("no_cuda: false\nuse_cpu: true\n").options.device.device, device::DeviceChoice::kCpu);
  EXPECT_EQ(resolve_texts({{"a.yaml", "device: cpu"}, {"b.yaml", "use_cpu: false\nno_cuda: false\n"}}, {}, {})
                .options.device.device,
            device::DeviceChoice::kAuto);
  EXPECT_THAT(resolve_yaml("warmup_ratio: 0.0\nwarmup_steps: 500\n").notices, IsEmpty());
  EXPECT_EQ(resolve_texts({{"a.yaml", "warmup_steps: 10"}}, {}, {{"warmup_ratio", "0", "--set, argument 1"}})
                .options.optim.warmup_steps,
            0);
}

// As TrainingArguments writes itself out.
TEST(Resolve, TwoNamesInOneSourceThatAgreeAreFine) {
  EXPECT_EQ(resolve_yaml("use_cpu: true\nno_cuda: true\n").options.device.device, device::DeviceChoice::kCpu);
  EXPECT_EQ(resolve_yaml("evaluation_strategy: no\neval_strategy: no").options.train.eval_strategy,
            train::IntervalStrategy::kNo);
}

TEST(Resolve, WarmupIsWhatTrainingArgumentsMakeOfBothNames) {
  const auto warmup = [](const char* yaml) { return resolve_yaml(yaml).options.optim.warmup_steps; };
  EXPECT_EQ(warmup("warmup_ratio: 0.0\nwarmup_steps: 500\n"), 500);
  EXPECT_EQ(warmup("warmup_ratio: 0.1\nwarmup_steps: 0\n"), 0.1);
  EXPECT_EQ(warmup("warmup_steps: 0\nwarmup_ratio: 0.1\n"), 0.1);
  EXPECT_EQ(warmup("warmup_steps: 50\nwarmup_ratio: 0.1\n"), 50);
  EXPECT_EQ(warmup("warmup_ratio: 0.1\nwarmup_steps: 50\n"), 50);
  EXPECT_THAT(resolve_yaml("warmup_steps: 50\nwarmup_ratio: 0.1\n").notices,
              ElementsAre("a.yaml:2:1: note: 'warmup_ratio' has no effect: warmup_steps is given"));
}

TEST(Resolve, OfAFlagThatIsRepeatedTheLastCountsBesideOtherNamesToo) {
  using Flags = std::vector<std::pair<std::string, std::string>>;
  const auto resolved = [](const Flags& flags) {
    std::vector<Override> line;
    for (const auto& [key, value] : flags) line.push_back({key, value, "--" + key});
    return resolve_texts({}, {}, line).options;
  };
  const std::string one = "batch_size", other = "per_device_train_batch_size";
  EXPECT_EQ(resolved({{one, "3"}, {other, "2"}, {one, "2"}}).train.per_device_train_batch_size, 2);
  EXPECT_THROW(resolved({{one, "2"}, {other, "2"}, {one, "3"}}), ConfigError);
  EXPECT_THROW(resolved({{one, "x"}, {other, "y"}}), ConfigError);
  EXPECT_EQ(resolved({{"warmup_ratio", "0.1"}, {"warmup_steps", "50"}, {"warmup_steps", "0"}}).optim.warmup_steps, 0.1);
  EXPECT_EQ(resolved({{"warmup_ratio", "0.1"}, {"warmup_ratio", "0"}, {"warmup_steps", "0"}}).optim.warmup_steps, 0);
}

TEST(Resolve, AJobThatIsNeitherWishedNorNotIsAnError) {
  EXPECT_THAT(refusal_of_yaml("do_train: maybe"), HasSubstr("do_train: expected true or false, got 'maybe'"));
  EXPECT_THAT(refusal_of_yaml("do_eval: [true]"), HasSubstr("do_eval: expected true or false, got a list"));
  EXPECT_THAT(resolve_yaml("do_train: null").jobs, IsEmpty());
}

// run_qa's own word for it on SQuAD 1.1.
TEST(Resolve, ExactMatchIsTheMetricExact) {
  for (const char* name : {"exact_match", "eval_exact_match", "exact"}) {
    EXPECT_EQ(resolve_set("metric_for_best_model", name).options.train.metric_for_best_model,
              train::BestMetric::kExact);
  }
}

TEST(Resolve, FalseIsTheNameThatPythonsYamlTakesForIt) {
  EXPECT_EQ(resolve_yaml("eval_strategy: false").options.train.eval_strategy, train::IntervalStrategy::kNo);
  EXPECT_EQ(resolve_yaml("probe_memory: false").options.memory.probe_memory, memory::ProbeMemory::kOff);
  EXPECT_THAT(refusal_of_yaml("device: false"), HasSubstr("got 'false'"));
}

TEST(Resolve, NullLeavesADefaultThatIsNullAtHuggingFace) {
  const Options o = resolve_yaml("tf32: null\nmetric_for_best_model: null\n").options;
  EXPECT_FALSE(o.device.tf32);
  EXPECT_EQ(o.train.metric_for_best_model, train::BestMetric::kF1);
}

TEST(Resolve, OldAndNewNameInTwoSourcesFollowThePrecedence) {
  EXPECT_EQ(resolve_texts({{"a.yaml", "warmup_steps: 10"}, {"b.yaml", "warmup_ratio: 0.1"}}, {}, {})
                .options.optim.warmup_steps,
            0.1);
}

TEST(Resolve, KeysWithoutEffectAreNotedAndPassedOver) {
  EXPECT_THAT(resolve_yaml("group_by_length: true\nreport_to: [wandb]\n").notices,
              ElementsAre("a.yaml:1:1: note: 'group_by_length' has no effect: nothing is padded",
                          "a.yaml:2:1: note: 'report_to' has no effect: metrics go to metrics.jsonl in output_dir"));
}

TEST(Resolve, KeysOfWhatIsNotSupportedAreAnsweredWithTheReason) {
  EXPECT_EQ(refusal_of_yaml("torch_compile: true"),
            "a.yaml:1:1: error: 'torch_compile' is not supported: the program is native code already");
  EXPECT_EQ(
      refusal_of_yaml("lr_scheduler_kwargs: {a: {}}"),
      "a.yaml:1:1: error: 'lr_scheduler_kwargs' is not supported: schedules have no parameters besides warmup_steps");
  EXPECT_EQ(refusal_of_yaml("fsdp: [full_shard]"), "a.yaml:1:1: error: 'fsdp' is not supported: one device is used");
  EXPECT_EQ(refusal_of_set("push_to_hub", "true"),
            "'push_to_hub' is not supported: nothing is uploaded; push output_dir yourself  (--set, argument 1)");
  EXPECT_THAT(refusal_of_yaml("kernels: fused"), AllOf(HasSubstr("not supported: "), HasSubstr("one set of kernels")));
}

TEST(Resolve, RefusedKeysThatAskForNothingAreAccepted) {
  const Resolved r = resolve_yaml(
      "fp16_full_eval: false\ntorch_compile: no\ndeepspeed: null\nfsdp: ''\nkernels: reference\n"
      "label_smoothing_factor: 0.0\noptim: adamw_torch\nfsdp_config: {}\noptim_target_modules: []\n");
  EXPECT_THAT(r.notices, IsEmpty());
}

TEST(Resolve, NoKeyIsBothAnOptionAndForeign) {
  std::vector<std::string> known;
  for (const ForeignFlag& foreign : list_foreign_flags()) known.push_back(foreign.key);
  for (const OptionInfo& option : list_options()) {
    known.push_back(option.key);
    known.insert(known.end(), option.aliases.begin(), option.aliases.end());
  }
  std::sort(known.begin(), known.end());
  EXPECT_EQ(std::adjacent_find(known.begin(), known.end()), known.end());
}

TEST(Resolve, RelativePathsCountFromTheWorkingDirectory) {
  const auto here = std::filesystem::current_path();
  EXPECT_EQ(resolve_yaml("train_file: data/../train.json").options.data.train_file, (here / "train.json").string());
  EXPECT_EQ(resolve_yaml("train_file: /data/train.json").options.data.train_file, "/data/train.json");
  EXPECT_EQ(resolve_yaml("train_file: /../data/./deep/../../train.json").options.data.train_file, "/train.json");
  EXPECT_EQ(resolve_yaml("output_dir: /runs/here/").options.train.output_dir, "/runs/here");
}

TEST(Resolve, PathsOverALinkLeadWhereTheSystemWouldGo) {
  const TemporaryDirectory directory;
  std::filesystem::create_directories(directory / "far/away");
  std::filesystem::create_directory_symlink(directory / "far/away", directory / "link");
  const auto resolved = [&](const std::string& path) {
    return *resolve_yaml("train_file: " + (directory / path)).options.data.train_file;
  };
  EXPECT_EQ(resolved("link/../../train.json"), directory / "link/../../train.json");
  EXPECT_EQ(resolved("link/deep/../train.json"), directory / "link/train.json");
  EXPECT_EQ(resolved("far/../link/train.json"), directory / "link/train.json");
}

TEST(Resolve, HuggingFacesWaysToSayTheSameAreUnderstood) {
  EXPECT_EQ(resolve_yaml("metric_for_best_model: eval_exact").options.train.metric_for_best_model,
            train::BestMetric::kExact);
  EXPECT_EQ(resolve_yaml("resume_from_checkpoint: true").options.train.resume_from_checkpoint, "auto");
  EXPECT_FALSE(resolve_yaml("resume_from_checkpoint: false").options.train.resume_from_checkpoint);
}

TEST(Resolve, WordsThatPeopleUseAreAnsweredWithTheKey) {
  for (const auto& [word, key] :
       {std::pair("lr", "learning_rate"), {"epochs", "num_train_epochs"}, {"model", "model_name_or_path"}}) {
    EXPECT_THAT(refusal_of_set(word, "1"), HasSubstr(fmt::format("did you mean '{}'?", key)));
  }
}

TEST(Resolve, AKeyWithItsValueStuckToItIsToldApart) {
  EXPECT_THAT(refusal_of_yaml("data_seed: 3\nseed:3"), HasSubstr("write 'key: value', with a space behind the ':'"));
  EXPECT_THAT(refusal_of_yaml("{seed=3: 4}"), HasSubstr("write 'key: value'"));
  EXPECT_THAT(refusal_of_yaml("doc_stride: 500\nmax_seq_length:1000"), testing::Not(HasSubstr("errors")));
  EXPECT_THAT(refusal_of_set("seed:3", "4"), testing::Not(HasSubstr("space")));
}

TEST(Resolve, NoneAndTildeAreRefusedWithAHint) {
  EXPECT_EQ(refusal_of_set("max_steps", "None"),
            "max_steps: expected a positive integer or null, got 'None'; YAML's word is null  (--set, argument 1)");
  EXPECT_THAT(refusal_of_set("seed", "None"), testing::Not(HasSubstr("null"))) << "which is no seed either";
  EXPECT_THAT(refusal_of_yaml("output_dir: ~/runs"),
              HasSubstr("'~' is not expanded, got '~/runs'; write the path out"));
}

TEST(Resolve, AWishToTrainOrToEvaluateIsNothingToSpeakOf) {
  EXPECT_THAT(resolve_set("do_train", "True").notices, IsEmpty());
  EXPECT_THAT(resolve_set("do_eval", "True").notices, IsEmpty());
  EXPECT_THAT(resolve_set("do_predict", "True").notices, ElementsAre(HasSubstr("the predict command")));
}

TEST(OtherJob, IsAskedForWhereRunQaWouldNotTrain) {
  const auto asked = [](const std::vector<std::pair<std::string, std::string>>& flags, const std::string& yaml = "") {
    std::vector<Override> line;
    for (const auto& [key, value] : flags) line.push_back({key, value, "--" + key});
    const auto job =
        other_job(yaml.empty() ? resolve_texts({}, {}, line) : resolve_texts({{"a.yaml", yaml}}, {}, line));
    return job ? fmt::format("{}: {}", job->wish, job->command) : "training";
  };
  EXPECT_EQ(asked({{"do_eval", "true"}}), "do_eval without do_train (--do_eval): eval");
  EXPECT_EQ(asked({{"do_train", "False"}, {"do_predict", "true"}}),
            "do_predict without do_train (--do_predict): predict");
  EXPECT_EQ(asked({{"do_train", "False"}}), "do_train: false (--do_train): eval");
  EXPECT_EQ(asked({{"do_train", "true"}, {"do_eval", "true"}}), "training");
  EXPECT_EQ(asked({{"do_eval", "true"}}, "do_train: true"), "training");
  EXPECT_EQ(asked({{"do_eval", "true"}, {"do_eval", "False"}}), "training") << "the last one counts";
  EXPECT_EQ(asked({}, "do_train: false\ndo_eval: true"), "training") << "as TrainingArguments are written out";
  EXPECT_EQ(asked({}, "model_name_or_path: m\ndo_train: false\ndo_eval: true"),
            "do_eval without do_train (a.yaml:3): eval")
      << "a file of run_qa's";
  EXPECT_EQ(asked({{"model_name_or_path", "m"}}, "do_train: false"), "training");
  EXPECT_EQ(asked({{"model_name_or_path", "local"}}, "model_name_or_path: m\ndo_train: false"),
            "do_train: false (a.yaml:2): eval")
      << "whose model is named anew";
}

TEST(Resolve, TheEnvironmentIsReadByItsPrefix) {
  setenv("BERT_FINETUNE_MAX_SEQ_LENGTH", "256", 1);
  setenv("BERT_FINETUNE_LEARING_RATE", "1=2", 1);
  const std::vector<Override> overrides = environment_overrides();
  unsetenv("BERT_FINETUNE_MAX_SEQ_LENGTH");
  unsetenv("BERT_FINETUNE_LEARING_RATE");
  ASSERT_EQ(overrides.size(), 2u);
  EXPECT_EQ(overrides[0].key, "learing_rate");
  EXPECT_EQ(overrides[0].value, "1=2");
  EXPECT_EQ(overrides[0].origin, "BERT_FINETUNE_LEARING_RATE");
  EXPECT_EQ(overrides[1].key, "max_seq_length");
  EXPECT_EQ(message_of<ConfigError>([&] { resolve_texts({}, overrides, {}); }),
            "unknown key 'learing_rate'  (BERT_FINETUNE_LEARING_RATE); did you mean 'learning_rate'?");
}

TEST(Resolve, FilesAreReadFromDisk) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("resolve.yaml", "seed: 5\n");
  const Resolved r = resolve({.files = {path}, .environment = {}, .command_line = {}});
  EXPECT_EQ(r.options.train.seed, 5);
  EXPECT_EQ(r.origins.at("seed"), path + ":1");
}

TEST(Resolve, AMissingFileADirectoryAndAnOversizedFileAreInputErrors) {
  const auto resolve_file = [](const std::string& path) {
    resolve({.files = {path}, .environment = {}, .command_line = {}});
  };
  const TemporaryDirectory directory;
  EXPECT_THROW(resolve_file(directory / "no-such.yaml"), InputError);
  EXPECT_THROW(resolve_file(directory.path()), InputError);
  EXPECT_THROW(resolve_file(directory.write("big.yaml", std::string((1 << 20) + 1, '#'))), InputError);
}

TEST(Differences, AreThoseThatChangeARunsResult) {
  Options was, is;
  is.optim.learning_rate = 0.5;
  is.data.max_eval_samples = 7;
  is.model.config_name = "other";  // free to change: what stands there is compared
  is.train.logging_steps = 7;      // and so is how often
  is.memory.memory_limit = "8GiB";
  std::vector<std::string> told;
  for (const Difference& d : differences(was, is)) told.push_back(d.key + " " + d.was + " -> " + d.is);
  EXPECT_THAT(told, ElementsAre("max_eval_samples null -> 7", "learning_rate 5e-05 -> 0.5"));
  EXPECT_THAT(differences(was, was), IsEmpty());
}

TEST(StoredConfiguration, LeavesWhatBelongsToTheTrainingBehind) {
  const TemporaryDirectory directory;
  const std::string stored = directory.write("stored.yaml", "device: cpu\nmax_eval_samples: 3\nmax_seq_length: 200\n");
  Resolved r = resolve({.files = {stored}, .environment = {}, .command_line = {}});
  leave_with_training(r, stored);
  EXPECT_EQ(r.options.device.device, device::DeviceChoice::kAuto);
  EXPECT_FALSE(r.options.data.max_eval_samples);
  EXPECT_EQ(r.options.data.max_seq_length, 200);
}

TEST(StoredConfiguration, YieldsToWhatIsGivenBesides) {
  const TemporaryDirectory directory;
  const std::string stored = directory.write("stored.yaml", "max_eval_samples: 3\n");
  Resolved r =
      resolve({.files = {stored}, .environment = {}, .command_line = {{"max_eval_samples", "5", "--set, argument 1"}}});
  leave_with_training(r, stored);
  EXPECT_EQ(r.options.data.max_eval_samples, 5);
}

TEST(Resolve, PythonsBooleansAreUnderstoodOnTheCommandLine) {
  EXPECT_EQ(resolve_set("resume_from_checkpoint", "True").options.train.resume_from_checkpoint, "auto");
  EXPECT_FALSE(resolve_set("resume_from_checkpoint", "False").options.train.resume_from_checkpoint);
}

TEST(Resolve, AnOldNameThatIsNullAloneChangesNothing) {
  EXPECT_EQ(resolve_yaml("per_gpu_train_batch_size: null\n").options.train.per_device_train_batch_size, 8);
  EXPECT_THAT(resolve_yaml("evaluation_strategy: null\n").notices, IsEmpty());
}

TEST(Resolve, NoneAsksForNothing) {
  for (const char* none : {"none", "None"}) EXPECT_THAT(resolve_set("report_to", none).notices, IsEmpty()) << none;
  EXPECT_THAT(resolve_set("deepspeed", "None").notices, IsEmpty());
}

TEST(Resolve, AWishForABatchSizeThatFitsBecomesTheProbe) {
  EXPECT_EQ(resolve_yaml("auto_find_batch_size: true").options.memory.probe_memory, memory::ProbeMemory::kAuto);
  EXPECT_EQ(resolve_yaml("auto_find_batch_size: false").options.memory.probe_memory, memory::ProbeMemory::kOff);
}

}  // namespace
}  // namespace bertft::config
